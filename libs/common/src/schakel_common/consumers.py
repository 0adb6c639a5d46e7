"""What comes in: batches from Kafka, one transaction each, acknowledged after the commit.

An event may come twice, and a consumer may die between its commit and its acknowledgement; so the handler's effect
must be idempotent by a constraint (`replica.apply` is one). What cannot be handled goes to a dead-letter topic with a
reason, and the events behind it go on; a database that is away is not the event's fault, so then the batch waits.
The framework's traps that shaped this are in `docs/adr/0005`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka import Topic as KafkaTopic
from faststream.kafka.annotations import KafkaMessage
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.barriers import barrier
from schakel_common.broker import kafka_security
from schakel_common.database import Database
from schakel_common.dead_letters import Reason, Refused, send_dead_letters
from schakel_common.event import Event
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_common.telemetry import measure, span
from schakel_contracts.envelope import EnvelopeError, envelope_of
from schakel_contracts.topics import Topic

__all__ = ["Event", "Handler", "Reader", "Subscription", "event_of", "make_broker", "subscribe"]

BATCH_RECORDS: Final = 500
BATCH_TIMEOUT_MS: Final = 10
ATTEMPTS: Final = 5
BACK_OFF_SECONDS: Final = 0.05
AWAY_BACK_OFF_SECONDS: Final = 1.0
DEAD_LETTERS_IN_A_ROW_MAX: Final = 20
SESSION_TIMEOUT_MS: Final = 6_000
LAG_SECONDS_MAX: Final = 2.0
MAX_POLL_INTERVAL_MS: Final = 120_000

_AWAY_STATES: Final = ("08", "28", "3D", "53", "55000", "57P", "40001", "40P01", "55P03", "57014")
"""Classes of SQLSTATE and whole ones. The last four: serialization failure, deadlock, lock not available, and a query
that is cancelled, as by the statement timeout while it waits for a lock."""

Handler = Callable[[AsyncSession, Event], Awaitable[None]]

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subscription:
    """What a service listens to, and what it does then.

    Attributes:
        purpose: names the consumer group together with the service; never change it, or history comes again.
        topics: whose events.
        handler: called per event inside the batch's transaction; raises when it cannot.
    """

    purpose: str
    topics: Sequence[Topic[Any]]
    handler: Handler


def make_broker(settings: ServiceSettings) -> KafkaBroker:
    """Return a broker for consuming only: everything that is sent goes through the outbox, or is a dead letter."""
    return KafkaBroker(
        settings.kafka_bootstrap,
        security=kafka_security(settings),
        consumer_only=True,
        apply_types=True,
        logger=logging.getLogger("schakel.kafka"),
        log_level=logging.DEBUG,
        graceful_timeout=15.0,
    )


def subscribe(
    broker: KafkaBroker,
    *,
    service: str,
    purpose: str,
    topics: Sequence[Topic[Any]],
    database: Database,
    settings: ServiceSettings,
    handler: Handler,
) -> "Reader":
    """Let a handler see every event of some topics, from the beginning, at least once and in order per aggregate.

    Args:
        broker: of `make_broker`, not started.
        service: whose consumer this is.
        purpose: see `Subscription`.
        topics: see `Subscription`; the topics exist before the broker is started.
        database: the service's own; a batch is one unit of work of it.
        settings: of the process.
        handler: see `Subscription`.

    Returns:
        What reads for it, to ask how far it is.
    """
    prefix = settings.topic_prefix
    subscriber: BatchSubscriber = broker.subscriber(
        *(KafkaTopic(f"{prefix}{topic.name}", declare=False) for topic in topics),
        group_id=f"{prefix}{service}.{purpose}",
        batch=True,
        max_records=BATCH_RECORDS,
        batch_timeout_ms=BATCH_TIMEOUT_MS,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        group_instance_id=f"{settings.instance}-{service}-{purpose}" if settings.instance else None,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 3,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
    )
    consumer = Reader(
        f"{service}.{purpose}",
        service,
        {f"{prefix}{topic.name}": topic for topic in topics},
        database,
        settings,
        handler,
        subscriber,
    )

    async def parse(records: tuple[ConsumerRecord, ...]) -> KafkaAckableMessage:
        # The framework's own parser decodes headers, and loses the batch when one of them is not UTF-8.
        assert subscriber.consumer is not None  # noqa: S101 - it is the one that just gave us the records
        return KafkaAckableMessage(raw_message=records, body=b"", consumer=subscriber.consumer)

    async def decode(message: KafkaMessage) -> bytes:
        del message
        return b""

    async def on_batch(message: KafkaMessage) -> None:
        await consumer.on_batch(message.raw_message)

    subscriber(on_batch, parser=parse, decoder=decode)
    consumer.begin_counting()
    return consumer


def event_of(topic: Topic[Any], record: ConsumerRecord) -> Event:
    """Read an event from a record, as strictly as it was written.

    Raises:
        Refused: with the reason that a dead letter carries.
    """
    value: bytes | None = record.value
    if value is None:
        raise Refused("malformed_envelope", "the record has no value")
    try:
        envelope = envelope_of(record.headers, value)
    except EnvelopeError as error:
        raise Refused("malformed_envelope", str(error)) from error
    if record.key != str(envelope.subject).encode():
        raise Refused("malformed_envelope", "the key is not ce_subject")
    if envelope.type not in topic.types:
        stem = envelope.type.rpartition(".")[0]
        known = any(stem == each.rpartition(".")[0] for each in topic.types)
        raise Refused(
            "unknown_version" if known else "unknown_type", f"{topic.name} does not carry {envelope.type[:200]}"
        )
    try:
        state = msgspec.json.decode(value, type=topic.state)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_state", str(error)) from error
    if state.id != envelope.subject:
        raise Refused("invalid_state", "the id of the state is not ce_subject")
    return Event(topic, envelope, state)


async def handle_alone(
    database: Database,
    subscriptions: Sequence[Subscription],
    topic: Topic[Any],
    record: ConsumerRecord,
    *,
    dry_run: bool = False,
) -> None:
    """Give one record to every subscription of its topic, in one transaction: the second try of a dead letter.

    With `dry_run` the transaction is rolled back at its end, so that only the outcome is known.

    Raises:
        Refused: it cannot be handled this time either.
    """
    event = event_of(topic, record)
    try:
        async with database.unit_of_work() as session:
            for each in subscriptions:
                if topic in each.topics:
                    await each.handler(session, event)
            if dry_run:
                raise _RolledBackError  # noqa: TRY301 - an error is what rolls a unit of work back
    except _RolledBackError:
        return
    except Exception as error:
        if is_away(error):
            raise
        raise Refused("handler_failed", type(error).__name__) from error


class _RolledBackError(Exception):
    """Everything went well, and nothing is to stay."""


class _StopConsumerError(Exception):
    """Too many dead letters in a row."""


@dataclass
class Reader:
    """One subscription at work; never lets an error reach the framework, which would lose the batch."""

    name: str
    service: str
    topics: dict[str, Topic[Any]]
    database: Database
    settings: ServiceSettings
    handler: Handler
    subscriber: BatchSubscriber
    dead_in_a_row: int = 0
    stopping: asyncio.Task[None] | None = None
    at_hand: dict[TopicPartition, int] = field(default_factory=dict)
    done: dict[TopicPartition, int] = field(default_factory=dict)

    def begin_counting(self) -> None:
        """Show what is counted from zero on: else the first trouble would be no rise."""
        measure("consumer.event.count", 0, consumer=self.name)
        measure("consumer.retry.count", 0, consumer=self.name)
        measure("consumer.stopped.count", 0, consumer=self.name)
        for reason in get_args(Reason):
            measure("dead_letter.count", 0, consumer=self.name, reason=reason)

    async def lag(self) -> dict[str, int]:
        """How many events of each topic this process has still to handle, those of a batch tried again among them."""
        consumer = self.subscriber.consumer
        if consumer is None:
            return {}
        lag = dict.fromkeys((topic.name for topic in self.topics.values()), 0)
        for partition in consumer.assignment():
            end = consumer.highwater(partition)
            try:
                following = 0 if end is None else await asyncio.wait_for(consumer.position(partition), LAG_SECONDS_MAX)
            except (KafkaError, IllegalStateError, TimeoutError):
                continue  # somebody else has it now, or the broker is away, which the relay reports
            if partition in self.at_hand:
                following = self.done.get(partition, self.at_hand[partition])
            lag[self.topics[partition.topic].name] += max(0, (end or 0) - following)
        return lag

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Handle one batch, and acknowledge what is done of it."""
        measure("consumer.batch.size", len(records), consumer=self.name)
        self.done = {}
        self.at_hand = {TopicPartition(each.topic, each.partition): each.offset for each in reversed(records)}
        try:
            await barrier("consumer.before_handle")
            if not await self._together(records):
                await self._one_by_one(records)
        except _StopConsumerError:
            _log.critical(
                "%s stops: %d dead letters in a row; look with `dead-letters list`", self.name, self.dead_in_a_row
            )
            measure("consumer.stopped.count", 1, consumer=self.name)
            self.stopping = asyncio.get_running_loop().create_task(self.subscriber.stop())
        except Exception as error:  # noqa: BLE001 - an error that leaves this function loses the batch
            _log.warning("%s waits and tries the batch again: %s", self.name, type(error).__name__)
            measure("consumer.retry.count", 1, consumer=self.name)
            await self._acknowledge()
            self._seek_back()
            await asyncio.sleep(AWAY_BACK_OFF_SECONDS)
            return
        await self._acknowledge()
        self.at_hand = {}
        await barrier("consumer.after_ack")

    async def _together(self, records: Sequence[ConsumerRecord]) -> bool:
        """Handle the whole batch in one transaction; False when one of its events cannot be."""
        try:
            events = [event_of(self.topics[record.topic], record) for record in records]
            async with self.database.unit_of_work() as session:
                for event in events:
                    await self._handle(session, event)
                await barrier("consumer.before_commit")
        except Exception as error:  # noqa: BLE001 - whose fault it was shows when each is handled alone
            _log.info("%s handles a batch of %d one by one: %s", self.name, len(records), type(error).__name__)
            return False
        await self._succeeded(records)
        return True

    async def _one_by_one(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            try:
                event = event_of(self.topics[record.topic], record)
                await self._patiently(event)
            except Refused as refused:
                await self._bury(record, refused)
            else:
                await self._succeeded([record])

    async def _patiently(self, event: Event) -> None:
        """Handle one event in a transaction of its own, with bounded attempts.

        Raises:
            Refused: it cannot be handled.
            Exception: the database is away; nothing is known about the event.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.database.unit_of_work() as session:
                    await self._handle(session, event)
                    await barrier("consumer.before_commit")
            except Exception as error:
                last = attempt == ATTEMPTS
                if is_away(error) and last:
                    raise
                if last or not (is_away(error) or is_not_yet_known(error)):
                    _log.warning("%s cannot handle %s: %s", self.name, event.envelope.type, type(error).__name__)
                    raise Refused("handler_failed", type(error).__name__) from error
                measure("consumer.retry.count", 1, consumer=self.name)
                await asyncio.sleep(BACK_OFF_SECONDS * 2**attempt)
            else:
                return

    async def _handle(self, session: AsyncSession, event: Event) -> None:
        with _continued(event):
            await self.handler(session, event)

    async def _succeeded(self, records: Sequence[ConsumerRecord]) -> None:
        self.dead_in_a_row = 0
        self._note(records)
        measure("consumer.event.count", len(records), consumer=self.name)
        await barrier("consumer.after_commit_before_ack")

    async def _bury(self, record: ConsumerRecord, refused: Refused) -> None:
        await send_dead_letters(self.settings, self.service, self.topics[record.topic], [(record, refused)])
        measure("dead_letter.count", 1, consumer=self.name, reason=refused.reason)
        self._note([record])
        self.dead_in_a_row += 1
        if self.dead_in_a_row >= DEAD_LETTERS_IN_A_ROW_MAX:
            raise _StopConsumerError

    def _note(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            self.done[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def _acknowledge(self) -> None:
        """Commit the offsets of what is done. A failure means a rebalance or a broker away: it comes again."""
        if not self.done or self.subscriber.consumer is None:
            return
        try:
            await self.subscriber.consumer.commit(self.done)
        except (KafkaError, IllegalStateError) as error:
            _log.info("%s could not acknowledge, the events come again: %s", self.name, type(error).__name__)

    def _seek_back(self) -> None:
        """Read again from the first record that is not done."""
        for partition, offset in self.at_hand.items():
            if self.subscriber.consumer is None:
                return
            try:
                self.subscriber.consumer.seek(partition, self.done.get(partition, offset))
            except IllegalStateError:
                continue  # somebody else has the partition now, and starts at what is acknowledged


def is_away(error: BaseException) -> bool:
    """Tell whether an error says that the database, not the event, is the trouble: gone, full, closed or locked."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(_AWAY_STATES)
    return isinstance(error, OSError | TimeoutError | PoolTimeoutError)


def is_not_yet_known(error: BaseException) -> bool:
    """Tell whether a handler waits for what another topic has still to tell it."""
    return isinstance(error, Problem) and error.slug == "not-yet-known"


def _continued(event: Event) -> AbstractContextManager[object]:
    traceparent = event.envelope.traceparent
    if traceparent is None or not traceparent.endswith("-01"):
        return nullcontext()
    return span(f"process {event.topic.name}", kind="consumer", parent=traceparent)
