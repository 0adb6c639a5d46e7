"""The test stack: parts started on first use, shared by everybody who names the same directory."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schakel_local import holder
from schakel_local.holder import PartName
from schakel_local.places import LOOPBACK
from schakel_local.process import last_lines

STANDING = Path("/tmp/schakel-test-stack.json")  # noqa: S108 - a fixed place, so that every terminal finds the same stack
PARTS: tuple[PartName, ...] = ("postgres", "kafka", "keycloak")
_READY_SECONDS = 330.0
_STOP_SECONDS = 40.0
_POLL_SECONDS = 0.05


class TestStackError(Exception):
    """A part of the test stack cannot be had; the text holds its last log lines."""

    __test__ = False  # pytest takes classes that are named Test* for tests


def ensure(directory: Path, name: PartName, owner: int | None, host: str = LOOPBACK) -> dict[str, Any]:
    """What the holder of a part says once the part is ready; starts the holder when there is none.

    Many workers may ask at once: a file lock lets one of them start it, the others find it running.
    """
    with locked(directory / f"{name}.lock"):
        if holder.read(directory, name) is None:
            start(directory, name, owner, host)
        return await_status(directory, name, "ready")


def await_status(directory: Path, name: PartName, status: str) -> dict[str, Any]:
    """Wait, bounded, until the part's status is `status`, and return what its holder says."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        record = holder.read(directory, name)
        if record and record["status"] == status:
            return record
        if record is None and not any(child.poll() is None for child in _children):
            break
        _pause()
    lines = "\n".join(last_lines(directory / f"{name}.out", 40))
    raise TestStackError(f"{name} did not become {status}:\n{lines}")


def signal_holder(directory: Path, name: PartName, number: signal.Signals, status: str) -> dict[str, Any]:
    """Steer the holder of a part and wait until the part has that status."""
    record = holder.read(directory, name)
    if record is None:
        raise TestStackError(f"{name} is not held")
    os.kill(int(record["holder"]), number)
    return await_status(directory, name, status)


def stop(directory: Path) -> None:
    """End all holders of a directory and wait, bounded, until they are gone; what needs others goes first."""
    for name in reversed(PARTS):
        record = holder.read(directory, name)
        if record is None:
            continue
        pid = int(record["holder"])
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while holder.is_alive(pid) and time.monotonic() < deadline:
            _pause()
    _children[:] = [child for child in _children if child.poll() is None]


def start_standing(directory: Path, names: tuple[PartName, ...] = PARTS) -> Path:
    """Start a stack that stays until `stop_standing`, and return the file to name in `SCHAKEL_TEST_STACK`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        ensure(directory, name, None)
    STANDING.write_text(json.dumps({"directory": str(directory)}) + "\n")
    return STANDING


def stop_standing() -> bool:
    """Stop the standing stack; False when there is none."""
    if not STANDING.exists():
        return False
    stop(Path(json.loads(STANDING.read_text())["directory"]))
    STANDING.unlink()
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the file stays, the lock ends with the block or the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pause() -> None:
    threading.Event().wait(_POLL_SECONDS)


def start(directory: Path, name: PartName, owner: int | None, host: str = LOOPBACK) -> None:
    """Start the holder of a part without waiting for it; for `ensure`, or under the part's lock."""
    output = directory / f"{name}.out"
    arguments = [
        "hold",
        name,
        "--directory",
        str(directory),
        "--host",
        host,
        *(["--owner", str(owner)] if owner else []),
    ]
    with output.open("w") as file:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "schakel_local", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    _children.append(child)


_children: list[subprocess.Popen[bytes]] = []
"""Holders that this process started: kept so that their exit codes are fetched, else they stay as zombies."""
