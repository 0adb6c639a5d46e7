"""One child process: started so that it cannot outlive us, written to a log, stopped in order and within a bound."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_KILL_SECONDS = 5.0
_LOG_ROLLS_AT_BYTES = 20_000_000


@dataclass(frozen=True)
class Command:
    """How to run a part: its program, what it adds to our environment, and how it stops.

    `stop_signal` asks for an orderly end, which may take `stop_seconds` before it is killed; `orphan_signal` is what
    the kernel sends it when we are gone without having asked (kill -9, out of memory).
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL


async def spawn(command: Command, log: Path) -> asyncio.subprocess.Process:
    """Start a command with its output appended to `log`.

    Call it from the main thread only: Linux takes the end of the *thread* that started a child for the parent's death.
    The child gets a session of its own, so that Ctrl-C and a closed terminal reach us alone and the end stays orderly.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    roll(log)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            env={**os.environ, **command.environment},
            cwd=command.directory,
            user=command.user,
            group=_group_of(command.user),
            extra_groups=[] if command.user else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tie_to_parent(command.orphan_signal),
        )


async def run(command: Command, log: Path, *, seconds: float) -> int:
    """Run a command to its end and return its exit code; it is killed when that takes longer than `seconds`."""
    process = await spawn(command, log)
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    finally:
        await kill(process)


async def stop(process: asyncio.subprocess.Process, command: Command) -> None:
    """End a process in order: ask, wait a bounded time, then kill."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(command.stop_signal)
    try:
        await asyncio.wait_for(process.wait(), command.stop_seconds)
    except TimeoutError:
        await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    """End a process at once, and wait until it is gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), _KILL_SECONDS)


def tie_to_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program, so that the kernel signals it when its parent dies. Linux only."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and here: no signal would ever come
            os._exit(1)

    return tie


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The last lines of a log, of which at most the last 16 KB are read."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return file.read().decode(errors="replace").splitlines()[-count:]


def describe_exit(code: int | None) -> str:
    """An exit code in words, such as `killed by SIGKILL` or `exit code 3`."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def roll(log: Path) -> None:
    """Put a log that has grown large aside as `<name>.1`, so that a machine's disk never fills with logs."""
    if log.exists() and log.stat().st_size > _LOG_ROLLS_AT_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # noqa: PLC0415 - not on every system, and only root gets here

    return pwd.getpwnam(user).pw_gid


_libc = ctypes.CDLL(None)
"""Loaded before any fork: between fork and exec nothing may be imported."""
