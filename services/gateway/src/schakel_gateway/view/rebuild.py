"""Filling the view anew from the topics, beside the live one, and putting it in its place in one moment.

Readers see the old view until the new one has everything that the old one had. Nothing is taken over from the old rows
but the position, which goes on rising, and how far each service was complete.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schakel_common.broker import ensure_topics, kafka_connection
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS, TOPICS
from schakel_gateway.projections.incoming import Record
from schakel_gateway.projections.write import CHANNEL, dead_rows
from schakel_gateway.projector import Projection, load_offsets
from schakel_gateway.view.broker import broker_client, identities
from schakel_gateway.view.filler import Filler, looking_at
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

REBUILD_LOCK: Final = 7104
NEXT: Final = f"{SCHEMA}_next"
OLD: Final = f"{SCHEMA}_old"
FETCH_RECORDS: Final = 5_000
CATCH_UP_POLL_SECONDS: Final = 0.1

_log: Final = logging.getLogger(__name__)


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
    """
    await ensure_topics(settings, TOPICS)
    with _rare_collections():
        return await _rebuild(settings)


async def _rebuild(settings: ServiceSettings) -> Rebuilt:
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    helper = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", REBUILD_LOCK):
            raise asyncpg.LockNotAvailableError("another rebuild is going on")
        await connection.execute(f"DROP SCHEMA IF EXISTS {NEXT}, {OLD} CASCADE")
        filler = Filler(connection, NEXT)
        await filler.create()
        async with broker_client(settings) as client:
            broker = await identities(client, settings.topic_prefix, TOPICS)
        async with looking_at(connection, NEXT):
            await load_offsets(connection, broker)
        await _copy_topics(settings, filler)
        versions, lines = await filler.derive(helper)
        await _catch_up(settings, connection)
        position = await _swap(connection)
    finally:
        await helper.close()
        await connection.close()
    return Rebuilt(versions=versions, lines=lines, position=position)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Millions of short-lived objects without a cycle: looking for cycles among them costs a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _copy_topics(settings: ServiceSettings, filler: Filler) -> None:
    """Read all topics from their beginning to where they end now, into the history and the offsets."""
    consumer = AIOKafkaConsumer(
        **kafka_connection(settings),
        client_id="schakel-gateway-rebuild",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        async with looking_at(filler.connection, NEXT):
            ends = await _assign_all(consumer, settings.topic_prefix)
            await filler.copy(_records(consumer, settings.topic_prefix, ends))
            await _note(filler, settings.topic_prefix, ends)
    finally:
        await consumer.stop()


async def _assign_all(consumer: AIOKafkaConsumer, prefix: str) -> dict[TopicPartition, int]:
    partitions = [
        TopicPartition(prefix + topic, partition)
        for topic in TOPICS
        for partition in sorted(consumer.partitions_for_topic(prefix + topic) or range(PARTITIONS))
    ]
    consumer.assign(partitions)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    for partition, begin in (await consumer.beginning_offsets(partitions)).items():
        consumer.seek(partition, begin)
    return ends


async def _records(
    consumer: AIOKafkaConsumer, prefix: str, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[list[Record]]:
    begins = await consumer.beginning_offsets(list(ends))
    left = {partition for partition, end in ends.items() if begins[partition] < end}
    while left:
        for partition, fetched in (await consumer.getmany(timeout_ms=250, max_records=FETCH_RECORDS)).items():
            topic = TOPICS[partition.topic.removeprefix(prefix)]
            yield [
                Record(topic, each.partition, each.offset, each.key, each.value, each.headers)
                for each in fetched
                if each.offset < ends[partition]
            ]
            if fetched[-1].offset + 1 >= ends[partition]:
                left.discard(partition)


async def _note(filler: Filler, prefix: str, ends: Mapping[TopicPartition, int]) -> None:
    """Write down offsets, what was no event, and what waits for an earlier version; in the transaction of the COPY."""
    connection = filler.connection
    await connection.executemany(
        "UPDATE topic_offset SET next = $3 WHERE topic = $1 AND partition = $2",
        [(each.topic.removeprefix(prefix), each.partition, end) for each, end in ends.items()],
    )
    await connection.executemany(
        "INSERT INTO halted (kind, id, seen_epoch, seen_version, reason) VALUES ($1, $2, $3, $4, $5)",
        [
            (kind, aggregate, *seen, f"version {seen[1]} of epoch {seen[0]} came without the one before it")
            for (kind, aggregate), seen in filler.still_halted().items()
        ],
    )
    cluster_id = await connection.fetchval("SELECT max(cluster_id) FROM topic_offset")
    await connection.executemany(_BURY, dead_rows(filler.dead, cluster_id))


_BURY: Final = """
    INSERT INTO dead (topic, partition, "offset", cluster_id, reason, detail, key, headers, value)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9)
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
            WITH old AS (SELECT position FROM {SCHEMA}.view_position FOR UPDATE)
            UPDATE {NEXT}.view_position AS n SET position = greatest(old.position, n.position) + 1 FROM old
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
