"""`up`: everything in parallel under one supervisor, until Ctrl-C, `down` or a closed terminal."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from schakel_local import kafka, keycloak, postgres, runfile
from schakel_local.artefacts import ArtefactError
from schakel_local.jobs import jobs, present
from schakel_local.parts import Place, kafka_part, keycloak_part, postgres_part
from schakel_local.places import data_directory
from schakel_local.ports import Ports
from schakel_local.probe import answers
from schakel_local.process import Command
from schakel_local.secret import Secrets
from schakel_local.services import Addresses, Service, addresses, environment, own
from schakel_local.supervisor import DEATHS_ALLOWED, Job, Part, RunEnded, Say, State, Supervisor, as_json

DEMO_PASSWORD = "schakel-demo"  # noqa: S105 - it is printed for everybody, and works on a laptop only
DEMO_USERS = {
    "company": "company@demo.example",
    "fieldlab": "fieldlab@demo.example",
    "hub": "hub@demo.example",
    "national": "national@demo.example",
}
_KEPT_WHEN_FRESH = {"ports.json", "run.lock", "run.json"}
_SERVICE_STOP_SECONDS = 8.0


def up(*, fresh: bool, port: int | None) -> int:
    """Run the platform; returns the exit code once it has ended in order (0), or could not go on (1)."""
    directory = data_directory()
    try:
        with runfile.only_run(directory):
            if fresh:
                _start_over(directory)
            # Not asyncio.run: at its end it would wait for a download in a thread, which cannot be stopped.
            code = asyncio.new_event_loop().run_until_complete(_run(directory, port))
    except runfile.AlreadyRunsError as error:
        tell(str(error))
        return 1
    sys.stdout.flush()
    os._exit(code)  # as above


def tell(text: str) -> None:
    """Print a line at once; a terminal that is gone is no reason to fail."""
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


async def _run(directory: Path, port: int | None) -> int:
    began = time.monotonic()
    place = Place(directory, Ports(directory, lambda text: tell(f"  {text}")), Secrets(directory))
    if port:
        place.ports.take("portal", fixed=port)
    where = addresses(place.ports.take, place.secrets)
    address = where.of("portal")

    def changed(states: dict[str, State]) -> None:
        runfile.write(directory, {"pid": os.getpid(), "address": address, "parts": as_json(states)})

    def ready() -> None:
        tell(_welcome(address, time.monotonic() - began))

    parts, work = _plan(place, where)
    supervisor = Supervisor(
        parts,
        work,
        logs=place.logs,
        say=lambda name, text: tell(f"  {name:<10} {text}"),
        changed=changed,
        deaths_allowed=int(os.environ.get("SCHAKEL_DEATHS_ALLOWED", DEATHS_ALLOWED)),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    hint = "" if (directory / "stamps").exists() else "the first start takes some minutes; "
    tell(f"Schakel starts in {directory} ({hint}Ctrl-C stops everything)")
    try:
        await supervisor.run(ready)
    except (RunEnded, ArtefactError, kafka.KafkaSetupError, keycloak.KeycloakError, postgres.PostgresError) as error:
        tell(f"schakel: {error}")
        return 1
    tell("stopped")
    return 0


def _plan(place: Place, where: Addresses) -> tuple[list[Part], list[Job]]:
    """The parts and jobs of this run; a part of one's own becomes a job that looks whether it answers."""
    parts: list[Part] = []
    work: list[Job] = []
    if own("SCHAKEL_POSTGRES_URL"):
        work.append(_own("postgres", lambda: postgres.is_ready(where.postgres_admin)))
    else:
        parts.append(postgres_part(place)[0])
    if own("SCHAKEL_KAFKA_BOOTSTRAP"):
        work.append(_own("kafka", lambda: kafka.is_ready(where.kafka)))
    else:
        parts.append(kafka_part(place)[0])
    if own("SCHAKEL_KEYCLOAK_URL"):
        work.append(_own("keycloak", lambda: keycloak.is_ready(where.keycloak)))
    else:
        parts.append(keycloak_part(place, where.postgres_admin, needs=("postgres",))[0])
    services = present()
    parts += [_service_part(service, place, where) for service in services]
    work += jobs(place, where, services, keycloak_admin(place.secrets))
    return parts, work


def _own(name: str, is_ready: Callable[[], Awaitable[bool]]) -> Job:
    async def look(_say: Say) -> str:
        if not await is_ready():
            raise RunEnded(f"your own {name} does not answer: is its address right, and does it run?")
        return "your own answers"

    return Job(name, look)


def keycloak_admin(secrets: Secrets) -> tuple[str, str] | None:
    """Return Keycloak's administrator and password; None when Keycloak is your own and no password is set."""
    if not own("SCHAKEL_KEYCLOAK_URL"):
        return keycloak.ADMIN, secrets.password("keycloak-admin")
    password = os.environ.get("SCHAKEL_KEYCLOAK_ADMIN_PASSWORD")
    return (os.environ.get("SCHAKEL_KEYCLOAK_ADMIN_USER", keycloak.ADMIN), password) if password else None


def _service_part(service: Service, place: Place, where: Addresses) -> Part:
    address = where.of(service.name)

    async def prepare(_say: Say) -> Command:
        return Command(
            argv=(sys.executable, "-m", service.module, "serve", "--roles", service.roles),
            environment=environment(service, where, place.secrets),
            stop_seconds=_SERVICE_STOP_SECONDS,
        )

    async def ready() -> bool:
        return await answers(f"{address}/readyz")

    return Part(service.name, prepare, ready, needs=("migrations", "topics"), address=address)


def _start_over(directory: Path) -> None:
    """Forget everything but the ports, so that addresses stay the same."""
    for entry in directory.iterdir():
        if entry.name in _KEPT_WHEN_FRESH:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _welcome(address: str, seconds: float) -> str:
    users = "\n".join(f"    {user:<24} {role}" for role, user in DEMO_USERS.items())
    return f"\n  {address}\n\n  log in with the password {DEMO_PASSWORD} as\n{users}\n\nready ({seconds:.1f} s)"
