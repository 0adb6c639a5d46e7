"""Reading all topics at once, each through a consumer of its own.

A broker answers with every partition that was asked for, and aiokafka reads such an answer partition by partition: with
all topics in one consumer the hundred empty ones cost more time than the record that a reader waits for.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schakel_common.broker import kafka_connection
from schakel_common.settings import ServiceSettings

WAIT_MS: Final = 250
BATCH_RECORDS: Final = 2000
CLOSE_SECONDS: Final = 3.0

Fetched = dict[TopicPartition, Sequence[Any]]
"""Records of each partition, in order."""


class Topics:
    """Consumers of groups of partitions; to be used with ``async with``.

    Args:
        settings: where Kafka is.
        groups: partitions that are read together; heartbeats, of which only the last counts, may share a consumer.
    """

    def __init__(self, settings: ServiceSettings, groups: Iterable[Sequence[TopicPartition]]) -> None:
        self._of: dict[TopicPartition, AIOKafkaConsumer] = {}
        self._reading: dict[AIOKafkaConsumer, asyncio.Task[Fetched]] = {}
        self._groups = {
            AIOKafkaConsumer(
                **kafka_connection(settings),
                client_id="schakel-gateway-projector",
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=WAIT_MS,
            ): group
            for group in groups
        }

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(consumer.start() for consumer in self._groups))
        except BaseException:
            await self._stop()
            raise
        for consumer, group in self._groups.items():
            consumer.assign(group)
            self._of.update(dict.fromkeys(group, consumer))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        await asyncio.gather(*(_close(consumer) for consumer in self._groups))

    async def ends(self, partitions: Sequence[TopicPartition]) -> tuple[Mapping[TopicPartition, int], ...]:
        """Return the first and the next offset of partitions of one group."""
        consumer = self._of[partitions[0]]
        return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a partition from an offset on."""
        self._of[partition].seek(partition, offset)

    def highwater(self, partition: TopicPartition) -> int | None:
        """Return where a partition ends, as far as its last answer told."""
        end: int | None = self._of[partition].highwater(partition)
        return end

    async def fetch(self) -> Fetched:
        """Wait until some consumer has records, or has waited long enough; return what those that are done have."""
        for consumer in self._groups:
            if consumer not in self._reading:
                reading = consumer.getmany(timeout_ms=WAIT_MS, max_records=BATCH_RECORDS)
                self._reading[consumer] = asyncio.create_task(reading)
        done, _ = await asyncio.wait(self._reading.values(), return_when=asyncio.FIRST_COMPLETED)
        self._reading = {consumer: task for consumer, task in self._reading.items() if task not in done}
        return dict(chain.from_iterable(task.result().items() for task in done))


async def _close(consumer: AIOKafkaConsumer) -> None:
    with suppress(TimeoutError, KafkaError):
        await asyncio.wait_for(consumer.stop(), CLOSE_SECONDS)
