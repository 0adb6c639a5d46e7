"""The projector: reads every topic and keeps the view equal to what was said there. One at a time holds the lock.

The connection that holds the lock is the one that writes, so losing it is losing the lock. Offsets lie in the view's
own transactions, with the ids of broker and topic: a broker that was lost and came back empty is read from its
beginning, and what the view has already changes nothing.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from schakel_common.broker import ensure_topics
from schakel_common.database import DIRECT_FAILURES
from schakel_common.settings import ServiceSettings
from schakel_common.telemetry import measure, span
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.topics import PARTITIONS, TOPICS, heartbeat_topic
from schakel_gateway.ledger.store import write_definitions
from schakel_gateway.projections.apply import Applied, Batch, ZombieError, apply
from schakel_gateway.projections.incoming import Dead, Incoming, Place, Record, read
from schakel_gateway.projections.topics import CLOSE_SECONDS, Topics
from schakel_gateway.projections.write import Move
from schakel_gateway.view.broker import Identities, broker_client, identities
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

PROJECTOR_LOCK: Final = 7103
ELECTION_SECONDS: Final = 0.25
BACK_OFF_SECONDS_MAX: Final = 5.0
HEARTBEATS_WAITING_MAX: Final = 3600
LINKS_MAX: Final = 64
HEAR_SECONDS: Final = 1.0

_SERVICES: Final = ("registry", "matching", "events")
_HEARTBEATS: Final[Mapping[str, str]] = {heartbeat_topic(service): service for service in _SERVICES}

_FEW_ROWS_OFTEN: Final = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
}
"""The same statements over a handful of rows of large tables, again and again: by index, and planned once."""

_REFUSED: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_log: Final = logging.getLogger(__name__)


class BrokerChangedError(KafkaError):  # type: ignore[misc] # aiokafka ships no types
    """Stored offsets do not belong to this broker or topic."""


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
        except (*DIRECT_FAILURES, KafkaError, ZombieError) as error:
            _log.warning("projector starts over in %.1f s: %s", back_off, type(error).__name__)
            await _pause(stop, back_off)
            back_off = min(back_off * 2, BACK_OFF_SECONDS_MAX)


@asynccontextmanager
async def elected(database_url: str, stop: asyncio.Event) -> AsyncIterator[Any]:
    """Give the connection that holds the projector's lock; None when told to stop before that.

    It asks again instead of waiting in the database: a statement that waits holds a snapshot, and with it dead rows.
    """
    connection = await asyncpg.connect(database_url, timeout=5, command_timeout=60, server_settings=_FEW_ROWS_OFTEN)
    try:
        won = False
        for topic in TOPICS:  # what this process measured as a leader is another one's to measure until it leads
            measure("projection.lag.events", 0, topic=topic, view=SCHEMA)
        while not won and not stop.is_set():
            won = await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", PROJECTOR_LOCK)
            if not won:
                await _pause(stop, ELECTION_SECONDS)
        yield connection if won else None
    finally:
        with suppress(*DIRECT_FAILURES):
            await connection.close(timeout=CLOSE_SECONDS)


class Projection:
    """One leadership: from stored offsets on, batch by batch.

    Args:
        settings: of the process.
        connection: the one that holds the lock.
        schema: the view to fill.
    """

    def __init__(self, settings: ServiceSettings, connection: "Connection[Any]", schema: str = SCHEMA) -> None:
        self._settings = settings
        self._connection = connection
        self._schema = schema
        self._prefix = settings.topic_prefix
        self._next: dict[tuple[str, int], int] = {}
        self._waiting: dict[str, deque[Heartbeat]] = defaultdict(lambda: deque(maxlen=HEARTBEATS_WAITING_MAX))
        self._heard_at = 0.0
        self._broker = Identities("", {})
        self._to_catch_up: dict[tuple[str, int], int] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Read and apply until told to stop or something fails."""
        await ensure_topics(self._settings, TOPICS)
        await ensure_topics(self._settings, _HEARTBEATS, heartbeats=True)
        async with broker_client(self._settings) as client:
            await self._prepare(client)
            beats = [TopicPartition(self._prefix + topic, 0) for topic in _HEARTBEATS]
            async with Topics(self._settings, [*self._by_topic().values(), beats]) as topics:
                await self._find_places(topics, beats)
                await self._note_caught_up()
                _log.info("projector leads")
                while not stop.is_set():
                    found = await topics.fetch()
                    if found or any(self._waiting.values()):
                        await self._take_in(found, client)
                        await self._note_caught_up()
                        self._report(topics)

    def _by_topic(self) -> dict[str, list[TopicPartition]]:
        result: dict[str, list[TopicPartition]] = defaultdict(list)
        for topic, partition in self._next:
            result[topic].append(TopicPartition(self._prefix + topic, partition))
        return result

    async def _prepare(self, client: AIOKafkaClient) -> None:
        """Forget offsets of topics that are not those they were counted in, and load the rest."""
        self._broker = await identities(client, self._prefix, TOPICS)
        async with self._connection.transaction():
            await self._connection.execute(f"SET LOCAL search_path TO {self._schema}")
            await write_definitions(self._connection)
            self._next = await load_offsets(self._connection, self._broker)

    async def _find_places(self, topics: Topics, beats: Sequence[TopicPartition]) -> None:
        begins, ends = await topics.ends(beats)
        for partition in beats:  # of heartbeats only the last one matters
            topics.seek(partition, max(begins[partition], ends[partition] - 1))
        for (topic, partition), following in self._next.items():
            topics.seek(TopicPartition(self._prefix + topic, partition), following)
        if not await self._connection.fetchval(f"SELECT caught_up_at FROM {self._schema}.view_position"):  # noqa: S608 - the view's own name
            self._to_catch_up = await self._ends_now(topics)

    async def _ends_now(self, topics: Topics) -> dict[tuple[str, int], int]:
        """Return the next offset of each partition that holds something."""
        groups = self._by_topic()
        found = await asyncio.gather(*(topics.ends(partitions) for partitions in groups.values()))
        return {
            (topic, partition.partition): end
            for topic, (begins, ends) in zip(groups, found, strict=True)
            for partition, end in ends.items()
            if end > begins[partition]
        }

    async def _note_caught_up(self) -> None:
        """Write down, once, that the view has what the topics held when this leadership began: readiness reads it."""
        if self._to_catch_up is None or any(self._next[place] < end for place, end in self._to_catch_up.items()):
            return
        await self._connection.execute(
            f"UPDATE {self._schema}.view_position SET caught_up_at = clock_timestamp() WHERE caught_up_at IS NULL"  # noqa: S608 - the view's own name
        )
        self._to_catch_up = None
        _log.info("the view has caught up")

    async def _take_in(self, found: Mapping[TopicPartition, Sequence[Any]], client: AIOKafkaClient) -> None:
        moves: list[Move] = []
        records: list[Record] = []
        for partition, fetched in found.items():
            name = partition.topic.removeprefix(self._prefix)
            if name in _HEARTBEATS:
                self._hear(_HEARTBEATS[name], [each.value or b"" for each in fetched])
                continue
            moves.append(Move(name, partition.partition, self._next[name, partition.partition], fetched[-1].offset + 1))
            records += [
                Record(TOPICS[name], each.partition, each.offset, each.key, each.value, each.headers)
                for each in fetched
            ]
        ends = {**self._next, **{(move.topic, move.partition): move.next for move in moves}}
        complete_until = await self._satisfied(ends, client)
        if moves or complete_until:
            read_records = [(record, read(record)) for record in records]
            await self._apply(read_records, moves, complete_until)
            self._next = ends

    async def _apply(
        self,
        records: Sequence[tuple[Record, Incoming | Dead]],
        moves: Sequence[Move],
        complete_until: Mapping[str, datetime],
    ) -> None:
        batch = Batch(
            moves=moves,
            events=[each for _, each in records if isinstance(each, Incoming)],
            dead=[each for _, each in records if isinstance(each, Dead)],
            complete_until=complete_until,
            cluster_id=self._broker.cluster_id,
        )
        with _span_of(batch.events):
            try:
                applied = await apply(self._connection, self._schema, batch)
            except _REFUSED:
                refused = await self._refused(records)
                events = [
                    each for record, each in records if isinstance(each, Incoming) and record.place not in refused
                ]
                batch = msgspec.structs.replace(batch, events=events, dead=[*batch.dead, *refused.values()])
                applied = await apply(self._connection, self._schema, batch)
        _report_batch(batch, applied, self._schema)

    async def _refused(self, records: Sequence[tuple[Record, Incoming | Dead]]) -> dict[Place, Dead]:
        """Find out which events the database refuses, by taking them in one by one; offsets stay where they are.

        Our checks let none through that we know of; if one comes, it must not stand in the way of all others.
        """
        refused: dict[Place, Dead] = {}
        for record, event in records:
            if isinstance(event, Incoming):
                try:
                    await apply(self._connection, self._schema, Batch(moves=(), events=(event,)))
                except _REFUSED as error:
                    refused[record.place] = Dead(record, "refused-by-view", type(error).__name__)
        return refused

    def _hear(self, service: str, values: Sequence[bytes]) -> None:
        for value in values:
            try:
                heartbeat = msgspec.json.decode(value, type=Heartbeat)
            except msgspec.MsgspecError:
                _log.warning("a heartbeat of %s does not parse", service)
                continue
            if heartbeat.service == service and heartbeat.complete_until.tzinfo is not None:
                self._waiting[service].append(heartbeat)

    async def _satisfied(self, ends: Mapping[tuple[str, int], int], client: AIOKafkaClient) -> dict[str, datetime]:
        """Return the newest heartbeat of each service whose offsets are reached, once a second.

        Offsets of another broker would satisfy anything: before any is believed, the broker must still be the one that
        the stored offsets were counted in.
        """
        now = asyncio.get_running_loop().time()
        if now - self._heard_at < HEAR_SECONDS:
            return {}
        result: dict[str, datetime] = {}
        for service, waiting in self._waiting.items():
            # The newest first: one from before the topics were lost names offsets that are never reached.
            newest = next((x for x in range(len(waiting) - 1, -1, -1) if is_reached(waiting[x], ends)), None)
            if newest is not None:
                result[service] = waiting[newest].complete_until
                for _ in range(newest + 1):
                    waiting.popleft()
        if result:
            self._heard_at = now
            if await identities(client, self._prefix, TOPICS) != self._broker:
                raise BrokerChangedError("the broker or a topic is not the one it was")
        return result

    def _report(self, topics: Topics) -> None:
        lag: dict[str, int] = defaultdict(int)
        for (topic, partition), following in self._next.items():
            end = topics.highwater(TopicPartition(self._prefix + topic, partition))
            lag[topic] += max(0, (end or following) - following)
        for topic, events in lag.items():
            measure("projection.lag.events", events, topic=topic, view=self._schema)


def _span_of(events: Sequence[Incoming]) -> AbstractContextManager[object]:
    """One event continues its trace; of many the span is linked to each, so that no trace gets what is not its own."""
    if not events:
        return nullcontext()
    links = [event.traceparent for event in events if event.traceparent is not None]
    parent = links[0] if len(events) == 1 and links else None
    return span("project", kind="consumer", parent=parent, links=() if parent else links[:LINKS_MAX])


def _report_batch(batch: Batch, applied: Applied, schema: str) -> None:
    if batch.events:
        measure("projection.batch.size", len(batch.events), view=schema)
        latest = max(event.recorded_at for event in batch.events)
        measure("projection.lag.seconds", (datetime.now(UTC) - latest).total_seconds(), view=schema)
    for dead in batch.dead:
        topic = dead.record.topic.name
        measure("dead_letter.count", 1, topic=topic, consumer="gateway", reason=dead.reason)
        _log.error("dead letter on %s %d@%d: %s", topic, dead.record.partition, dead.record.offset, dead.reason)
    if applied.halted:
        _log.error("%d events wait for an earlier version of their aggregate", applied.halted)


def is_reached(heartbeat: Heartbeat, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether everything that a heartbeat names lies before these offsets."""
    return all(
        ends.get((topic, partition), 0) >= end
        for topic, offsets in heartbeat.offsets.items()
        for partition, end in enumerate(offsets)
        if topic in TOPICS
    )


async def load_offsets(connection: "Connection[Any]", broker: Identities) -> dict[tuple[str, int], int]:
    """Return the next offset of each partition; of a topic that is not the one it was, that is 0 again.

    Args:
        connection: in a transaction, with the view's schema as search path.
        broker: which broker and topics these are now.
    """
    await connection.executemany(
        """
        INSERT INTO topic_offset AS o (topic, partition, next, cluster_id, topic_id)
        SELECT $1, partition, 0, $2, $3 FROM generate_series(0, $4 - 1) AS partition
        ON CONFLICT (topic, partition) DO UPDATE SET next = 0, cluster_id = excluded.cluster_id,
            topic_id = excluded.topic_id
        WHERE (o.cluster_id, o.topic_id) IS DISTINCT FROM (excluded.cluster_id, excluded.topic_id)
        """,
        [(topic, broker.cluster_id, topic_id, PARTITIONS) for topic, topic_id in broker.topic_ids.items()],
    )
    rows = await connection.fetch("SELECT topic, partition, next FROM topic_offset")
    return {(row["topic"], row["partition"]): row["next"] for row in rows if row["topic"] in broker.topic_ids}


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
