"""What another terminal asks of a run: `status`, `logs`, `down`."""

import asyncio
import time
from pathlib import Path
from typing import Any

from schakel_local import probe, runfile
from schakel_local.places import data_directory
from schakel_local.process import last_lines
from schakel_local.up import tell

_DOWN_SECONDS = 60.0
ANSWER_SECONDS = 4.0
"""A service whose database is slow takes three to say that it is not ready."""
_UNAVAILABLE = 503
_MEGABYTE = 1_000_000


def down(directory: Path | None = None) -> int:
    """Stop the run of a directory (by default the data directory) and wait until it has ended."""
    began = time.monotonic()
    ended = runfile.stop(directory or data_directory(), _DOWN_SECONDS)
    if ended is None:
        tell("nothing runs")
        return 0
    tell(f"stopped ({time.monotonic() - began:.1f} s)" if ended else f"still stopping after {_DOWN_SECONDS:.0f} s")
    return 0 if ended else 1


def status(directory: Path | None = None, *, answer_seconds: float = ANSWER_SECONDS) -> int:
    """Print each part and job with its state, process, restarts, memory and address; exit code 1 when nothing runs.

    A process that hangs is still what the supervisor last saw, so every part that speaks HTTP is asked once more,
    and has `answer_seconds` for it.
    """
    record = runfile.read(directory or data_directory())
    if record is None:
        tell("nothing runs")
        return 1
    states = asyncio.run(_states_now(record["parts"], answer_seconds))
    total = 0
    width = max(10, *(len(name) for name in record["parts"]))
    for name, state in record["parts"].items():
        memory = memory_of(state["pid"])
        total += memory
        shown = f"{memory // _MEGABYTE:>5} MB" if memory else ""
        restarts = f"{state['restarts']} restarts" if state["restarts"] else ""
        line = f"  {name:<{width}} {states[name]:<15} {state['pid'] or '':>7} {shown:>8}  {state['address']} {restarts}"
        tell(line.rstrip())
    tell(f"\n  {record['address']}   {total / _MEGABYTE:,.0f} MB in all, supervisor {record['pid']}")
    return 0


async def _states_now(parts: dict[str, dict[str, Any]], answer_seconds: float) -> dict[str, str]:
    """The state of each part and job, where one that was ready may have stopped answering."""

    async def state_now(part: dict[str, Any]) -> str:
        status: str = part["status"]
        if status != "ready" or not part["address"].startswith("http"):
            return status
        answered = await probe.status_of(f"{part['address']}/readyz", answer_seconds)
        return {0: "does not answer", _UNAVAILABLE: "not ready"}.get(answered, status)

    return dict(zip(parts, await asyncio.gather(*map(state_now, parts.values())), strict=True))


def logs(part: str | None, lines: int) -> int:
    """Print the last lines of one log, or of each; exit code 1 when there is no such log."""
    found = sorted((data_directory() / "logs").glob(f"{part or '*'}.log"))
    if not found:
        tell(f"there is no log of {part}" if part else "there are no logs yet")
        return 1
    for log in found:
        if part is None:
            tell(f"== {log.stem}")
        for line in last_lines(log, lines):
            tell(line)
    return 0


def memory_of(pid: int) -> int:
    """The memory in bytes that a process and its children take alone or share in part (PSS); 0 where unknown."""
    if not pid:
        return 0
    own = Path(f"/proc/{pid}/smaps_rollup")
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        kilobytes = next(int(line.split()[1]) for line in own.read_text().splitlines() if line.startswith("Pss:"))
        descendants = [int(child) for child in children.read_text().split()]
    except (OSError, StopIteration):
        return 0
    return kilobytes * 1024 + sum(memory_of(child) for child in descendants)
