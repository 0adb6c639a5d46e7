"""Keeps parts running: starts them in parallel as their needs allow, restarts what dies, ends in order."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from schakel_local import process
from schakel_local.process import Command

DEATHS_ALLOWED = 3
"""Deaths of one part within `WITHIN_SECONDS` that end the run, unless the caller allows more."""
WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.1

Say = Callable[[str], None]
Status = Literal["waiting", "preparing", "starting", "ready", "down", "done", "stopped"]


@dataclass(frozen=True)
class Part:
    """A process that is kept running.

    `prepare` makes its place and says how to run it (again before each restart); `ready` asks whether it serves;
    `needs` names the parts and jobs that must be ready first; `address` is shown when it is ready.
    """

    name: str
    prepare: Callable[[Say], Awaitable[Command]]
    ready: Callable[[], Awaitable[bool]]
    needs: tuple[str, ...] = ()
    address: str = ""
    ready_seconds: float = 120.0


@dataclass(frozen=True)
class Job:
    """Work that is done once per run; `run` returns one line that says what was done."""

    name: str
    run: Callable[[Say], Awaitable[str]]
    needs: tuple[str, ...] = ()


@dataclass
class State:
    """What is known of a part or job now; `pid` is 0 while there is no process."""

    status: Status = "waiting"
    pid: int = 0
    restarts: int = 0
    address: str = ""


class RunEnded(Exception):  # noqa: N818 - it ends the run; whether that is an error is told by its text
    """A part could not be kept running, or a job failed; the text holds the last lines of its log."""


class Supervisor:
    """One run of parts and jobs. Make it and call it on the main thread (children are tied to that thread)."""

    def __init__(
        self,
        parts: Sequence[Part],
        jobs: Sequence[Job] = (),
        *,
        logs: Path,
        say: Callable[[str, str], None],
        changed: Callable[[dict[str, State]], None] = lambda _: None,
        deaths_allowed: int = DEATHS_ALLOWED,
    ) -> None:
        self._parts = {part.name: part for part in parts}
        self._jobs = {job.name: job for job in jobs}
        self._logs = logs
        self._say = say
        self._changed = changed
        self._deaths_allowed = deaths_allowed
        self._reached = {name: asyncio.Event() for name in (*self._parts, *self._jobs)}
        self._running: dict[str, tuple[asyncio.subprocess.Process, Command]] = {}
        self._holds: dict[str, asyncio.Event] = {}
        self._stop = asyncio.Event()
        self.states = {name: State() for name in self._reached}

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is called; `ready` is called once, when every part and job is.

        Raises:
            RunEnded: a part died too often or never became ready, or a job failed.
        """
        tasks = [asyncio.create_task(self._keep(part)) for part in self._parts.values()]
        tasks += [asyncio.create_task(self._do(job)) for job in self._jobs.values()]
        stopping = asyncio.create_task(self._stop.wait())
        announcing = asyncio.create_task(self._announce(ready))
        watched = {*tasks, announcing}
        try:
            while not stopping.done():
                done, _ = await asyncio.wait({stopping, *watched}, return_when=asyncio.FIRST_COMPLETED)
                for task in done & watched:
                    task.result()
                watched -= done
        finally:
            for task in (*tasks, stopping, announcing):
                task.cancel()
            await asyncio.gather(*tasks, stopping, announcing, return_exceptions=True)
            await self._stop_all()

    def stop(self) -> None:
        """Ask for the orderly end of the run."""
        self._stop.set()

    def hold(self, name: str) -> None:
        """Kill a part at once and keep it down until `release`: for tests of what the others do meanwhile."""
        self._holds[name] = asyncio.Event()
        if name in self._running:
            self._running[name][0].kill()

    def release(self, name: str) -> None:
        """Let a held part start again."""
        self._holds.pop(name, asyncio.Event()).set()

    async def _announce(self, ready: Callable[[], None]) -> None:
        for event in self._reached.values():
            await event.wait()
        ready()

    async def _keep(self, part: Part) -> None:
        await self._await_needs(part.needs)
        deaths: deque[float] = deque(maxlen=self._deaths_allowed)
        log = self._logs / f"{part.name}.log"
        while True:
            began = time.monotonic()
            self._enter(part.name, "preparing")
            command = await part.prepare(lambda text: self._say(part.name, text))
            child = await process.spawn(command, log)
            self._running[part.name] = (child, command)
            self._enter(part.name, "starting", child.pid)
            if await self._becomes_ready(part, child):
                self._enter(part.name, "ready", child.pid)
                self._say(part.name, f"ready {part.address} ({time.monotonic() - began:.1f} s)".replace("  ", " "))
                self._reached[part.name].set()
            code = await child.wait()
            self._enter(part.name, "down")
            if part.name in self._holds:
                await self._holds[part.name].wait()
                continue
            deaths.append(time.monotonic())
            if len(deaths) == self._deaths_allowed and deaths[-1] - deaths[0] < WITHIN_SECONDS:
                raise RunEnded(self._farewell(part.name, f"died {self._deaths_allowed} times within a minute", log))
            self.states[part.name].restarts += 1
            self._say(part.name, f"died ({process.describe_exit(code)}), starting it again")

    async def _do(self, job: Job) -> None:
        await self._await_needs(job.needs)
        began = time.monotonic()
        self._enter(job.name, "preparing")
        outcome = await job.run(lambda text: self._say(job.name, text))
        self._enter(job.name, "done")
        self._say(job.name, f"{outcome} ({time.monotonic() - began:.1f} s)")
        self._reached[job.name].set()

    async def _await_needs(self, needs: Sequence[str]) -> None:
        for name in needs:
            await self._reached[name].wait()

    async def _becomes_ready(self, part: Part, child: asyncio.subprocess.Process) -> bool:
        """Whether the part serves before it dies; one that does neither in time ends the run."""
        deadline = time.monotonic() + part.ready_seconds
        ended = asyncio.create_task(child.wait())
        try:
            while not ended.done():
                if await part.ready():
                    return not ended.done()
                if time.monotonic() > deadline:
                    log = self._logs / f"{part.name}.log"
                    raise RunEnded(self._farewell(part.name, f"not ready after {part.ready_seconds:.0f} s", log))
                await asyncio.wait({ended}, timeout=_POLL_SECONDS)
            return False
        finally:
            ended.cancel()

    async def _stop_all(self) -> None:
        """Stop what nothing else needs first, side by side, and so on down to what everything needs."""
        depths = {name: self._depth(name) for name in self._running}
        for depth in sorted(set(depths.values()), reverse=True):
            names = [name for name, its_depth in depths.items() if its_depth == depth]
            await asyncio.gather(*(process.stop(*self._running[name]) for name in names))
            for name in names:
                self._enter(name, "stopped")

    def _depth(self, name: str) -> int:
        part = self._parts.get(name) or self._jobs[name]
        return 1 + max((self._depth(need) for need in part.needs), default=0)

    def _enter(self, name: str, status: Status, pid: int = 0) -> None:
        state = self.states[name]
        state.status, state.pid = status, pid
        if name in self._parts:
            state.address = self._parts[name].address
        self._changed(self.states)

    def _farewell(self, name: str, why: str, log: Path) -> str:
        lines = "\n".join(f"    {line}" for line in process.last_lines(log))
        return f"{name} {why}. The last lines of {log}:\n{lines}"


def as_json(states: dict[str, State]) -> dict[str, dict[str, str | int]]:
    """States as they are written down for `status` in another terminal."""
    return {name: asdict(state) for name, state in states.items()}
