"""Filling the view anew from the topics, beside the live one, and putting it in its place in one moment.

Readers see the old view until the new one has everything that the old one had. Nothing is taken over from the old rows
but the position, which goes on rising, and how far each service was complete.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from schakel_common.broker import ensure_topics
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import TOPICS
from schakel_gateway.ledger.store import write_definitions
from schakel_gateway.projections.write import CHANNEL
from schakel_gateway.projector import Projection, load_offsets
from schakel_gateway.view.broker import broker_client, identities
from schakel_gateway.view.copying import copy_share
from schakel_gateway.view.folding import fold_share
from schakel_gateway.view.schema import SCHEMA, looking_at, statements
from schakel_gateway.view.shares import Workers

if TYPE_CHECKING:
    from asyncpg import Connection

REBUILD_LOCK: Final = 7104
NEXT: Final = f"{SCHEMA}_next"
OLD: Final = f"{SCHEMA}_old"
CATCH_UP_POLL_SECONDS: Final = 0.1


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild made."""

    versions: int
    lines: int
    position: int


async def rebuild(settings: ServiceSettings) -> Rebuilt:
    """Fill a fresh schema from the beginning of all topics and swap it with the live one.

    The projector may run meanwhile: after the swap it finds its offsets elsewhere and starts over from the new ones.

    Args:
        settings: where the view and Kafka are.

    Raises:
        asyncpg.LockNotAvailableError: another rebuild is going on.
        BrokenProcessPool: a worker was killed; the live view is as it was.
    """
    await ensure_topics(settings, TOPICS)
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    helper = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", REBUILD_LOCK):
            raise asyncpg.LockNotAvailableError("another rebuild is going on")
        indexes = await _create(settings, connection)
        with Workers() as workers:
            versions = await workers.sum(copy_share, settings, NEXT)
            await connection.execute(f"ALTER TABLE {NEXT}.history FORCE ROW LEVEL SECURITY")
            # The database makes rows and indexes while the workers fold.
            lines, _ = await asyncio.gather(
                workers.sum(fold_share, settings.database_url, NEXT), _make_rows(helper, indexes)
            )
        of_lines = [each for each in indexes if _is_of_lines(each)]
        await asyncio.gather(
            _make_indexes(connection, of_lines[::2]),
            _make_indexes(helper, of_lines[1::2]),
        )
        async with looking_at(connection, NEXT):
            await write_definitions(connection)
            await connection.execute("ANALYZE line")
        await _catch_up(settings, connection)
        position = await _swap(connection)
    finally:
        await helper.close()
        await connection.close()
    return Rebuilt(versions=versions, lines=lines, position=position)


async def _create(settings: ServiceSettings, connection: "Connection[Any]") -> list[str]:
    """Make the schema with its offsets; return its secondary indexes, which are quicker built once than kept."""
    async with broker_client(settings) as client:
        broker = await identities(client, settings.topic_prefix, TOPICS)
    await connection.execute(f"DROP SCHEMA IF EXISTS {NEXT}, {OLD} CASCADE")
    indexes: list[str] = []
    async with connection.transaction():
        for statement in statements(NEXT):
            if "CREATE INDEX" in statement:
                indexes.append(statement)
            else:
                await connection.execute(statement)
        # COPY is refused where row-level security binds the owner; nobody reads this schema before it is bound again.
        await connection.execute("ALTER TABLE history NO FORCE ROW LEVEL SECURITY")
        await load_offsets(connection, broker)
    return indexes


def _is_of_lines(index: str) -> bool:
    return " ON line " in index


async def _make_indexes(connection: "Connection[Any]", indexes: Sequence[str]) -> None:
    async with looking_at(connection, NEXT):
        for statement in indexes:
            await connection.execute(statement)


async def _make_rows(connection: "Connection[Any]", indexes: Sequence[str]) -> None:
    """Make current rows and all indexes but those of lines from the history."""
    async with looking_at(connection, NEXT):
        for topic in TOPICS.values():
            await connection.execute(
                f"""
                INSERT INTO {topic.plural} (id, epoch, version, effective_at, recorded_at, position, state)
                SELECT DISTINCT ON (id) id, epoch, version, effective_at, recorded_at, 1, state::jsonb
                FROM history WHERE kind = $1 ORDER BY id, epoch DESC, version DESC
                """,  # noqa: S608 - a table of ours, named by the contract
                topic.kind,
            )
        await connection.execute(_MEMBERS)
        await connection.execute(
            "UPDATE view_position SET position = 1, begins = (SELECT min(recorded_at) FROM history)"
        )
    await _make_indexes(connection, [each for each in indexes if not _is_of_lines(each)])


_MEMBERS: Final = """
    INSERT INTO company_members (company_id, sub, status)
    SELECT DISTINCT ON (c.id, m ->> 'sub') c.id, m ->> 'sub', m ->> 'status'
    FROM companies AS c, jsonb_array_elements(c.state -> 'members') WITH ORDINALITY AS each (m, place)
    ORDER BY c.id, m ->> 'sub', place DESC
"""


async def _catch_up(settings: ServiceSettings, connection: "Connection[Any]") -> None:
    """Take in what came meanwhile, batch by batch, until the new view has read as far as the live one."""
    stop = asyncio.Event()
    async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=1) as watching:
        projecting = asyncio.create_task(Projection(settings, connection, NEXT).run(stop))
        try:
            while not projecting.done() and await watching.fetchval(_BEHIND):
                await asyncio.wait({projecting}, timeout=CATCH_UP_POLL_SECONDS)
        finally:
            stop.set()
            await projecting


_BEHIND: Final = f"""
    SELECT EXISTS (SELECT FROM {SCHEMA}.topic_offset AS live JOIN {NEXT}.topic_offset AS new
        USING (topic, partition, cluster_id, topic_id) WHERE new.next < live.next)
"""  # noqa: S608 - constants of this program


async def _swap(connection: "Connection[Any]") -> int:
    """Put the new view in the place of the old one; who reads has one or the other."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '10s'")
        position: int = await connection.fetchval(
            f"""
            WITH old AS (SELECT position, caught_up_at FROM {SCHEMA}.view_position FOR UPDATE)
            UPDATE {NEXT}.view_position AS n SET position = greatest(old.position, n.position) + 1,
                caught_up_at = coalesce(old.caught_up_at, n.caught_up_at) FROM old
            RETURNING n.position
            """  # noqa: S608 - constants of this program
        )
        for topic in TOPICS.values():  # who follows changes by position must see what the old view did not have
            await connection.execute(
                f"""
                UPDATE {NEXT}.{topic.plural} AS n SET position = $1 WHERE NOT EXISTS (
                    SELECT FROM {SCHEMA}.{topic.plural} AS o
                    WHERE o.id = n.id AND (o.epoch, o.version) = (n.epoch, n.version))
                """,  # noqa: S608 - constants of this program
                position,
            )
        await connection.execute(
            f"""
            INSERT INTO {NEXT}.heartbeat SELECT * FROM {SCHEMA}.heartbeat ON CONFLICT (service) DO UPDATE
            SET complete_until = greatest(heartbeat.complete_until, excluded.complete_until)
            """  # noqa: S608 - constants of this program
        )
        await connection.execute(f"ALTER SCHEMA {SCHEMA} RENAME TO {OLD}")
        await connection.execute(f"ALTER SCHEMA {NEXT} RENAME TO {SCHEMA}")
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(position))
    # On its own: who still reads the old view may finish, and nobody waits behind that.
    await connection.execute(f"DROP SCHEMA {OLD} CASCADE")
    return position
