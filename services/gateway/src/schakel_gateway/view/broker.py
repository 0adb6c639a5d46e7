"""Which broker and which topics these are: offsets mean something only together with their ids."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Final, NamedTuple
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from schakel_common.broker import kafka_connection
from schakel_common.settings import ServiceSettings

_UUID_BYTES: Final = 16


class _Uuid(AbstractType[UUID]):  # type: ignore[misc] # aiokafka ships no types
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: object) -> UUID:
        return UUID(bytes=data.read(_UUID_BYTES))  # type: ignore[attr-defined] # a BytesIO; the base is untyped


class _MetadataResponse(Response):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc] # aiokafka ships no types
    """Metadata in the version that carries topic ids (12, Kafka 2.8 and later); aiokafka itself stops at 5."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        topics: list[tuple[UUID, str, dict[int, bytes]]] = [(UUID(int=0), name, {}) for name in self._names]
        return request_struct_class(topics, False, False, {})


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
    answer = await client.send(node, _MetadataRequest([prefix + topic for topic in topics]))
    found: dict[str, str] = {}
    for error_code, name, topic_id, *_ in answer.topics:
        if error_code:
            raise for_code(error_code)(name)
        found[name.removeprefix(prefix)] = str(topic_id)
    return Identities(str(answer.cluster_id), found)
