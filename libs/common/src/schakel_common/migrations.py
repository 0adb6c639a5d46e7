"""Alembic with a lock and time limits: many pods may start at once, and a migration must not stop a live service."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any, Final

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from schakel_common.database import Database, engine_of
from schakel_common.plumbing import PLUMBING_TABLES
from schakel_common.problems import Problem

_log: Final = logging.getLogger(__name__)

MIGRATION_LOCK: Final = 7101
LOCK_TIMEOUT_SECONDS: Final = 4
"""A statement that waits longer for a table would make every request behind it wait too: rather fail and try again."""

STATEMENT_TIMEOUT_SECONDS: Final = 60
SINGLE_FLIGHT_WAIT_SECONDS: Final = 120
WAIT_BETWEEN_LOOKS_SECONDS: Final = 1.0
MIGRATION_FAILED: Final = (
    "The migration failed, nothing was changed and the version before goes on: mend the cause and upgrade again."
)


async def migrate(url: str, migrations: Path) -> None:
    """Bring a database to the newest revision, in one transaction; do nothing when it is there, or at a newer one.

    Of several that run at once one migrates; the others wait for it, at most two minutes.

    Args:
        url: the service's own database.
        migrations: the folder with ``env.py`` and ``versions/``.

    Raises:
        Problem: ``internal-error`` when a step failed; nothing was changed then.
        OSError: the database does not answer.
    """
    engine = engine_of(url, pool_size=1, statement_timeout_seconds=SINGLE_FLIGHT_WAIT_SECONDS)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK}, 0)"))
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
            await connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'"))
            try:
                await connection.run_sync(_upgrade, migrations)
            except Exception as error:
                why = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
                raise Problem("internal-error", f"{MIGRATION_FAILED} {why}") from error
    finally:
        await engine.dispose()


def run_migrations(metadata: MetaData) -> None:
    """Run what alembic was asked for; the body of every service's ``env.py``, with its own metadata."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        include_object=_is_of_service,
        compare_server_default=True,
    )
    context.run_migrations()


async def ensure_migrated(database: Database, migrations: Path) -> None:
    """Check that the database is at the revision that this program needs, or at a newer one.

    A newer one is fine, because migrations only add: during a rolling upgrade the old program goes on.

    Raises:
        Problem: ``unavailable`` when the schema is missing or older.
    """
    scripts = ScriptDirectory(str(migrations))
    try:
        async with database.reading() as session:
            current: str | None = (
                await session.execute(text("SELECT version_num FROM alembic_version"))
            ).scalar_one_or_none()
    except ProgrammingError:
        current = None
    needed = scripts.get_current_head()
    if current is None or (_is_known(scripts, current) and current != needed):
        raise Problem("unavailable", f"The database is at revision {current}, {needed} is needed: run migrate.")


async def wait_until_migrated(url: str, migrations: Path, *, seconds: float) -> None:
    """Wait until `ensure_migrated` finds nothing to say; for a pod that may start before its migration has run.

    Args:
        url: the service's own database.
        migrations: see `migrate`.
        seconds: how long at most.

    Raises:
        Problem: ``unavailable``, with what was missing at the last look.
        OSError: the database did not answer at the last look.
    """
    database = Database(url, pool_size=1)
    deadline = time.monotonic() + seconds
    told = ""
    try:
        while True:
            try:
                await ensure_migrated(database, migrations)
            except (Problem, OSError, DBAPIError) as error:
                if time.monotonic() + WAIT_BETWEEN_LOOKS_SECONDS > deadline:
                    raise
                why = (error.detail if isinstance(error, Problem) else "") or type(error).__name__
                if why != told:
                    _log.info("waits for the database, %.0f s at most: %s", deadline - time.monotonic(), why)
                told = why
            else:
                return
            await asyncio.sleep(WAIT_BETWEEN_LOOKS_SECONDS)
    finally:
        await database.close()


async def drift(url: str, metadata: MetaData) -> list[str]:
    """Return what autogenerate would change, one line per difference; empty when tables and migrations agree."""
    engine = engine_of(url, pool_size=1, statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS)
    try:
        async with engine.connect() as connection:
            return [str(each) for each in await connection.run_sync(_compare, metadata)]
    finally:
        await engine.dispose()


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    """Whether this program has a revision; one that it lacks is of a newer program, that was rolled back."""
    return revision in {script.revision for script in scripts.walk_revisions()}


def _upgrade(connection: Connection, migrations: Path) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and not _is_known(ScriptDirectory(str(migrations)), current):
        _log.info("the database is at revision %s of a newer version: nothing to do", current)
        return
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _compare(connection: Connection, metadata: MetaData) -> list[Any]:
    options = {"include_object": _is_of_service, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def _is_of_service(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001 - alembic's signature
    return not (kind == "table" and name in PLUMBING_TABLES)
