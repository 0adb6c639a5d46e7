"""The cable between this machine and the node, the network of the pods, and the names in it."""

import json
from collections.abc import Callable

from schakel_local.cluster.namespaces import in_network
from schakel_local.cluster.run import checked
from schakel_local.cluster.site import Site
from schakel_local.probe import answers
from schakel_local.process import Command
from schakel_local.supervisor import Job, Part, Say

HOST_NAME = "host.cluster.internal"
"""The name under which pods find this machine."""
_READY_PORT = 8181


def cable_job(site: Site, first: Callable[[], int]) -> Job:
    """Lay the cable: one end here, one in the node, and a route to the pods. It vanishes with the node."""

    async def run(_say: Say) -> str:
        node = str(first())
        host = ("ip", "link", "add", site.link, "type", "veth", "peer", "name", "eth0", "netns", node)
        await checked(*host)
        await checked("ip", "address", "add", f"{site.host_address}/24", "dev", site.link)
        await checked("ip", "link", "set", site.link, "up")
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", f"{site.node_address}/24", "dev", "eth0"),
            ("ip", "link", "set", "eth0", "up"),
            ("ip", "route", "add", "default", "via", site.host_address),
            ("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
        ):
            await checked(*in_network(first(), *command))
        await checked("ip", "route", "replace", site.pods, "via", site.node_address)
        return f"this machine is {site.host_address}, the node {site.node_address}"

    return Job("cable", run, needs=("node-init",))


def write_pod_network(site: Site) -> None:
    """Write the configuration with which the plugins connect each pod to the node's bridge."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": site.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    whole = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}
    site.write("cni/10-pods.conflist", json.dumps(whole, indent=2))


def names_part(site: Site, first: Callable[[], int]) -> Part:
    """CoreDNS as a process of the node: Services by name, this machine by name, and nothing else."""

    async def prepare(_say: Say) -> Command:
        corefile = site.write("Corefile", _corefile(site))
        return Command(argv=in_network(first(), site.program("coredns"), "-conf", str(corefile)))

    async def ready() -> bool:
        return await answers(f"http://{site.node_address}:{_READY_PORT}/ready")

    return Part("coredns", prepare, ready, needs=("kube-apiserver",))


def _corefile(site: Site) -> str:
    return f"""
cluster.local 10.in-addr.arpa {{
    bind {site.node_address}
    errors
    ready {site.node_address}:{_READY_PORT}
    kubernetes cluster.local 10.in-addr.arpa {{
        kubeconfig {site.kubeconfig}
        ttl 1
    }}
}}
cluster.internal {{
    bind {site.node_address}
    errors
    hosts {{
        {site.host_address} {HOST_NAME}
    }}
}}
. {{
    bind {site.node_address}
    template IN ANY {{
        rcode NXDOMAIN
    }}
}}
"""
