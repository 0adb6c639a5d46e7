"""Where events go that a consumer cannot handle, with the reason; and the commands to look at them and try again.

A dead letter is the record as it was, byte for byte, with a few headers more. The topic keeps everything; what is still
to be done is what lies behind the committed offset of the group ``<service>.dead-letters``.
"""

import time
from collections.abc import Sequence
from typing import Any, Final, Literal

from aiokafka import AIOKafkaProducer, ConsumerRecord

from schakel_common.broker import REQUEST_TIMEOUT_MS, ensure_topics
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import Topic, dead_letter_topic

Reason = Literal["malformed_envelope", "unknown_type", "unknown_version", "invalid_state", "handler_failed"]

HEADER_PREFIX: Final = "dlq_"
DETAIL_CHARACTERS_MAX: Final = 300


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
        bootstrap_servers=settings.kafka_bootstrap,
        enable_idempotence=True,
        acks="all",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    async with producer:
        for record, refused in letters:
            await producer.send_and_wait(
                f"{settings.topic_prefix}{name}",
                record.value,
                key=record.key,
                headers=[*record.headers, *_marks(settings, record, refused)],
            )


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
