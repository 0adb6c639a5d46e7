"""Reading a record: an event that the view can hold, or the reason why it is none. Nothing here raises."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from schakel_contracts.envelope import VALUE_BYTES_MAX, Envelope, EnvelopeError, envelope_of
from schakel_contracts.topics import TOPICS, Topic
from schakel_gateway.ledger.steps import DECODERS, State

Reason = Literal["malformed-envelope", "unknown-type", "malformed-state", "too-large", "foreign-key", "refused-by-view"]

Place = tuple[str, int, int]
"""Topic, partition and offset."""

_NUL: Final = b"\\u0000"
"""PostgreSQL's text has no room for it."""

_TYPES: Final = {name: frozenset(topic.types) for name, topic in TOPICS.items()}
_INT_MAX: Final = 2**31 - 1


class Record(msgspec.Struct, frozen=True):
    """What Kafka handed over; `topic` is the contract's name, without a test's prefix."""

    topic: Topic
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @property
    def place(self) -> Place:
        """Where it stands in Kafka."""
        return (self.topic.name, self.partition, self.offset)


class Incoming(msgspec.Struct, frozen=True):
    """One version of one aggregate, checked; `text` is the JSON of its state, byte for byte."""

    kind: str
    id: UUID
    epoch: int
    version: int
    type: str
    effective_at: datetime
    recorded_at: datetime
    digest: str
    text: str
    state: State
    traceparent: str | None


class Dead(msgspec.Struct, frozen=True):
    """A record that is no event of ours, and why; it never blocks what stands behind it."""

    record: Record
    reason: Reason
    detail: str


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


def read(record: Record) -> Incoming | Dead:
    """Read and check one record: envelope, digest, type, state, and that key, subject and state name one aggregate."""
    try:
        envelope = _envelope(record)
        text, state = _state(record, envelope.subject)
    except _RefusedError as error:
        return Dead(record, error.reason, str(error))
    return Incoming(
        kind=record.topic.kind,
        id=envelope.subject,
        epoch=envelope.epoch,
        version=envelope.version,
        type=envelope.type,
        effective_at=envelope.effective_at,
        recorded_at=envelope.recorded_at,
        digest=envelope.digest,
        text=text,
        state=state,
        traceparent=envelope.traceparent,
    )


def _envelope(record: Record) -> Envelope:
    value = record.value or b""
    if len(value) > VALUE_BYTES_MAX:
        raise _RefusedError("too-large", f"{len(value)} bytes; at most {VALUE_BYTES_MAX} may travel")
    try:
        envelope = envelope_of(record.headers, value)
    except EnvelopeError as error:
        raise _RefusedError("malformed-envelope", str(error)) from error
    if envelope.type not in _TYPES[record.topic.name]:
        raise _RefusedError("unknown-type", f"{envelope.type} is not known on {record.topic.name}")
    if not (1 <= envelope.epoch <= _INT_MAX and 1 <= envelope.version <= _INT_MAX):
        raise _RefusedError("malformed-envelope", "epoch and version begin at 1")
    return envelope


def _state(record: Record, subject: UUID) -> tuple[str, State]:
    value = record.value or b""
    try:
        state = DECODERS[record.topic.kind].decode(value)
        text = value.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _RefusedError("malformed-state", str(error)) from error
    if _NUL in value:
        raise _RefusedError("malformed-state", "a text holds the character U+0000")
    if subject != state.id or str(subject).encode() != record.key:
        raise _RefusedError("foreign-key", "key, subject and the state's id differ")
    return text, state
