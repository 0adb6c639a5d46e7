"""Which broker and which topics these are: offsets mean something only together with their ids."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code

from schakel_common.broker import kafka_connection
from schakel_common.kafka_metadata import MetadataRequest
from schakel_common.settings import ServiceSettings


class Identities(NamedTuple):
    """The cluster's id, and of each topic the id that a topic of the same name made anew does not have."""

    cluster_id: str
    topic_ids: dict[str, str]


@asynccontextmanager
async def broker_client(settings: ServiceSettings) -> AsyncIterator[AIOKafkaClient]:
    """Give a connection on which `identities` asks."""
    client = AIOKafkaClient(**kafka_connection(settings))
    try:
        await client.bootstrap()
        yield client
    finally:
        await client.close()


async def identities(client: AIOKafkaClient, prefix: str, topics: Iterable[str]) -> Identities:
    """Ask which cluster and which topics these are now.

    Args:
        client: see `broker_client`.
        prefix: what is put before the names.
        topics: names of the contracts.

    Raises:
        KafkaError: no broker answers, or a topic is not there.
    """
    node = client.get_random_node()
    if node is None:
        raise KafkaError("no broker is known")
    answer = await client.send(node, MetadataRequest([prefix + topic for topic in topics]))
    found: dict[str, str] = {}
    for error_code, name, topic_id, *_ in answer.topics:
        if error_code:
            raise for_code(error_code)(name)
        found[name.removeprefix(prefix)] = str(topic_id)
    return Identities(str(answer.cluster_id), found)
