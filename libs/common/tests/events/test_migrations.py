import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlmodel import Field, SQLModel

from schakel_common.database import Database, service_registry
from schakel_common.migrations import drift, ensure_migrated, migrate
from schakel_common.problems import Problem
from schakel_local.fixtures import PostgresServer

pytestmark = pytest.mark.postgres
MIGRATIONS = Path(__file__).parent / "migrations"


class Base(SQLModel, registry=service_registry("test")):
    """The tables of this test."""


class Aggregate(Base, table=True):
    id: int = Field(primary_key=True)


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = f"test_migrations_{uuid4().hex[:12]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


async def test_many_pods_that_start_at_once_migrate_once(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(Problem, match="revision None, 0001 is needed"):
        await ensure_migrated(database, MIGRATIONS)

    await asyncio.gather(*(migrate(empty_url, MIGRATIONS) for _ in range(4)))

    await ensure_migrated(database, MIGRATIONS)
    await database.close()


async def test_an_older_revision_is_not_ready_and_a_newer_one_is(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for source in ("env.py", "versions/0001_plumbing.py"):
        (tmp_path / source).write_text((MIGRATIONS / source).read_text())
    (tmp_path / "versions/0002_more.py").write_text(
        "revision = '0002'\ndown_revision = '0001'\ndef upgrade():\n    pass\n"
    )
    database = Database(empty_url)
    await migrate(empty_url, MIGRATIONS)

    with pytest.raises(Problem, match="revision 0001, 0002 is needed"):
        await ensure_migrated(database, tmp_path)
    await migrate(empty_url, tmp_path)
    await ensure_migrated(database, MIGRATIONS)
    await migrate(empty_url, MIGRATIONS)  # as after a rollback
    await ensure_migrated(database, tmp_path)

    await database.close()


async def test_a_step_that_fails_half_way_leaves_nothing_and_says_what_to_do(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for source in ("env.py", "versions/0001_plumbing.py"):
        (tmp_path / source).write_text((MIGRATIONS / source).read_text())
    (tmp_path / "versions/0002_half.py").write_text(
        "from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (id int)')\n    op.execute('SELECT 1 / 0')\n"
    )
    await migrate(empty_url, MIGRATIONS)

    with pytest.raises(Problem, match=r"nothing was changed .* upgrade again.*division by zero"):
        await migrate(empty_url, tmp_path)

    database = Database(empty_url)
    await ensure_migrated(database, MIGRATIONS)
    async with database.reading() as session:
        assert (await session.execute(text("SELECT to_regclass('half')"))).scalar_one() is None
    await database.close()


async def test_drift_names_the_tables_of_the_service_and_not_the_plumbing(database_url: str) -> None:
    found = await drift(database_url, Base.metadata)

    told = " ".join(found)
    assert "remove_table" in told
    assert "effect" in told
    assert "remove_column" in told
    assert not any(name in told for name in ("journal", "outbox", "replica", "idempotency", "restatement"))


async def test_a_migration_that_waits_for_a_table_in_use_gives_up_and_changes_nothing(
    empty_url: str, tmp_path: Path
) -> None:
    (tmp_path / "versions").mkdir()
    for source in ("env.py", "versions/0001_plumbing.py"):
        (tmp_path / source).write_text((MIGRATIONS / source).read_text())
    await migrate(empty_url, tmp_path)
    (tmp_path / "versions/0002_more.py").write_text(
        "from alembic import op\n\nrevision = '0002'\ndown_revision = '0001'\n\n\n"
        "def upgrade():\n    op.execute('ALTER TABLE journal ADD COLUMN more int')\n"
    )
    database = Database(empty_url)
    async with database.unit_of_work() as session:
        await session.execute(text("SELECT * FROM journal"))
        with pytest.raises(Problem, match=r"nothing was changed.*canceling statement due to lock timeout"):
            await migrate(empty_url, tmp_path)
    await ensure_migrated(database, MIGRATIONS)
    await database.close()
