"""Ports: the preferred one, or the one kept from an earlier run, or a free one; a taken port is named."""

import json
import socket
from collections.abc import Callable
from pathlib import Path


def is_free(port: int) -> bool:
    """Whether a program could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that nobody uses, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Ports:
    """The ports of one data directory, kept in `ports.json` so that addresses stay the same between runs."""

    def __init__(self, directory: Path, say: Callable[[str], None], *, standard: bool = True) -> None:
        """`standard=False` leaves the preferred ports to others: a test stack does not take those of `up`."""
        self._standard = standard
        self._file = directory / "ports.json"
        self._say = say
        self._kept: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._taken: dict[str, int] = {}

    @property
    def kept(self) -> dict[str, int]:
        """The ports of earlier runs by name."""
        return dict(self._kept)

    def take(self, name: str, preferred: int | None = None, *, fixed: int | None = None) -> int:
        """The port of a part for this run: `fixed` (asked for now), else the kept one, else `preferred`.

        A port in use is said by number, another one is taken instead, and that one is kept.
        """
        if name in self._taken:
            return self._taken[name]
        wanted = fixed or self._kept.get(name) or (preferred if self._standard else None) or any_free()
        port = wanted
        while port in self._taken.values() or not is_free(port):
            port = any_free()
        if port != wanted:
            self._say(f"port {wanted} is in use by another program; {name} takes {port} and keeps it")
        self._taken[name] = port
        if self._kept.get(name) != port:
            self._kept[name] = port
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._kept, indent=2, sort_keys=True) + "\n")
        return port
