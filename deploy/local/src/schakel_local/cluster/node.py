"""The node: kubelet and kube-proxy, and the control group that bounds what they start."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from schakel_local.cluster.access import CLIENT_CERTIFICATE
from schakel_local.cluster.containerd import socket_of
from schakel_local.cluster.namespaces import in_node
from schakel_local.cluster.run import checked
from schakel_local.cluster.site import NODE, Site
from schakel_local.probe import answers
from schakel_local.process import Command
from schakel_local.supervisor import Job, Part, Say

_CGROUPS = Path("/sys/fs/cgroup")
_WEIGHTS = {"cpu.shares": 1024, "cpu.weight": 100}
"""Where each version of control groups keeps the weight of a group beside others, and what one process weighs."""
_PODS_WEIGH = 8
"""All pods together, beside the database, the broker and whatever else runs on this machine."""
_KUBELET_PORT, _PROXY_PORT = 10248, 10256
_WAIT_SECONDS = 120
_EMPTY_SECONDS = 10.0
_POLL_SECONDS = 0.05

_Config = Callable[[Site], dict[str, object]]


def node_parts(site: Site, first: Callable[[], int]) -> list[Part]:
    """Run kubelet and kube-proxy inside the node."""

    def part(name: str, config: _Config, flags: tuple[str, ...], port: int, need: str) -> Part:
        async def prepare(_say: Say) -> Command:
            file = site.write(f"{name}.json", json.dumps(config(site), indent=2))
            return Command(argv=in_node(first(), site.program(name), f"--config={file}", *flags))

        async def ready() -> bool:
            return await answers(f"http://{site.node_address}:{port}/healthz")

        return Part(name, prepare, ready, needs=("kube-apiserver", need))

    kubelet = (
        f"--kubeconfig={site.folder / 'kubeconfig-kubelet'}",
        f"--hostname-override={NODE}",
        f"--node-ip={site.node_address}",
        f"--root-dir={site.folder / 'kubelet'}",
        f"--cert-dir={site.folder / 'certificates-kubelet'}",
    )
    return [
        part("kubelet", _kubelet, kubelet, _KUBELET_PORT, "pause-image"),
        part("kube-proxy", _proxy, (f"--hostname-override={NODE}",), _PROXY_PORT, "cable"),
    ]


def node_job(site: Site) -> Job:
    """Wait until the node takes pods."""
    kubectl = (site.program("kubectl"), "--kubeconfig", str(site.kubeconfig), "wait", f"--timeout={_WAIT_SECONDS}s")

    async def run(_say: Say) -> str:
        for wanted in (
            ("--for=create", f"node/{NODE}"),
            ("--for=condition=Ready", f"node/{NODE}"),
            ("--for=create", "serviceaccount/default"),
        ):
            await checked(*kubectl, *wanted, seconds=_WAIT_SECONDS + 5)
        return "takes pods"

    return Job("node", run, needs=("kubelet", "kube-proxy", "coredns", "kube-controller-manager", "kube-scheduler"))


def make_cgroup(site: Site) -> None:
    """Make the control group of the pods in each hierarchy of this machine (one with cgroup v2)."""
    for parent in _hierarchies():
        group = parent / site.cgroup
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1 gives a new group none, and then nothing may enter it
            if (parent / name).exists() and (group / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((parent / name).read_text())
        for name, usual in _WEIGHTS.items():
            if (group / name).exists():
                (group / name).write_text(str(usual * _PODS_WEIGH))


def remove_cgroup(site: Site) -> None:
    """Remove the control group, once the last of its processes is gone; bounded."""
    deadline = time.monotonic() + _EMPTY_SECONDS
    for parent in _hierarchies():
        group = parent / site.cgroup
        while group.exists() and time.monotonic() < deadline:
            for path in sorted(group.rglob("*"), reverse=True):
                if path.is_dir():
                    with suppress(OSError):
                        path.rmdir()
            with suppress(OSError):
                group.rmdir()
                break
            threading.Event().wait(_POLL_SECONDS)


def _hierarchies() -> list[Path]:
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in sorted(_CGROUPS.iterdir()) if path.is_dir() and not path.is_symlink()]


def _kubelet(site: Site) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{socket_of(site)}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{site.cgroup}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "address": site.node_address,
        "healthzBindAddress": site.node_address,
        "healthzPort": _KUBELET_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(site.folder / CLIENT_CERTIFICATE)},
        },
        "authorization": {"mode": "AlwaysAllow"},  # to the API server, which has asked itself already
        "clusterDNS": [site.node_address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(site.write("resolv.conf", f"nameserver {site.node_address}\n", mode=0o644)),
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": str(site.folder / "volume-plugins"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "shutdownGracePeriod": "0s",
        "syncFrequency": "10s",
    }


def _proxy(site: Site) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(site.folder / "kubeconfig-proxy")},
        "mode": "iptables",
        "clusterCIDR": site.pods,
        "healthzBindAddress": f"{site.node_address}:{_PROXY_PORT}",
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0s", "syncPeriod": "30s"},
        # A container of a build machine may not write these settings of the kernel.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "oomScoreAdj": 0,
    }
