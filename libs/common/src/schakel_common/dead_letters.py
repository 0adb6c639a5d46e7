"""Where events go that a consumer cannot handle, with the reason; and the commands to look at them and try again.

A dead letter is the record as it was, byte for byte, with a few headers more. The topic keeps everything; what is still
to be done is what lies behind the committed offset of the group ``<service>.dead-letters``.
"""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from schakel_common.broker import ensure_topics, kafka_connection
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS, Topic, dead_letter_topic

Reason = Literal["malformed_envelope", "unknown_type", "unknown_version", "invalid_state", "handler_failed"]

HEADER_PREFIX: Final = "dlq_"
DETAIL_CHARACTERS_MAX: Final = 300
READ_SECONDS_MAX: Final = 10


class Refused(Exception):  # noqa: N818 - what happened to the event, not an error of the program
    """An event that cannot be handled.

    Args:
        reason: the kind of trouble.
        detail: one sentence without content of the event.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


async def send_dead_letters(
    settings: ServiceSettings, service: str, topic: Topic[Any], letters: Sequence[tuple[ConsumerRecord, Refused]]
) -> None:
    """Put records aside and wait until Kafka has them; an error here means that nothing may be acknowledged.

    Args:
        settings: of the process.
        service: the consumer that cannot handle them.
        topic: the topic they came from.
        letters: each record with why it is refused.
    """
    name = dead_letter_topic(topic.name, service)
    await ensure_topics(settings, [name])
    producer = AIOKafkaProducer(
        **kafka_connection(settings),
        enable_idempotence=True,
        acks="all",
    )
    async with producer:
        for record, refused in letters:
            await producer.send_and_wait(
                f"{settings.topic_prefix}{name}",
                record.value,
                key=record.key,
                headers=[*record.headers, *_marks(settings, record, refused)],
            )


async def list_dead_letters(
    settings: ServiceSettings, service: str, topics: Sequence[Topic[Any]]
) -> list[dict[str, str | int]]:
    """Return what waits in the dead-letter topics of a consumer: where it lies, why, and where it came from.

    Args:
        settings: of the process.
        service: the consumer.
        topics: those it listens to.
    """
    async with _waiting(settings, service, topics) as consumer:
        return [_summary(settings, record) async for record in _until_now(consumer)]


async def show_dead_letter(settings: ServiceSettings, topic: str, partition: int, offset: int) -> dict[str, object]:
    """Return one record whole: headers in order, and the value as text.

    Raises:
        Problem: ``not-found`` when nothing lies there.
    """
    place = TopicPartition(f"{settings.topic_prefix}{topic}", partition)
    async with _reader(settings, None) as consumer:
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if not first <= offset < end:
            raise Problem("not-found", f"{topic} {partition} holds offsets {first} to {end - 1}.")
        consumer.seek(place, offset)
        record = await asyncio.wait_for(consumer.getone(), READ_SECONDS_MAX)
    return {
        **_summary(settings, record),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": _text(record.value),
    }


async def retry_dead_letters(
    settings: ServiceSettings,
    service: str,
    topics: Sequence[Topic[Any]],
    handle: Callable[[Topic[Any], ConsumerRecord], Awaitable[None]],
    *,
    dry_run: bool = False,
) -> dict[str, int]:
    """Give every record that waits to its handler again, in order; those that fail again are put at the end.

    Args:
        settings: of the process.
        service: the consumer.
        topics: those it listens to.
        handle: handles a record in a transaction of its own; raises Refused when it cannot.
        dry_run: count only, and move nothing; `handle` must then leave nothing behind.

    Returns:
        How many were handled and how many failed.
    """
    by_name = {dead_letter_topic(topic.name, service): topic for topic in topics}
    counts = {"handled": 0, "failed": 0}
    async with _waiting(settings, service, topics) as consumer:
        async for record in _until_now(consumer):
            topic = by_name[record.topic.removeprefix(settings.topic_prefix)]
            original = _original(settings, record)
            try:
                await handle(topic, original)
                counts["handled"] += 1
            except Refused as refused:
                counts["failed"] += 1
                if dry_run:
                    continue
                await send_dead_letters(settings, service, topic, [(original, refused)])
            if not dry_run:
                await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
    return counts


async def drop_dead_letter(settings: ServiceSettings, service: str, topic: str, partition: int, offset: int) -> None:
    """Let one record wait no longer, without handling it; the topic still has it.

    Args:
        settings: of the process.
        service: the consumer.
        topic: the dead-letter topic.
        partition: of it.
        offset: the first that waits in that partition; those before it are handled or dropped first.

    Raises:
        Problem: ``conflict`` when that is not the first that waits there.
    """
    place = TopicPartition(f"{settings.topic_prefix}{topic}", partition)
    async with _reader(settings, _group(settings, service)) as consumer:
        consumer.assign([place])
        first = await consumer.committed(place) or (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if offset != first or offset >= end:
            waits = f"the first that waits there is {first}" if first < end else "nothing waits there"
            raise Problem("conflict", f"{topic} {partition} {offset} cannot be dropped: {waits}.")
        await consumer.commit({place: offset + 1})


def _group(settings: ServiceSettings, service: str) -> str:
    return f"{settings.topic_prefix}{service}.dead-letters"


@asynccontextmanager
async def _reader(settings: ServiceSettings, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **kafka_connection(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def _waiting(
    settings: ServiceSettings, service: str, topics: Sequence[Topic[Any]]
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that stands at the first record that still waits, in each partition of the dead-letter topics."""
    names = [dead_letter_topic(topic.name, service) for topic in topics]
    await ensure_topics(settings, names)
    places = [
        TopicPartition(f"{settings.topic_prefix}{name}", number) for name in names for number in range(PARTITIONS)
    ]
    async with _reader(settings, _group(settings, service)) as consumer:
        consumer.assign(places)
        first = await consumer.beginning_offsets(places)
        for place in places:
            consumer.seek(place, await consumer.committed(place) or first[place])
        yield consumer


async def _until_now(consumer: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord]:
    """Read to where the partitions end now, so that what fails again is not read again."""
    ends = await consumer.end_offsets(consumer.assignment())
    for place, end in ends.items():
        while await consumer.position(place) < end:
            record = await asyncio.wait_for(consumer.getone(place), READ_SECONDS_MAX)
            if record.offset < end:
                yield record


def _summary(settings: ServiceSettings, record: ConsumerRecord) -> dict[str, str | int]:
    marks = {
        name.removeprefix(HEADER_PREFIX): _text(value)
        for name, value in record.headers
        if name.startswith(HEADER_PREFIX)
    }
    return {
        "topic": record.topic.removeprefix(settings.topic_prefix),
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "type": next((_text(value) for name, value in record.headers if name == "ce_type"), ""),
        "reason": marks.get("reason", ""),
        "detail": marks.get("detail", ""),
        "from": f"{marks.get('topic', '')}/{marks.get('partition', '')}/{marks.get('offset', '')}",
        "at": marks.get("at", ""),
    }


def _original(settings: ServiceSettings, letter: ConsumerRecord) -> ConsumerRecord:
    """Return the record as it was before it was put aside."""
    marks = {name: value for name, value in letter.headers if name.startswith(HEADER_PREFIX)}
    return dataclasses.replace(
        letter,
        topic=settings.topic_prefix + marks[f"{HEADER_PREFIX}topic"].decode(),
        partition=int(marks[f"{HEADER_PREFIX}partition"]),
        offset=int(marks[f"{HEADER_PREFIX}offset"]),
        headers=tuple((name, value) for name, value in letter.headers if not name.startswith(HEADER_PREFIX)),
    )


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="backslashreplace")


def _marks(settings: ServiceSettings, record: ConsumerRecord, refused: Refused) -> list[tuple[str, bytes]]:
    marks = {
        "reason": refused.reason,
        "detail": refused.detail[:DETAIL_CHARACTERS_MAX],
        "topic": record.topic.removeprefix(settings.topic_prefix),
        "partition": str(record.partition),
        "offset": str(record.offset),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return [(f"{HEADER_PREFIX}{name}", value.encode()) for name, value in marks.items()]
