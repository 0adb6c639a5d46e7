"""The node's own network, mounts and process numbers: everything in them ends when their first process does."""

import signal
from pathlib import Path

from schakel_local.cluster.site import Site
from schakel_local.process import Command
from schakel_local.supervisor import Part, Say, State

INIT = "node-init"
_PREPARE = """
set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /var/lib/cni
mount -t tmpfs -o mode=755 tmpfs /var/lib/cni
mount --bind "$1" /var/log
touch "$1/.made"
exec "$2"
"""
"""Sockets, locks and logs that programs keep at fixed places stay inside; `/var/lib/cni` may be left, empty."""


def init_part(site: Site) -> Part:
    """The first process: while it lives the namespaces exist, and when it is killed the kernel ends all in them."""
    logs = site.folder / "var-log"

    async def prepare(_say: Say) -> Command:
        logs.mkdir(parents=True, exist_ok=True)
        kinds = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
        return Command(
            argv=("unshare", *kinds, "--", "sh", "-c", _PREPARE, "sh", str(logs), site.program("pause")),
            stop_signal=signal.SIGKILL,
        )

    async def ready() -> bool:
        return (logs / ".made").exists()

    return Part(INIT, prepare, ready, ready_seconds=20.0)


def first_process(states: dict[str, State]) -> int:
    """The process id, as this machine counts, of the first process in the namespaces.

    Raises:
        ProcessLookupError: there is none (any more).
    """
    parent = states[INIT].pid
    children = Path(f"/proc/{parent}/task/{parent}/children")
    found = children.read_text().split() if children.exists() else []
    if not found:
        raise ProcessLookupError("the node has no first process")
    return int(found[0])


def in_network(first: int, *argv: str) -> tuple[str, ...]:
    """A command that runs a program in the node's network."""
    return ("nsenter", "--target", str(first), "--net", "--", *argv)


def in_node(first: int, *argv: str) -> tuple[str, ...]:
    """A command that runs a program inside the node; it is killed with the process that entered for it."""
    kinds = ("--net", "--mount", "--pid")
    return ("nsenter", "--target", str(first), *kinds, "--", "setpriv", "--pdeathsig", "KILL", "--", *argv)
