"""A service with its relay and its consumers on the real Kafka, and what a neighbour would send to it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schakel_common.broker import ensure_topics
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS, Topic

EXAMPLES: Final = Path(__file__).parents[2] / "libs" / "contracts" / "published" / "examples"


class Published(NamedTuple):
    """A record as it would stand in a topic."""

    topic: Topic[Any]
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def examples(topic: Topic[Any]) -> list[Published]:
    """Return every example that was ever published for a topic, in the order of their versions."""
    found = [json.loads(path.read_text()) for path in sorted((EXAMPLES / topic.name).glob("*.json"))]
    found.sort(key=lambda each: (each["key"], int(each["headers"]["ce_version"])))
    return [
        Published(
            topic,
            each["key"].encode(),
            json.dumps(each["value"], separators=(",", ":"), ensure_ascii=False).encode(),
            [(name, value.encode()) for name, value in each["headers"].items()],
        )
        for each in found
    ]


async def send(settings: ServiceSettings, records: list[Published]) -> None:
    """Put records into their topics, one after another."""
    await ensure_topics(settings, {record.topic.name for record in records})
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap) as producer:
        for record in records:
            name = f"{settings.topic_prefix}{record.topic.name}"
            await producer.send_and_wait(name, record.value, key=record.key, headers=record.headers)


async def read(settings: ServiceSettings, topic: Topic[Any], count: int, *, seconds_max: float = 30) -> list[Any]:
    """Read the first `count` records of a topic; TimeoutError when they do not come."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest")
    name = f"{settings.topic_prefix}{topic.name}"
    await consumer.start()
    try:
        consumer.assign([TopicPartition(name, number) for number in range(PARTITIONS)])
        records: list[Any] = []
        async with asyncio.timeout(seconds_max):
            while len(records) < count:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records += batch
    finally:
        await consumer.stop()
    return records


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds_max: float = 30) -> None:
    """Wait until a condition holds; TimeoutError after the bound."""
    async with asyncio.timeout(seconds_max):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in a database
            await asyncio.sleep(0.05)
