"""A database of its own for every test: a quick copy of one that the real migrations built."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from schakel_common import plumbing
from schakel_common.migrations import migrate

_PLUMBING: Final = Path(plumbing.__file__)


class PostgresServer(Protocol):
    """What is needed of the server fixture."""

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database and return its address."""

    def drop_database(self, name: str) -> None:
        """Drop a database."""

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL and return what it printed."""


@asynccontextmanager
async def service_database(server: PostgresServer, service: str, migrations: Path) -> AsyncIterator[str]:
    """Give a migrated, empty database of a service, and drop it afterwards.

    Use it inside an async fixture: ``async with service_database(...) as url: yield url``.

    Args:
        server: the PostgreSQL of the run.
        service: its name, for the names of the databases.
        migrations: the folder with ``env.py`` and ``versions/``.
    """
    template = await _template(server, service, migrations)
    name = f"test_{service}_{uuid4().hex[:12]}"
    url = await asyncio.to_thread(server.create_database, name, template)
    try:
        yield url
    finally:
        await asyncio.to_thread(server.drop_database, name)


async def _template(server: PostgresServer, service: str, migrations: Path) -> str:
    """Return the name of the template; build it when no test of any process has done so for these very migrations.

    It gets its name when it is complete, so one that a killed run left half-made is never used.
    """
    name = f"template_{service}_{_digest(migrations)}"
    if await asyncio.to_thread(server.execute, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 - a name of ours
        return name
    building = f"building_{service}_{uuid4().hex[:12]}"
    await migrate(await asyncio.to_thread(server.create_database, building), migrations)
    try:
        await asyncio.to_thread(server.execute, f'ALTER DATABASE "{building}" RENAME TO "{name}"')
    except RuntimeError:  # another worker was first
        await asyncio.to_thread(server.drop_database, building)
    return name


def _digest(migrations: Path) -> str:
    digest = hashlib.sha256()
    migration_files = sorted(path for path in migrations.rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in [_PLUMBING, *migration_files]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
