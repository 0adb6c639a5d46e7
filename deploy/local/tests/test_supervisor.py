import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from schakel_local.holder import is_alive
from schakel_local.process import Command
from schakel_local.supervisor import Job, Part, RunEnded, Say, Supervisor

SERVE = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVE}"
BOUND_SECONDS = 20.0


def part(name: str, tmp_path: Path, code: str = SERVE, needs: tuple[str, ...] = ()) -> Part:
    flag = tmp_path / f"{name}.up"

    async def prepare(_say: Say) -> Command:
        flag.unlink(missing_ok=True)
        return Command((sys.executable, "-c", code, str(flag)), stop_seconds=0.5)

    async def ready() -> bool:
        return flag.exists()

    return Part(name, prepare, ready, needs, address=f"at {name}")


async def until(condition: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BOUND_SECONDS
    while not condition():
        assert loop.time() < deadline
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[None]]:
    ready = asyncio.Event()
    run = asyncio.create_task(supervisor.run(ready.set))
    became = asyncio.create_task(ready.wait())
    await asyncio.wait({run, became}, timeout=BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    became.cancel()
    try:
        yield run
    finally:
        supervisor.stop()
        with suppress(RunEnded):
            await run


async def test_a_part_that_dies_is_said_and_started_again(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    supervisor = Supervisor([part("web", tmp_path)], logs=tmp_path, say=lambda *line: said.append(line))
    async with running(supervisor):
        first = supervisor.states["web"].pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.states["web"].pid not in {0, first})
        await until(lambda: supervisor.states["web"].status == "ready")
        assert supervisor.states["web"].restarts == 1
        assert ("web", "died (killed by SIGKILL), starting it again") in said
    assert supervisor.states["web"].status == "stopped"


async def test_three_deaths_within_a_minute_end_the_run_with_the_last_log_lines(tmp_path: Path) -> None:
    dying = part("web", tmp_path, "import sys; sys.exit('the disk is full')")
    other = part("other", tmp_path)
    supervisor = Supervisor([dying, other], logs=tmp_path, say=lambda *_: None)
    with pytest.raises(RunEnded, match=r"web died 3 times within a minute(?s:.*)the disk is full"):
        await asyncio.wait_for(supervisor.run(), BOUND_SECONDS)
    assert supervisor.states["web"].restarts == 2
    assert supervisor.states["other"].status == "stopped"


async def test_needs_start_first_and_stop_last(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(_say: Say) -> str:
        order.append("job")
        return "worked"

    def note(name: str, text: str) -> None:
        order.extend([name] if text.startswith("ready") else [])

    stopped: list[str] = []
    parts = [part("web", tmp_path, needs=("job",)), part("database", tmp_path)]
    supervisor = Supervisor(
        parts,
        [Job("job", work, needs=("database",))],
        logs=tmp_path,
        say=note,
        changed=lambda states: stopped.extend(
            name for name, state in states.items() if state.status == "stopped" and name not in stopped
        ),
    )
    async with running(supervisor):
        assert order == ["database", "job", "web"]
        assert stopped == []
    assert stopped == ["web", "database"]


async def test_a_part_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor([part("web", tmp_path, STUBBORN)], logs=tmp_path, say=lambda *_: None)
    async with running(supervisor):
        pid = supervisor.states["web"].pid
    assert not is_alive(pid)


async def test_a_failed_job_ends_the_run_and_stops_the_parts(tmp_path: Path) -> None:
    async def fail(_say: Say) -> str:
        raise RunEnded("the register could not be loaded")

    supervisor = Supervisor(
        [part("web", tmp_path)], [Job("register", fail, needs=("web",))], logs=tmp_path, say=lambda *_: None
    )
    with pytest.raises(RunEnded, match="the register could not be loaded"):
        await asyncio.wait_for(supervisor.run(), BOUND_SECONDS)
    assert supervisor.states["web"].status == "stopped"


async def test_a_held_part_stays_down_until_it_is_released_and_that_is_no_death(tmp_path: Path) -> None:
    supervisor = Supervisor([part("web", tmp_path)], logs=tmp_path, say=lambda *_: None)
    async with running(supervisor):
        for _ in range(4):
            supervisor.hold("web")
            await until(lambda: supervisor.states["web"].status == "down")
            supervisor.release("web")
            await until(lambda: supervisor.states["web"].status == "ready")
        assert supervisor.states["web"].restarts == 0


async def test_a_part_that_never_serves_ends_the_run(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    slow = part("web", tmp_path)
    supervisor = Supervisor([Part("web", slow.prepare, never, ready_seconds=0.5)], logs=tmp_path, say=lambda *_: None)
    with pytest.raises(RunEnded, match="web not ready after 0 s"):
        await asyncio.wait_for(supervisor.run(), BOUND_SECONDS)
