"""Stop a process at a named line, and kill it there."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from running import RunningStack, wait_until


@dataclass(frozen=True)
class Death:
    """Who died where."""

    part: str
    pid: int
    barrier: str


@contextmanager
def armed(stack: RunningStack, barrier: str) -> Iterator[None]:
    """Let the first process that comes to a line wait there; whoever waits goes on when the block ends."""
    reached = stack.barriers / f"{barrier}.reached"
    reached.unlink(missing_ok=True)
    (stack.barriers / f"{barrier}.armed").touch()
    try:
        yield
    finally:
        (stack.barriers / f"{barrier}.armed").unlink(missing_ok=True)
        reached.unlink(missing_ok=True)


def kill_at(stack: RunningStack, barrier: str, *, timeout_seconds: float = 30.0) -> Death:
    """Wait until a process stands at an armed line, kill it there and disarm the line.

    The process id is written by the process itself, so it is the right one; the supervisor tells which part it is.
    """
    reached = stack.barriers / f"{barrier}.reached"
    text = wait_until(
        lambda: reached.read_text() if reached.exists() else "",
        what=f"{barrier} reached",
        timeout_seconds=timeout_seconds,
    )
    pid = int(text)
    part = next(name for name, state in stack.record()["parts"].items() if int(state["pid"]) == pid)
    os.kill(pid, signal.SIGKILL)
    (stack.barriers / f"{barrier}.armed").unlink(missing_ok=True)
    reached.unlink(missing_ok=True)
    return Death(part, pid, barrier)
