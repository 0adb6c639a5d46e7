"""One part held for tests by a process of its own: shared by all workers of a run, killed and restarted on request.

A test run starts a holder when a part is first asked for; the holder ends when its owner (the pytest process that began
the run) ends, however that happens. What it holds is written to `<directory>/<part>.json`. Two signals steer it:
SIGUSR1 kills the part with SIGKILL and keeps it down, SIGUSR2 starts it again.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Literal

from schakel_local.parts import Place, kafka_part, keycloak_part, postgres_part
from schakel_local.places import LOOPBACK
from schakel_local.ports import Ports
from schakel_local.secret import Secrets
from schakel_local.supervisor import Part, RunEnded, State, Supervisor

PartName = Literal["postgres", "kafka", "keycloak"]
_OWNER_POLL_SECONDS = 0.5


def record_path(directory: Path, name: PartName) -> Path:
    """Where a holder writes what it holds."""
    return directory / f"{name}.json"


def read(directory: Path, name: PartName) -> dict[str, Any] | None:
    """What the holder of a part wrote, or None when there is no living holder."""
    path = record_path(directory, name)
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    return record if is_alive(int(record["holder"])) else None


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def hold(name: PartName, directory: Path, owner: int | None, host: str = LOOPBACK) -> int:
    """Hold a part until SIGTERM, or until the process `owner` ends; returns the exit code."""
    return asyncio.run(_hold(name, directory, owner, host))


async def _hold(name: PartName, directory: Path, owner: int | None, host: str) -> int:
    part, facts = _describe(name, directory, host)

    def write(states: dict[str, State]) -> None:
        state = states[name]
        record = {**facts, "holder": os.getpid(), "pid": state.pid, "status": state.status}
        temporary = record_path(directory, name).with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(record))
        temporary.replace(record_path(directory, name))

    def say(_: str, text: str) -> None:
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {name} {text}\n")
        sys.stdout.flush()

    supervisor = Supervisor([part], logs=directory / "logs", say=say, changed=write)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGUSR1, supervisor.hold, name)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.release, name)
    watching = asyncio.create_task(_stop_with(owner, supervisor)) if owner else None
    try:
        await supervisor.run()
    except RunEnded as ended:
        say(name, str(ended))
        return 1
    finally:
        if watching:
            watching.cancel()
        record_path(directory, name).unlink(missing_ok=True)
    return 0


async def _stop_with(owner: int, supervisor: Supervisor) -> None:
    while is_alive(owner):  # noqa: ASYNC110 - a process that is not our child announces its end to nobody
        await asyncio.sleep(_OWNER_POLL_SECONDS)
    supervisor.stop()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _describe(name: PartName, directory: Path, host: str) -> tuple[Part, dict[str, str]]:
    place = Place(directory, Ports(directory / name, _complain, standard=False), Secrets(directory / name), host)
    if name == "postgres":
        part, admin_url = postgres_part(place)
        return part, {"admin_url": admin_url}
    if name == "kafka":
        part, bootstrap = kafka_part(place)
        return part, {"bootstrap": bootstrap}
    database = read(directory, "postgres")
    if database is None:
        raise SystemExit("keycloak needs postgres: start that first")
    part, url = keycloak_part(place, database["admin_url"])
    return part, {"url": url, "admin_password": place.secrets.password("keycloak-admin")}
