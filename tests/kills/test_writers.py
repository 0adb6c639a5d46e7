"""Eight writers through outbox, relay and projector, all in processes of their own that are killed again and again.

The writers take their transaction ids early, lock their aggregate late and commit later, so lines become visible
in another order than they were numbered.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import text

from schakel_common import outbox
from schakel_common.database import Database
from schakel_common.testing import service_database
from schakel_contracts.samples import sample_of
from schakel_contracts.topics import COMPANIES
from schakel_local.fixtures import KafkaServer, PostgresServer

ROOT = Path(__file__).parents[2]
WRITERS = 8
WRITES = 60
COMPANIES_WRITTEN = [uuid4() for _ in range(5)]
KILLS = 5
WAIT_SECONDS = 60


class Process:
    """A service with one role, in a process that can be killed and started again."""

    def __init__(self, service: str, role: str, told: dict[str, str]) -> None:
        self._words = ("-m", f"schakel_{service}", "serve", "--roles", role)
        self._told = told
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        environment = {**os.environ, **self._told, "SCHAKEL_PORT": port, "SCHAKEL_INSTANCE": uuid4().hex[:8]}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._words, env=environment, stdout=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        assert await self._process.wait() == -signal.SIGKILL

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), WAIT_SECONDS)


@asynccontextmanager
async def pipeline(told: dict[str, dict[str, str]]) -> AsyncIterator[tuple[Process, Process]]:
    """A relay of the registry and a projector of the gateway."""
    relay, projector = Process("registry", "relay", told["registry"]), Process("gateway", "consumers", told["gateway"])
    try:
        await relay.start()
        await projector.start()
        yield relay, projector
    finally:
        await relay.stop()
        await projector.stop()


async def write(database: Database, chance: random.Random) -> None:
    for _ in range(WRITES):
        async with database.unit_of_work() as session:
            await session.execute(text("INSERT INTO turn VALUES (:id, 0)"), {"id": uuid4()})
            await asyncio.sleep(chance.uniform(0, 0.02))
            company = chance.choice(COMPANIES_WRITTEN)
            locked = text("UPDATE turn SET version = version + 1 WHERE id = :id RETURNING version")
            version: int = (await session.execute(locked, {"id": company})).scalar_one()
            happening = "registered" if version == 1 else "verified"
            state = msgspec.structs.replace(sample_of(COMPANIES, "registered"), id=company)
            await outbox.add(session, COMPANIES, happening, state, version=version, effective_at=datetime.now(UTC))
            await asyncio.sleep(chance.uniform(0, 0.01))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


async def kill_again_and_again(view: Any, relay: Process, projector: Process) -> int:
    """Kill the relay each time some more is visible, and every second time the projector too; return how many kills."""
    kills = 0
    for number in range(1, KILLS + 1):
        goal = number * WRITERS * WRITES // (KILLS + 2)
        await until(lambda goal=goal: _has_versions(view, goal))  # type: ignore[misc] # mypy cannot infer the default
        victims = [relay, projector] if number % 2 == 0 else [relay]
        for victim in victims:
            await victim.kill()
            kills += 1
        for victim in victims:
            await victim.start()
    return kills


async def _has_versions(view: Any, count: int) -> bool:
    return bool(await view.fetchval("SELECT count(*) >= $1 FROM view_1.history WHERE kind = 'company'", count))


@pytest.fixture
async def told(postgres_server: PostgresServer, kafka_server: KafkaServer) -> AsyncIterator[dict[str, dict[str, str]]]:
    """What both services are told; their databases and topics are gone afterwards."""
    prefix = f"w{uuid4().hex[:8]}-"
    migrations = {x: ROOT / "services" / x / "src" / f"schakel_{x}" / "migrations" for x in ("registry", "gateway")}
    async with (
        service_database(postgres_server, "registry", migrations["registry"]) as registry,
        service_database(postgres_server, "gateway", migrations["gateway"]) as gateway,
    ):
        yield {
            service: {
                "SCHAKEL_DATABASE_URL": url,
                "SCHAKEL_KAFKA_BOOTSTRAP": kafka_server.bootstrap,
                "SCHAKEL_TOPIC_PREFIX": prefix,
                "SCHAKEL_ISSUER": "http://127.0.0.1:1/realms/schakel",
                "SCHAKEL_DATA_DIR": str(ROOT / "data"),
            }
            for service, url in (("registry", registry), ("gateway", gateway))
        }
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_of_eight_writers_every_version_is_in_the_view_once_and_in_order_after_kills(
    told: dict[str, dict[str, str]],
) -> None:
    database = Database(told["registry"]["SCHAKEL_DATABASE_URL"], pool_size=WRITERS)
    owner = await asyncpg.connect(told["registry"]["SCHAKEL_DATABASE_URL"])
    view = await asyncpg.connect(told["gateway"]["SCHAKEL_DATABASE_URL"])
    try:
        await owner.execute("CREATE TABLE turn (id uuid PRIMARY KEY, version int NOT NULL)")
        await owner.executemany("INSERT INTO turn VALUES ($1, 0)", [(each,) for each in COMPANIES_WRITTEN])
        async with pipeline(told) as (relay, projector):
            writing = asyncio.gather(*(write(database, random.Random(number)) for number in range(WRITERS)))
            kills = await kill_again_and_again(view, relay, projector)
            await writing
            await until(lambda: _has_versions(view, WRITERS * WRITES))
        assert kills == KILLS + KILLS // 2
        of = "SELECT id, version FROM view_1.history WHERE kind = 'company' ORDER BY id, version"
        found = [tuple(row) for row in await view.fetch(of)]
        journal = await owner.fetch("SELECT aggregate_id, version FROM journal ORDER BY aggregate_id, version")
        assert found == [tuple(row) for row in journal]
        assert len(found) == WRITERS * WRITES
        current = await view.fetch("SELECT id, version FROM view_1.companies ORDER BY id")
        newest = await owner.fetch("SELECT id, version FROM turn WHERE version > 0 ORDER BY id")
        assert [tuple(row) for row in current] == [tuple(row) for row in newest]
        assert await view.fetchval("SELECT count(*) FROM view_1.halted") == 0
        assert await view.fetchval("SELECT count(*) FROM view_1.dead") == 0
        registered = "SELECT sum(amount) FROM view_1.line WHERE indicator = 'companies_registered'"
        assert await view.fetchval(registered) == len(COMPANIES_WRITTEN)
    finally:
        await database.close()
        await owner.close()
        await view.close()
