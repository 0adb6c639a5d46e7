import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from schakel_common.migrations import migrate
from schakel_gateway.ledger.steps import Version
from schakel_gateway.ledger.store import write_definitions
from schakel_gateway.projections.apply import Batch, apply
from schakel_gateway.testing import incoming
from schakel_gateway.view.schema import SCHEMA, statements
from schakel_local.fixtures import KafkaServer, PostgresServer

MIGRATIONS = Path(__file__).parents[2] / "src" / "schakel_gateway" / "migrations"

Project = Callable[[Sequence[Version]], Awaitable[None]]


@pytest.fixture(scope="session")
async def view_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database of this worker with a view, made by the real migration (once per content of it, then copied)."""
    digest = hashlib.sha256("".join(statements(SCHEMA)).encode()).hexdigest()[:16]
    template = f"template_view_{digest}"
    if not await asyncio.to_thread(postgres_server.execute, f"SELECT 1 FROM pg_database WHERE datname = '{template}'"):
        building = f"building_view_{uuid4().hex[:12]}"
        await migrate(await asyncio.to_thread(postgres_server.create_database, building), MIGRATIONS)
        await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{building}" RENAME TO "{template}"')
    name = f"test_view_{uuid4().hex[:12]}"
    url = await asyncio.to_thread(postgres_server.create_database, name, template)
    yield url
    await asyncio.to_thread(postgres_server.drop_database, name)


@pytest.fixture
async def view_url(view_database: str) -> str:
    """The worker's view, emptied: quicker than a copy of the database for each test."""
    opened = await asyncpg.connect(view_database)
    await opened.execute(
        """
        DO $$ BEGIN
            EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('view_1.%I', tablename), ', ') FROM pg_tables
                     WHERE schemaname = 'view_1');
            INSERT INTO view_1.view_position (position) VALUES (0);
        END $$
        """
    )
    await opened.close()
    return view_database


@pytest.fixture
async def connection(view_url: str) -> AsyncIterator[Any]:
    """The projector's own connection; the view has its definitions and no row."""
    opened = await asyncpg.connect(view_url)
    async with opened.transaction():
        await opened.execute(f"SET LOCAL search_path TO {SCHEMA}")
        await write_definitions(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(view_url: str) -> AsyncIterator[Any]:
    """Connections of the gateway, for reading as somebody."""
    async with asyncpg.create_pool(view_url, min_size=1, max_size=2) as opened:
        yield opened


@pytest.fixture
async def topic_prefix(kafka_server: KafkaServer) -> AsyncIterator[str]:
    """A prefix of this test; its topics are deleted again, because a broker's memory is finite."""
    prefix = f"t{uuid4().hex[:8]}-"
    yield prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()


@pytest.fixture
def project(connection: Any) -> Project:
    """Take versions in as one batch."""

    async def take_in(versions: Sequence[Version]) -> None:
        await apply(connection, SCHEMA, Batch(moves=(), events=[incoming(each) for each in versions]))

    return take_in
