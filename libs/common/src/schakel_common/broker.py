"""What producers and consumers share: how to reach Kafka, and topics that keep everything for ever."""

from collections.abc import Iterable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS

REQUEST_TIMEOUT_MS: Final = 10_000
REPLICAS_MAX: Final = 3

_KEEP_ALL: Final = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_KEEP_A_DAY: Final = {"retention.ms": "86400000", "cleanup.policy": "delete"}


async def ensure_topics(settings: ServiceSettings, names: Iterable[str], *, heartbeats: bool = False) -> None:
    """Create the topics that are not there; leave the others as they are.

    Event topics and dead letters neither expire nor are compacted, and have 12 partitions: a topic is the history of
    its aggregates. Heartbeats have one partition and are kept for a day, because only the last one matters.

    Args:
        settings: of the process; its prefix is put before the names.
        names: topic names of the contracts.
        heartbeats: whether these are heartbeat topics.

    Raises:
        KafkaError: no broker answers, or it refuses.
    """
    wanted = {f"{settings.topic_prefix}{name}" for name in names}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        missing = sorted(wanted - set(await admin.list_topics()))
        if not missing:
            return
        brokers = len((await admin.describe_cluster())["brokers"])
        new = [
            NewTopic(
                name,
                num_partitions=1 if heartbeats else PARTITIONS,
                replication_factor=min(REPLICAS_MAX, brokers),
                topic_configs=_KEEP_A_DAY if heartbeats else _KEEP_ALL,
            )
            for name in missing
        ]
        response = await admin.create_topics(new)
        for name, code, *_ in response.topic_errors:
            error = for_code(code)
            if error is not TopicAlreadyExistsError and code != 0:
                raise KafkaError(f"topic {name} cannot be made: {error.__name__}")
    finally:
        await admin.close()
