"""etcd, the API server, the controllers and the scheduler: processes in the node's network, for tests only.

Nothing here outlives the run, so etcd does not wait for the disk.
"""

from collections.abc import Awaitable, Callable, Mapping

from schakel_local.cluster.access import CLIENT_CERTIFICATE, CLIENT_KEY
from schakel_local.cluster.namespaces import in_network
from schakel_local.cluster.run import succeeds
from schakel_local.cluster.site import API_PORT, NODE, Site
from schakel_local.probe import answers, listens
from schakel_local.process import Command
from schakel_local.supervisor import Part, Say

_ETCD_PORT, _ETCD_PEER_PORT, _ETCD_HEALTH_PORT = 2379, 2380, 2381
_CONTROLLERS_PORT, _SCHEDULER_PORT = 10257, 10259


def control_plane(site: Site, first: Callable[[], int]) -> list[Part]:
    """The four parts, in the order in which they need each other."""
    here, kubectl = site.node_address, (site.program("kubectl"), "--kubeconfig", str(site.kubeconfig))

    def part(name: str, flags: Mapping[str, object], ready: Callable[[], Awaitable[bool]], needs: str) -> Part:
        async def prepare(_say: Say) -> Command:
            given = (f"--{flag}={value}" for flag, value in flags.items())
            return Command(argv=in_network(first(), site.program(name), *given))

        return Part(name, prepare, ready, needs=(needs,))

    return [
        part("etcd", _etcd(site), lambda: answers(f"http://{here}:{_ETCD_HEALTH_PORT}/health"), "cable"),
        part("kube-apiserver", _api_server(site), lambda: succeeds(*kubectl, "get", "--raw", "/readyz"), "etcd"),
        part("kube-controller-manager", _controllers(site), lambda: listens(here, _CONTROLLERS_PORT), "kube-apiserver"),
        part("kube-scheduler", _scheduler(site), lambda: listens(here, _SCHEDULER_PORT), "kube-apiserver"),
    ]


def _etcd(site: Site) -> dict[str, object]:
    clients, peers = f"http://127.0.0.1:{_ETCD_PORT}", f"http://127.0.0.1:{_ETCD_PEER_PORT}"
    return {
        "name": NODE,
        "data-dir": site.folder / "etcd",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"{NODE}={peers}",
        "listen-metrics-urls": f"http://{site.node_address}:{_ETCD_HEALTH_PORT}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }


def _api_server(site: Site) -> dict[str, object]:
    return {
        "etcd-servers": f"http://127.0.0.1:{_ETCD_PORT}",
        "bind-address": site.node_address,
        "advertise-address": site.node_address,
        "secure-port": API_PORT,
        "cert-dir": site.folder / "certificates",
        "token-auth-file": site.folder / "tokens.csv",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "service-cluster-ip-range": site.services,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": site.folder / "service-accounts.pub",
        "service-account-signing-key-file": site.folder / "service-accounts.key",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-client-certificate": site.folder / CLIENT_CERTIFICATE,
        "kubelet-client-key": site.folder / CLIENT_KEY,
        "profiling": "false",
    }


def _controllers(site: Site) -> dict[str, object]:
    return {
        "kubeconfig": site.folder / "kubeconfig-controllers",
        "service-account-private-key-file": site.folder / "service-accounts.key",
        "root-ca-file": site.folder / "certificates" / "apiserver.crt",
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "bind-address": site.node_address,
        "secure-port": _CONTROLLERS_PORT,
        "cert-dir": site.folder / "certificates-controllers",
        "flex-volume-plugin-dir": site.folder / "volume-plugins",
        "profiling": "false",
    }


def _scheduler(site: Site) -> dict[str, object]:
    return {
        "kubeconfig": site.folder / "kubeconfig-scheduler",
        "leader-elect": "false",
        "bind-address": site.node_address,
        "secure-port": _SCHEDULER_PORT,
        "cert-dir": site.folder / "certificates-scheduler",
        "profiling": "false",
    }
