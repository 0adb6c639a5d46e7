"""Where a cluster lives: its folder, its programs, and a range of addresses that no other cluster here uses."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schakel_local.places import cache_directory

NODE = "schakel"
"""The name of the only node."""
API_PORT = 6443
_CLUSTERS_AT_ONCE = 8
_FIRST_RANGE = 210


class NoSiteError(Exception):
    """As many clusters as fit run here already."""


@dataclass(frozen=True)
class Site:
    """One cluster: its state lies in `folder`, its programs in `programs`, and `10.<number>.0.0/16` is its own."""

    folder: Path
    programs: Path
    number: int

    @property
    def host_address(self) -> str:
        """The address of this machine as pods see it: what listens there, or on every address, is reached by them."""
        return f"10.{self.number}.0.1"

    @property
    def node_address(self) -> str:
        """The address of the node as this machine sees it: NodePorts and the API answer there."""
        return f"10.{self.number}.0.2"

    @property
    def pods(self) -> str:
        """The range of the pods; this machine has a route to it."""
        return f"10.{self.number}.1.0/24"

    @property
    def services(self) -> str:
        """The range of the Services, known inside the node only."""
        return f"10.{self.number}.16.0/20"

    @property
    def api(self) -> str:
        """The address of the API server."""
        return f"https://{self.node_address}:{API_PORT}"

    @property
    def link(self) -> str:
        """The name of this machine's end of the cable to the node."""
        return f"schakel{self.number}"

    @property
    def cgroup(self) -> str:
        """The control group that holds everything that runs in pods."""
        return f"schakel-{self.number}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way in."""
        return self.folder / "kubeconfig"

    def program(self, name: str) -> str:
        """The path of one of the programs."""
        return str(self.programs / name)

    def write(self, name: str, text: str, *, mode: int = 0o600) -> Path:
        """Write a file of the configuration, readable by root only unless `mode` says otherwise."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=mode)
        path.write_text(text)
        return path


@contextmanager
def reserved(folder: Path, programs: Path) -> Iterator[Site]:
    """Hold a range of addresses for the time of a cluster; the kernel gives it back whatever becomes of us.

    Raises:
        NoSiteError: every range is held.
    """
    locks = cache_directory() / "clusters"
    locks.mkdir(parents=True, exist_ok=True)
    for number in range(_FIRST_RANGE, _FIRST_RANGE + _CLUSTERS_AT_ONCE):
        with (locks / f"{number}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield Site(folder, programs, number)
            return
    raise NoSiteError(f"{_CLUSTERS_AT_ONCE} clusters run on this machine already: stop one first")
