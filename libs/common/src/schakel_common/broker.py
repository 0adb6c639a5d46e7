"""What producers and consumers share: how to reach Kafka, and topics that keep everything for ever."""

import ssl
from collections.abc import Iterable
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import PARTITIONS

REQUEST_TIMEOUT_MS: Final = 10_000
REPLICAS_MAX: Final = 3

_KEEP_ALL: Final = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_KEEP_A_DAY: Final = {"retention.ms": "86400000", "cleanup.policy": "delete"}


def kafka_security(settings: ServiceSettings) -> BaseSecurity:
    """Return how we show who we are to the brokers, and how they show it to us.

    Raises:
        OSError: a file that the settings name cannot be read, or holds no certificate or key.
    """
    context = _ssl_context(settings) if settings.kafka_tls else None
    if not settings.kafka_username:
        return BaseSecurity(ssl_context=context, use_ssl=settings.kafka_tls)
    prove = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}
    return prove[settings.kafka_mechanism](
        username=settings.kafka_username,
        password=settings.kafka_password,
        ssl_context=context,
        use_ssl=settings.kafka_tls,
    )


def kafka_connection(settings: ServiceSettings) -> dict[str, Any]:
    """Return what every client of aiokafka is given: where the brokers are, time limits, and `kafka_security`."""
    return {
        "bootstrap_servers": settings.kafka_bootstrap,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        **parse_security(kafka_security(settings)),
    }


def _ssl_context(settings: ServiceSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_certificate_file is not None:
        context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_key_file)
    return context


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
    admin = AIOKafkaAdminClient(**kafka_connection(settings))
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
