"""Who runs in a data directory: one lock, and a file that tells other terminals what runs and where."""

import fcntl
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from schakel_local.holder import is_alive

_POLL_SECONDS = 0.1
_ORPHANS_SECONDS = 20.0


class AlreadyRunsError(Exception):
    """Another run holds this data directory; the text says where it is reached."""


def _lock_path(directory: Path) -> Path:
    return directory / "run.lock"


def _run_path(directory: Path) -> Path:
    return directory / "run.json"


def read(directory: Path) -> dict[str, Any] | None:
    """What the run that holds this directory has written, or None when nothing runs."""
    if not _is_locked(directory) or not _run_path(directory).exists():
        return None
    record: dict[str, Any] = json.loads(_run_path(directory).read_text())
    return record


def write(directory: Path, record: dict[str, Any]) -> None:
    """Tell other terminals: `pid`, `address` and the state of each part."""
    temporary = _run_path(directory).with_suffix(".new")
    temporary.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    temporary.write_text(json.dumps(record, indent=2) + "\n")
    temporary.replace(_run_path(directory))


@contextmanager
def only_run(directory: Path) -> Iterator[None]:
    """Hold the data directory for the time of a run; the kernel gives the lock back whatever becomes of us.

    Raises:
        AlreadyRunsError: another run holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _lock_path(directory).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = read(directory) or {}
            where = record.get("address") or "its address is not chosen yet"
            raise AlreadyRunsError(f"already runs: {where} (process {record.get('pid', 'unknown')})") from None
        _await_orphans(directory)
        try:
            yield
        finally:
            _run_path(directory).unlink(missing_ok=True)


def stop(directory: Path, seconds: float) -> bool | None:
    """Ask the run to end and wait: True when it has, False when it has not in time, None when nothing ran."""
    record = read(directory)
    if record is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(int(record["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while _is_locked(directory):
        if time.monotonic() > deadline:
            return False
        _pause()
    return True


def _is_locked(directory: Path) -> bool:
    path = _lock_path(directory)
    if not path.exists():
        return False
    with path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _await_orphans(directory: Path) -> None:
    """After a run that was killed its children are ending: wait, bounded, so that their ports are free again."""
    path = _run_path(directory)
    if not path.exists():
        return
    states = json.loads(path.read_text()).get("parts", {}).values()
    pids = [int(state["pid"]) for state in states if state["pid"]]
    deadline = time.monotonic() + _ORPHANS_SECONDS
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        _pause()


def _pause() -> None:
    threading.Event().wait(_POLL_SECONDS)
