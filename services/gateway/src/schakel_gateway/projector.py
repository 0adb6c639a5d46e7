"""The projector: reads every topic and keeps the view equal to what was said there. One at a time, whoever holds the lock.

The connection that holds the lock is the one that writes, so losing it is losing the lock. Offsets lie in the view's own
transactions, with the ids of broker and topic: a broker that was lost and came back empty is read from its beginning,
and what the view has already changes nothing.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schakel_common.broker import REQUEST_TIMEOUT_MS, ensure_topics
from schakel_common.settings import ServiceSettings
from schakel_common.telemetry import measure, span
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.topics import PARTITIONS, TOPICS, heartbeat_topic
from schakel_gateway.ledger.store import write_definitions
from schakel_gateway.projections.apply import Batch, Move, ZombieError, apply
from schakel_gateway.projections.incoming import Dead, Incoming, Record, read
from schakel_gateway.view.broker import identities
from schakel_gateway.view.schema import SCHEMA

PROJECTOR_LOCK: Final = 7103
BATCH_RECORDS: Final = 2000
WAIT_MS: Final = 250
ELECTION_SECONDS: Final = 0.25
BACK_OFF_SECONDS_MAX: Final = 5.0
CLOSE_SECONDS: Final = 3.0
HEARTBEATS_WAITING_MAX: Final = 3600
LINKS_MAX: Final = 64

_SERVICES: Final = ("registry", "matching", "events")
_HEARTBEATS: Final[Mapping[str, str]] = {heartbeat_topic(service): service for service in _SERVICES}

_log: Final = logging.getLogger(__name__)


async def run_projector(settings: ServiceSettings, stop: asyncio.Event, *, schema: str = SCHEMA) -> None:
    """Project until told to stop; wait while another projector leads, and start over after any failure.

    Args:
        settings: where the view and Kafka are. The database by a direct connection, because of the lock.
        stop: set it to end; the batch at hand is finished or rolled back.
        schema: the view to fill.
    """
    back_off = ELECTION_SECONDS
    while not stop.is_set():
        try:
            async with elected(settings.database_url, stop) as connection:
                if connection is not None:
                    await Projection(settings, connection, schema).run(stop)
            back_off = ELECTION_SECONDS
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, ZombieError) as error:
            _log.warning("projector starts over in %.1f s: %s", back_off, type(error).__name__)
            await _pause(stop, back_off)
            back_off = min(back_off * 2, BACK_OFF_SECONDS_MAX)


@asynccontextmanager
async def elected(database_url: str, stop: asyncio.Event) -> AsyncIterator[Any]:
    """Give the connection that holds the projector's lock; None when told to stop before that.

    It asks again instead of waiting in the database: a statement that waits holds a snapshot, and with it dead rows.
    """
    connection = await asyncpg.connect(database_url, timeout=5, command_timeout=60)
    try:
        won = False
        while not won and not stop.is_set():
            won = await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", PROJECTOR_LOCK)
            if not won:
                await _pause(stop, ELECTION_SECONDS)
        yield connection if won else None
    finally:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=CLOSE_SECONDS)


class Projection:
    """One leadership: from stored offsets on, batch by batch.

    Args:
        settings: of the process.
        connection: the one that holds the lock.
        schema: the view to fill.
    """

    def __init__(self, settings: ServiceSettings, connection: Any, schema: str = SCHEMA) -> None:
        self._settings = settings
        self._connection = connection
        self._schema = schema
        self._prefix = settings.topic_prefix
        self._next: dict[tuple[str, int], int] = {}
        self._waiting: dict[str, deque[Heartbeat]] = defaultdict(lambda: deque(maxlen=HEARTBEATS_WAITING_MAX))
        self._cluster_id = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Read and apply until told to stop or something fails."""
        await self._prepare()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            client_id="schakel-gateway-projector",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=WAIT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        await consumer.start()
        try:
            await self._assign(consumer)
            _log.info("projector leads")
            while not stop.is_set():
                found = await consumer.getmany(timeout_ms=WAIT_MS, max_records=BATCH_RECORDS)
                if found:
                    await self._take_in(found)
                    self._report(consumer)
        except OffsetOutOfRangeError:
            _log.warning("a stored offset is not in its topic any more; its ids are looked at again")
            raise
        finally:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(consumer.stop(), CLOSE_SECONDS)

    async def _prepare(self) -> None:
        """Make sure of the topics, forget offsets of topics that are not those they were counted in, and load the rest."""
        await ensure_topics(self._settings, TOPICS)
        await ensure_topics(self._settings, _HEARTBEATS, heartbeats=True)
        self._cluster_id, topic_ids = await identities(self._settings, TOPICS)
        async with self._connection.transaction():
            await self._connection.execute(f"SET LOCAL search_path TO {self._schema}")
            await write_definitions(self._connection)
            self._next = await load_offsets(self._connection, self._cluster_id, topic_ids)

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        beats = [TopicPartition(self._prefix + topic, 0) for topic in _HEARTBEATS]
        topics = [TopicPartition(self._prefix + topic, partition) for topic, partition in self._next]
        consumer.assign([*topics, *beats])
        ends = await consumer.end_offsets(beats)
        begins = await consumer.beginning_offsets(beats)
        for partition in beats:  # of heartbeats only the last one matters
            consumer.seek(partition, max(begins[partition], ends[partition] - 1))
        for partition in topics:
            consumer.seek(partition, self._next[partition.topic.removeprefix(self._prefix), partition.partition])

    async def _take_in(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        moves: list[Move] = []
        results: list[Incoming | Dead] = []
        for partition, records in found.items():
            name = partition.topic.removeprefix(self._prefix)
            if name in _HEARTBEATS:
                self._hear(_HEARTBEATS[name], records)
                continue
            following = records[-1].offset + 1
            moves.append(Move(name, partition.partition, self._next[name, partition.partition], following))
            results += [read(_record(name, record)) for record in records]
        ends = {**self._next, **{(move.topic, move.partition): move.next for move in moves}}
        batch = Batch(
            moves=moves,
            events=[each for each in results if isinstance(each, Incoming)],
            dead=[each for each in results if isinstance(each, Dead)],
            complete_until=self._satisfied(ends),
            cluster_id=self._cluster_id,
        )
        if not moves and not batch.complete_until:
            return
        links = [event.traceparent for event in batch.events if event.traceparent is not None]
        # One event continues its trace; of many the span is linked to each, so that no trace gets what is not its own.
        parent = links[0] if len(batch.events) == 1 and links else None
        if batch.events:
            with span("project", kind="consumer", parent=parent, links=() if parent else links[:LINKS_MAX]):
                applied = await apply(self._connection, self._schema, batch)
        else:
            applied = await apply(self._connection, self._schema, batch)
        self._next = ends
        measure("view.position", applied.position, view=self._schema)
        if batch.events:
            measure("projection.batch.size", len(batch.events), view=self._schema)
            latest = max(event.recorded_at for event in batch.events)
            measure("projection.lag.seconds", (datetime.now(UTC) - latest).total_seconds(), view=self._schema)
        for dead in batch.dead:
            measure("dead_letter.count", 1, topic=dead.record.topic.name, consumer="gateway", reason=dead.reason)
            _log.error("dead letter on %s %d@%d: %s", dead.record.topic.name, dead.record.partition, dead.record.offset,
                       dead.reason)  # fmt: skip

    def _hear(self, service: str, records: Sequence[Any]) -> None:
        for record in records:
            try:
                heartbeat = msgspec.json.decode(record.value or b"", type=Heartbeat)
            except msgspec.MsgspecError:
                _log.warning("a heartbeat of %s does not parse", service)
                continue
            if heartbeat.service == service and heartbeat.complete_until.tzinfo is not None:
                self._waiting[service].append(heartbeat)

    def _satisfied(self, ends: Mapping[tuple[str, int], int]) -> dict[str, datetime]:
        """Return the newest heartbeat of each service whose offsets are reached, and drop it and the ones before it."""
        result: dict[str, datetime] = {}
        for service, waiting in self._waiting.items():
            while waiting and is_reached(waiting[0], ends):
                result[service] = waiting.popleft().complete_until
        return result

    def _report(self, consumer: AIOKafkaConsumer) -> None:
        lag: dict[str, int] = defaultdict(int)
        for (topic, partition), following in self._next.items():
            end = consumer.highwater(TopicPartition(self._prefix + topic, partition))
            lag[topic] += max(0, (end or following) - following)
        for topic, events in lag.items():
            measure("projection.lag.events", events, topic=topic, view=self._schema)


def is_reached(heartbeat: Heartbeat, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether everything that a heartbeat names lies before these offsets."""
    return all(
        ends.get((topic, partition), 0) >= end
        for topic, offsets in heartbeat.offsets.items()
        for partition, end in enumerate(offsets)
        if topic in TOPICS
    )


async def load_offsets(connection: Any, cluster_id: str, topic_ids: Mapping[str, str]) -> dict[tuple[str, int], int]:
    """Return the next offset of each partition; of a topic that is not the one it was, that is 0 again.

    Args:
        connection: in a transaction, with the view's schema as search path.
        cluster_id: of the broker.
        topic_ids: topic name to the broker's id of it.
    """
    await connection.executemany(
        """
        INSERT INTO topic_offset AS o (topic, partition, next, cluster_id, topic_id)
        SELECT $1, partition, 0, $2, $3 FROM generate_series(0, $4 - 1) AS partition
        ON CONFLICT (topic, partition) DO UPDATE SET next = 0, cluster_id = excluded.cluster_id,
            topic_id = excluded.topic_id
        WHERE (o.cluster_id, o.topic_id) IS DISTINCT FROM (excluded.cluster_id, excluded.topic_id)
        """,
        [(topic, cluster_id, topic_id, PARTITIONS) for topic, topic_id in topic_ids.items()],
    )
    rows = await connection.fetch("SELECT topic, partition, next FROM topic_offset")
    return {(row["topic"], row["partition"]): row["next"] for row in rows if row["topic"] in topic_ids}


def _record(topic: str, record: Any) -> Record:
    return Record(TOPICS[topic], record.partition, record.offset, record.key, record.value, record.headers)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
