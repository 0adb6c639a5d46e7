"""What Kafka tells of topics in a version of its protocol that the client library does not speak: ids and rights."""

from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

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

_UUID_BYTES: Final = 16


class _Uuid(AbstractType[UUID]):  # type: ignore[misc] # aiokafka ships no types
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: object) -> UUID:
        return UUID(bytes=data.read(_UUID_BYTES))  # type: ignore[attr-defined] # a BytesIO; the base is untyped


class _Response(Response):  # type: ignore[misc] # aiokafka ships no types
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


class _RequestStruct(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class MetadataRequest(Request[_RequestStruct]):  # type: ignore[misc] # aiokafka ships no types
    """Asks for topics by name, in the version that carries their ids (12, Kafka 2.8 and later); aiokafka stops at 5.

    Each of the answer's ``topics`` is (error code, name, id, is internal, partitions, rights as bits, tags).

    Args:
        names: full names of topics.
        rights: whether the answer says what the asker may do with each.
    """

    API_KEY: ClassVar[int] = 3

    def __init__(self, names: Sequence[str], *, rights: bool = False) -> None:
        self._names = names
        self._rights = rights

    def build(self, request_struct_class: type[_RequestStruct]) -> _RequestStruct:
        """Return the request in the one version that we know."""
        topics: list[tuple[UUID, str, dict[int, bytes]]] = [(UUID(int=0), name, {}) for name in self._names]
        return request_struct_class(topics, False, self._rights, {})
