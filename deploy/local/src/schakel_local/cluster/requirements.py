"""Whether this machine can run a cluster, in one sentence."""

import os
import platform
import shutil
import sys

from schakel_local.cluster import binaries
from schakel_local.cluster.containerd import ARCHITECTURES, PLUGINS

_TOOLS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
"""Programs of the distribution, and Debian's packages of them."""


def why_not() -> str:
    """Return one sentence that says what is missing for a cluster here and how to get it; nothing when it can run."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        return f"it needs Linux on x86-64 or ARM64, and this is {platform.system()} on {platform.machine()}"
    if os.geteuid() != 0:
        return "it needs root, to give the node a network and mounts of its own"
    packages = {package for tool, package in _TOOLS.items() if shutil.which(tool) is None}
    if not (PLUGINS / "bridge").exists():
        packages.add("containernetworking-plugins")
    if packages:
        return f"install {', '.join(sorted(packages))} (Debian: apt install {' '.join(sorted(packages))})"
    return binaries.why_not()
