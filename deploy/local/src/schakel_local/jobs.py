"""What is done once per run before the services serve: databases, migrations, topics, the realm, the register.

Each job may run again at any time. Those that start programs are left out when nothing they read has changed since they
last ended well (`stamps` in the data directory), which is most of what makes a second start quick.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from schakel_contracts.topics import PARTITIONS, TOPICS, heartbeat_topic
from schakel_local import kafka, postgres
from schakel_local.parts import Place
from schakel_local.places import CHECKOUT
from schakel_local.process import Command, last_lines, run
from schakel_local.services import (
    DATA,
    GATEWAY_READER,
    SERVICES,
    Addresses,
    Service,
    environment,
    is_there,
    realm_environment,
)
from schakel_local.supervisor import Job, RunEnded, Say

_PROGRAM_SECONDS = 150.0
_HEARTBEATS_KEPT_MS = 86_400_000  # only the last one matters


def jobs(place: Place, where: Addresses, services: tuple[Service, ...], admin: tuple[str, str] | None) -> list[Job]:
    """All jobs of a run; `admin` is Keycloak's administrator and password, None when the realm is not ours to apply."""

    async def databases(_say: Say) -> str:
        return await _make_databases(place, where, services)

    async def migrations(_say: Say) -> str:
        return await _migrate(place, where, services)

    async def topics(_say: Say) -> str:
        histories = dict.fromkeys(TOPICS, PARTITIONS)
        heartbeats = dict.fromkeys((heartbeat_topic(topic.owner) for topic in TOPICS.values()), 1)
        made = await kafka.ensure_topics(where.kafka, histories)
        made += await kafka.ensure_topics(where.kafka, heartbeats, keep_ms=_HEARTBEATS_KEPT_MS)
        return f"{made} of {len(histories) + len(heartbeats)} topics made"

    async def realm(_say: Say) -> str:
        return await _apply_realm(place, where, admin)

    async def register(_say: Say) -> str:
        return await _load(place, where, services)

    return [
        Job("databases", databases, needs=("postgres",)),
        Job("migrations", migrations, needs=("databases",)),
        Job("topics", topics, needs=("kafka",)),
        Job("realm", realm, needs=("keycloak",)),
        Job("register", register, needs=("migrations",)),
    ]


async def _make_databases(place: Place, where: Addresses, services: tuple[Service, ...]) -> str:
    for service in services:
        password = place.secrets.password(service.database)
        await postgres.ensure_database(where.postgres_admin, service.database, password)
        if service.name == "gateway":
            await postgres.ensure_reader(where.postgres_admin, GATEWAY_READER, service.database)
    return f"{len(services)} databases there"


async def _migrate(place: Place, where: Addresses, services: tuple[Service, ...]) -> str:
    async def one(service: Service) -> bool:
        sources = [CHECKOUT / "services" / service.name / "src", CHECKOUT / "libs" / "common" / "src"]
        migrations = [path for source in sources for path in source.rglob("*.py") if _is_schema(path)]
        digest = _digest(migrations, where.postgres_admin)
        told = environment(service, where, place.secrets)
        return await _unless_unchanged(place, f"migrate-{service.name}", digest, (service.module, "migrate"), told)

    moved = await asyncio.gather(*(one(service) for service in services))
    return f"{sum(moved)} of {len(services)} databases migrated"


async def _apply_realm(place: Place, where: Addresses, admin: tuple[str, str] | None) -> str:
    if admin is None:
        return "left alone: Keycloak is your own, and SCHAKEL_KEYCLOAK_ADMIN_PASSWORD is not set"
    if not is_there("schakel_keycloak"):
        return "left out: schakel_keycloak is not there"
    user, password = admin
    told = {**realm_environment(where, place.secrets), "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": password}
    arguments = ("apply", "--demo", "--with", "accounts", "--url", where.keycloak, "--admin-user", user)
    program = ("schakel_keycloak", *arguments, "--admin-password-env", "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD")
    digest = _digest(_files(CHECKOUT / "deploy" / "keycloak"), *program, *told.values())
    applied = await _unless_unchanged(place, "realm", digest, program, told)
    return "applied, with the demo users" if applied else "unchanged"


async def _load(place: Place, where: Addresses, services: tuple[Service, ...]) -> str:
    loaded = []
    for service in services:
        if service.loads and DATA.is_dir():
            program = (service.module, "load", "--data", str(DATA))
            digest = _digest(_files(DATA, CHECKOUT / "services" / service.name / "src"), where.postgres_admin)
            told = environment(service, where, place.secrets)
            if await _unless_unchanged(place, f"load-{service.name}", digest, program, told):
                loaded.append(service.name)
    return f"loaded into {' and '.join(loaded)}" if loaded else "unchanged"


async def _unless_unchanged(
    place: Place, name: str, digest: str, program: tuple[str, ...], told: Mapping[str, str]
) -> bool:
    """Run `python -m <program>` unless it ended well with this digest before; returns whether it ran."""
    stamp = place.directory / "stamps" / name
    if stamp.exists() and stamp.read_text() == digest:
        return False
    log = place.logs / f"{name}.log"
    try:
        code = await run(Command((sys.executable, "-m", *program), environment=told), log, seconds=_PROGRAM_SECONDS)
    except TimeoutError as error:
        late = f"{name} did not end in {_PROGRAM_SECONDS:.0f} s"
        raise RunEnded(f"{late}: is this machine very busy? Its lines are in {log}") from error
    if code:
        lines = "\n".join(f"    {line}" for line in last_lines(log))
        raise RunEnded(f"{name} ended with exit code {code}. The last lines of {log}:\n{lines}")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest)
    return True


def _is_schema(path: Path) -> bool:
    return "migrations" in path.parts or path.stem in {"plumbing", "migrations", "tables"}


def _files(*folders: Path) -> list[Path]:
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


def _digest(files: Iterable[Path], *words: str) -> str:
    total = hashlib.sha256("\0".join(words).encode())
    for path in sorted(files):
        total.update(str(path).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def present(services: tuple[Service, ...] = SERVICES) -> tuple[Service, ...]:
    """The services whose package can be run."""
    only = os.environ.get("SCHAKEL_SERVICES")
    wanted = only.split(",") if only else [service.name for service in services]
    return tuple(service for service in services if service.name in wanted and is_there(service.module))
