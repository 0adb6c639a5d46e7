"""A database that lets nobody in is no event's fault: its batch waits, and nothing becomes a dead letter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schakel_common.consumers import is_away
from schakel_common.database import Database
from schakel_local.fixtures import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
async def closed(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a database that takes no connections, of a role of its own."""
    name = f"test_closed_{uuid4().hex[:8]}"
    for statement in (
        f"CREATE ROLE {name} LOGIN PASSWORD 'right'",
        f"CREATE DATABASE {name} OWNER {name}",
        f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false",
    ):
        await asyncio.to_thread(postgres_server.execute, statement)
    place = urlsplit(postgres_server.admin_url).netloc.rpartition("@")[2]
    yield f"postgresql://{name}:right@{place}/{name}"
    await asyncio.to_thread(postgres_server.drop_database, name)
    await asyncio.to_thread(postgres_server.execute, f"DROP ROLE {name}")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda url: url, "55000"),
        (lambda url: url.replace(":right@", ":rotated@"), "28P01"),
        (lambda url: url + "_dropped", "3D000"),
    ],
    ids=["takes nobody in", "another password", "not there"],
)
async def test_it_is_away_whatever_the_reason(closed: str, change: Callable[[str], str], state: str) -> None:
    database = Database(change(closed), pool_size=1)
    with pytest.raises(DBAPIError) as failed:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
    await database.close()

    assert getattr(failed.value.orig, "sqlstate", None) == state
    assert is_away(failed.value)
