"""Sends what the outbox holds to Kafka, in order, one relay at a time per service.

One direct connection holds the advisory lock, listens and drains, so losing it means losing the lock. No transaction is
open while Kafka is asked: rows of one snapshot are sent by ``seq``, and deleted when all are acknowledged. A crash in
between sends them again, which consumers do not notice. Why this order is right, and why it is not enough to remember
the last ``seq``, is in `docs/adr/0004`.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from schakel_common.barriers import barrier
from schakel_common.broker import ensure_topics, kafka_connection
from schakel_common.database import DIRECT_FAILURES
from schakel_common.settings import ServiceSettings, event_source_of
from schakel_common.telemetry import measure, span, traceparent_now
from schakel_contracts.envelope import CONTENT_TYPE
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.topics import PARTITIONS, TOPICS, Service, heartbeat_topic, topics_of

RELAY_LOCK: Final = 7102
SNAPSHOT_ROWS: Final = 8000
CHUNK_ROWS: Final = 1000
POLL_SECONDS: Final = 0.25
HEARTBEAT_SECONDS: Final = 1.0
ACK_REPORT_SECONDS: Final = 5.0
BACK_OFF_SECONDS_MAX: Final = 5.0
STOP_SECONDS: Final = 3.0
MAX_BATCH_BYTES: Final = 256 * 1024

_SETTINGS: Final = {
    "synchronous_commit": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""All that a relay writes is that rows were sent: who loses that in a crash sends them again, so no commit waits for
the disk. An outbox that is nearly always empty has no statistics to go by: its rows find their journal lines by index.
"""

_SAMPLED: Final = "-01"
_CONTENT_TYPE: Final = CONTENT_TYPE.encode()
_DATASCHEMAS: Final = {name: topic.dataschema.encode() for name, topic in TOPICS.items()}

# Texts are made by the database, on another core: in Python two instants cost as much as all the rest of an event.
_SNAPSHOT: Final = """
    SELECT o.seq, j.topic, j.aggregate_id::text AS aggregate_id, o.epoch, j.version, j.event_id::text AS event_id,
           j.type, to_char(j.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS effective_at,
           to_char(j.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at,
           j.value, j.sha256, o.traceparent
    FROM outbox o JOIN journal j ON j.seq = o.journal_seq ORDER BY o.seq LIMIT $1
"""
_DELETE: Final = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])"
_UNSENT: Final = """
    SELECT count(*) AS unsent, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS age
    FROM outbox
"""
# `append_event` takes a transaction id before it looks at the clock: whoever has none has no `recorded_at` yet.
_WRITING_SINCE: Final = """
    SELECT min(xact_start) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""

_log: Final = logging.getLogger(__name__)


async def run_relay(database_url: str, settings: ServiceSettings, service: Service, stop: asyncio.Event) -> None:
    """Relay until told to stop; wait while another relay of this service leads, and start over after any failure.

    Args:
        database_url: the service's database, by a direct connection: a pooler would break lock and notifications.
        settings: where Kafka is, the prefix of topics, the source of the events.
        service: whose topics.
        stop: set it to end; what is being sent is finished.
    """
    measure("relay.failure.count", 0, service=service)
    measure("relay.sent.count", 0, service=service)
    back_off = POLL_SECONDS
    while not stop.is_set():
        try:
            await _lead_once(database_url, settings, service, stop)
            back_off = POLL_SECONDS
        except (*DIRECT_FAILURES, KafkaError) as error:
            measure("relay.failure.count", 1, service=service)
            _log.warning("relay of %s starts over in %.1f s: %s", service, back_off, type(error).__name__)
            await _pause(stop, back_off)
            back_off = min(back_off * 2, BACK_OFF_SECONDS_MAX)


async def _lead_once(database_url: str, settings: ServiceSettings, service: Service, stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(database_url, timeout=5, command_timeout=30, server_settings=_SETTINGS)
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        if await _elected(connection, service, stop):
            await _lead(connection, settings, service, stop, lost)
    finally:
        with suppress(*DIRECT_FAILURES):
            await connection.close(timeout=STOP_SECONDS)


async def _elected(connection: asyncpg.Connection, service: Service, stop: asyncio.Event) -> bool:
    """Wait for the lock by asking again: a statement that waits would hold a snapshot, and with it dead rows."""
    others = False
    while not stop.is_set():
        if await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", RELAY_LOCK):
            return True
        if not others:  # what this process measured as a leader is another one's to measure now
            others = True
            measure("outbox.unsent.count", 0, service=service)
            measure("outbox.oldest.age", 0, service=service)
        await _pause(stop, POLL_SECONDS)
    return False


async def _lead(
    connection: asyncpg.Connection,
    settings: ServiceSettings,
    service: Service,
    stop: asyncio.Event,
    lost: asyncio.Event,
) -> None:
    await _report(connection, service)  # before anything is asked of Kafka, which may be away
    await ensure_topics(settings, [topic.name for topic in topics_of(service)])
    await ensure_topics(settings, [heartbeat_topic(service)], heartbeats=True)
    offsets = await _end_offsets(settings, service)
    producer = AIOKafkaProducer(
        **kafka_connection(settings),
        client_id=f"schakel-{service}-relay",
        enable_idempotence=True,
        acks="all",
        max_batch_size=MAX_BATCH_BYTES,
    )
    try:
        await producer.start()
        _log.info("relay of %s leads", service)
        drain = _Drain(connection, producer, settings, service, offsets)
        await _until(lost, asyncio.create_task(drain.run(stop)))
    finally:
        # With Kafka away the producer would wait for ever to flush; what it holds is still in the outbox.
        with suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer.stop(), STOP_SECONDS)


async def _until(lost: asyncio.Event, draining: asyncio.Task[None]) -> None:
    """Wait for the end of the work, and end it at once when the connection that holds the lock is gone."""
    losing = asyncio.create_task(lost.wait())
    try:
        await asyncio.wait({draining, losing}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            raise ConnectionError("the connection that holds the lock is gone")
        draining.result()
    finally:
        for task in (draining, losing):
            task.cancel()
        await asyncio.gather(draining, losing, return_exceptions=True)


async def _end_offsets(settings: ServiceSettings, service: Service) -> dict[str, list[int]]:
    """Ask the broker where the topics end: what earlier relays sent lies before."""
    names = [topic.name for topic in topics_of(service)]
    partitions = [
        TopicPartition(f"{settings.topic_prefix}{name}", number) for name in names for number in range(PARTITIONS)
    ]
    consumer = AIOKafkaConsumer(**kafka_connection(settings))
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    found = {name: [0] * PARTITIONS for name in names}
    for partition, end in ends.items():
        found[partition.topic.removeprefix(settings.topic_prefix)][partition.partition] = end
    return found


class _Drain:
    """The loop of the leader: snapshot, send, acknowledge, delete; a heartbeat every second."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        producer: AIOKafkaProducer,
        settings: ServiceSettings,
        service: Service,
        offsets: dict[str, list[int]],
    ) -> None:
        self._connection = connection
        self._producer = producer
        self._prefix = settings.topic_prefix
        self._source = (settings.event_source or event_source_of(service)).encode()
        self._service: Service = service
        self._offsets = offsets
        self._woken = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        await self._connection.add_listener("outbox", lambda *_: self._woken.set())
        loop = asyncio.get_running_loop()
        next_heartbeat = loop.time()
        while not stop.is_set():
            self._woken.clear()
            due = loop.time() >= next_heartbeat
            complete_until = await self._complete_until() if due else None
            sent = await self._drain_snapshot()
            if complete_until is not None and sent < SNAPSHOT_ROWS:
                await self._beat(complete_until)
                next_heartbeat = loop.time() + HEARTBEAT_SECONDS
            if sent < SNAPSHOT_ROWS:  # what came meanwhile has woken us
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def _complete_until(self) -> datetime:
        """Return the instant before which nothing can still be recorded that the next snapshot does not show.

        The clock is read first: who starts later records later. Who is writing now may have looked at the clock as
        early as its transaction began.
        """
        now: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        writing_since: datetime | None = await self._connection.fetchval(_WRITING_SINCE)
        return now if writing_since is None else min(now, writing_since)

    async def _drain_snapshot(self) -> int:
        """Send the unsent rows of one snapshot by ``seq``; return how many there were.

        Deleting a chunk overlaps with sending the next one, but no chunk is sent before the one before it is
        acknowledged: a failed event must not be overtaken by a later version of its aggregate.
        """
        rows = await self._connection.fetch(_SNAPSHOT, SNAPSHOT_ROWS)
        deletion: asyncio.Task[Any] | None = None
        try:
            for chunk in _chunks(rows):
                await barrier("relay.before_send")
                pending = [await self._send(row) for row in chunk]
                await barrier("relay.after_send_before_ack")
                if deletion is not None:
                    await deletion
                    deletion = None
                await self._acknowledged(pending)
                await barrier("relay.after_ack_before_delete")
                deletion = asyncio.create_task(self._connection.execute(_DELETE, [row["seq"] for row in chunk]))
                measure("relay.batch.size", len(chunk), service=self._service)
                measure("relay.sent.count", len(chunk), service=self._service)
        finally:
            if deletion is not None:
                await deletion
        if rows:
            await barrier("relay.after_delete")
        return len(rows)

    async def _send(self, row: asyncpg.Record) -> asyncio.Future[RecordMetadata]:
        traceparent: str | None = row["traceparent"]
        topic: str = row["topic"]
        if traceparent is None or not traceparent.endswith(_SAMPLED):
            return await self._append(row, topic, traceparent)
        with span(f"send {topic}", kind="producer", parent=traceparent):
            return await self._append(row, topic, traceparent_now())

    async def _append(self, row: asyncpg.Record, topic: str, traceparent: str | None) -> asyncio.Future[RecordMetadata]:
        aggregate = row["aggregate_id"].encode()
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", row["event_id"].encode()),
            ("ce_source", self._source),
            ("ce_type", row["type"].encode()),
            ("ce_subject", aggregate),
            ("ce_time", row["recorded_at"].encode()),
            ("ce_dataschema", _DATASCHEMAS[topic]),
            ("ce_partitionkey", aggregate),
            ("ce_epoch", b"%d" % row["epoch"]),
            ("ce_version", b"%d" % row["version"]),
            ("ce_effectiveat", row["effective_at"].encode()),
            ("ce_digest", row["sha256"].encode()),
            ("content-type", _CONTENT_TYPE),
        ]
        if traceparent is not None:
            headers.append(("traceparent", traceparent.encode()))
        pending: asyncio.Future[RecordMetadata] = await self._producer.send(
            self._prefix + topic, row["value"], key=aggregate, headers=headers
        )
        return pending

    async def _acknowledged(self, pending: Sequence[asyncio.Future[RecordMetadata]]) -> None:
        """Wait until Kafka has all of them, and note where the partitions end now."""
        for metadata in await self._kafka_has(pending):
            ends = self._offsets[metadata.topic.removeprefix(self._prefix)]
            ends[metadata.partition] = max(ends[metadata.partition], metadata.offset + 1)

    async def _kafka_has(self, pending: Sequence[asyncio.Future[RecordMetadata]]) -> list[RecordMetadata]:
        """Wait for what was sent, heartbeats included: while Kafka is away, an idle relay waits with its heartbeat.

        The producer tries again by itself, in order, as long as Kafka is away; meanwhile the backlog is reported.
        """
        waiting: set[asyncio.Future[RecordMetadata]] = set(pending)
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=ACK_REPORT_SECONDS)
            if waiting:
                _log.warning("Kafka has not acknowledged %d messages of %s", len(waiting), self._service)
                await _report(self._connection, self._service)
        return [future.result() for future in pending]

    async def _beat(self, complete_until: datetime) -> None:
        heartbeat = Heartbeat(service=self._service, complete_until=complete_until, offsets=self._offsets)
        pending = await self._producer.send(
            self._prefix + heartbeat_topic(self._service),
            msgspec.json.encode(heartbeat),
            headers=[("content-type", _CONTENT_TYPE)],
        )
        await self._kafka_has([pending])
        await _report(self._connection, self._service)


async def _report(connection: asyncpg.Connection, service: Service) -> None:
    found = await connection.fetchrow(_UNSENT)
    measure("outbox.unsent.count", found["unsent"], service=service)
    measure("outbox.oldest.age", found["age"], service=service)


def _chunks(rows: Sequence[asyncpg.Record]) -> Iterator[Sequence[asyncpg.Record]]:
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
