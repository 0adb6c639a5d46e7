"""The first step of a rebuild: copying a share of all topics into the history of a fresh schema."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from schakel_common.broker import kafka_connection
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS, TOPICS
from schakel_gateway.projections.apply import follows
from schakel_gateway.projections.incoming import Dead, Incoming, Record, read
from schakel_gateway.projections.write import HISTORY_COLUMNS, Halt, dead_rows, history_row
from schakel_gateway.view.schema import looking_at
from schakel_gateway.view.shares import Share, rare_collections

if TYPE_CHECKING:
    from asyncpg import Connection

FETCH_RECORDS: Final = 5_000


def copy_share(settings: ServiceSettings, schema: str, share: Share) -> int:
    """Copy the partitions of a share, from their beginning to where they end now, in one transaction.

    An aggregate lies in one partition, so each share holds whole aggregates. Offsets, what was no event and what waits
    for an earlier version are written down with the history.

    Args:
        settings: where the view and Kafka are.
        schema: a fresh one, with its offsets.
        share: whose partitions.

    Returns:
        How many versions there are.
    """
    with rare_collections():
        return asyncio.run(_copy(settings, schema, share))


async def _copy(settings: ServiceSettings, schema: str, share: Share) -> int:
    consumer = AIOKafkaConsumer(
        **kafka_connection(settings),
        client_id=f"schakel-gateway-rebuild-{share.number}",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    history = _History()
    try:
        await consumer.start()
        async with looking_at(connection, schema):
            ends = await _assign(consumer, settings.topic_prefix, share)
            records = _records(consumer, settings.topic_prefix, ends)
            await connection.copy_records_to_table(
                "history", records=history.rows(records), columns=HISTORY_COLUMNS, schema_name=schema
            )
            await _note(connection, history, settings.topic_prefix, ends)
    finally:
        await consumer.stop()
        await connection.close()
    return history.versions


async def _assign(consumer: AIOKafkaConsumer, prefix: str, share: Share) -> dict[TopicPartition, int]:
    numbers = [number for number in range(PARTITIONS) if share.has(number)]
    partitions = [TopicPartition(prefix + topic, number) for topic in TOPICS for number in numbers]
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


class _History:
    """What was read: repeats and what comes after a missing version are left out."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, UUID], dict[int, int]] = {}
        self._halts: dict[tuple[str, UUID], Halt] = {}
        self.dead: list[Dead] = []
        self.versions = 0

    async def rows(self, batches: AsyncIterator[Sequence[Record]]) -> AsyncIterator[tuple[Any, ...]]:
        """Give the rows of `history`, in the order of `HISTORY_COLUMNS`."""
        async for batch in batches:
            for event in self._new(batch):
                yield history_row(event)

    def _new(self, batch: Sequence[Record]) -> Iterator[Incoming]:
        for record in batch:
            event = read(record)
            if isinstance(event, Dead):
                self.dead.append(event)
                continue
            aggregate, rank = (event.kind, event.id), (event.epoch, event.version)
            highest = self._known.setdefault(aggregate, {})
            if not follows(highest, *rank):
                self._halts[aggregate] = self._halts.get(aggregate, Halt(rank, 0)).joined_by(rank)
            elif event.version > highest.get(event.epoch, 0):
                highest[event.epoch] = event.version
                self.versions += 1
                yield event

    def halts(self) -> dict[tuple[str, UUID], Halt]:
        """Return the aggregates that still wait for an earlier version."""
        return {
            each: halt for each, halt in self._halts.items() if self._known[each].get(halt.seen[0], 0) < halt.seen[1]
        }


async def _note(
    connection: "Connection[Any]", history: _History, prefix: str, ends: Mapping[TopicPartition, int]
) -> None:
    await connection.executemany(
        "UPDATE topic_offset SET next = $3 WHERE topic = $1 AND partition = $2",
        [(each.topic.removeprefix(prefix), each.partition, end) for each, end in ends.items()],
    )
    await connection.executemany(
        "INSERT INTO halted (kind, id, seen_epoch, seen_version, reason) VALUES ($1, $2, $3, $4, $5)",
        [(*aggregate, *halt.seen, halt.reason) for aggregate, halt in history.halts().items()],
    )
    cluster_id = await connection.fetchval("SELECT max(cluster_id) FROM topic_offset")
    await connection.executemany(
        """
        INSERT INTO dead (topic, partition, "offset", cluster_id, reason, detail, key, headers, value)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9)
        """,
        dead_rows(history.dead, cluster_id),
    )
