"""The only way out: an event is written in the transaction that makes it true."""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common.database import RECORDED
from schakel_common.telemetry import traceparent_now
from schakel_contracts.envelope import VALUE_BYTES_MAX, Reference, value_of
from schakel_contracts.topics import Topic

_APPEND: Final = text(
    "SELECT append_event(:topic, :kind, CAST(:id AS uuid), CAST(:version AS int), :type,"
    " CAST(:effective_at AS timestamptz), CAST(:value AS bytea), :sha256, CAST(:traceparent AS text))"
)


async def add(
    session: AsyncSession, topic: Topic, happening: str, state: msgspec.Struct, *, version: int, effective_at: datetime
) -> Reference:
    """Write an event to journal and outbox in the caller's transaction, and wake the relay when that commits.

    Call it after the aggregate's row is locked or updated in the same session: the order of the outbox per aggregate
    rests on that lock. ``recorded_at`` is the database's, and rises per aggregate.

    Args:
        session: the unit of work that changes the aggregate.
        topic: the aggregate's stream.
        happening: what happened, as the topic names it.
        state: the aggregate's whole public state after it; ``state.id`` is the aggregate.
        version: 1 for the first event of the aggregate, then one more each time.
        effective_at: when it was so in the world; aware.

    Raises:
        ValueError: the topic does not know the happening, the state does not fit its schema or is over 64 KB, or
            ``effective_at`` has no time zone.
        TypeError: the state is not the topic's struct.
        sqlalchemy.exc.IntegrityError: that version exists, or leaves a gap.
    """
    event_type = topic.type_of(happening)
    if effective_at.tzinfo is None:
        raise ValueError("effective_at needs a time zone")
    value = _checked_value(topic, state)
    aggregate = _id_of(state)
    result = await session.execute(
        _APPEND,
        {
            "topic": topic.name,
            "kind": topic.kind,
            "id": aggregate,
            "version": version,
            "type": event_type,
            "effective_at": effective_at,
            "value": value,
            "sha256": hashlib.sha256(value).hexdigest(),
            "traceparent": traceparent_now(),
        },
    )
    session.info.setdefault(RECORDED, []).append(event_type)
    return Reference(kind=topic.kind, id=aggregate, epoch=result.scalar_one(), version=version)


def _checked_value(topic: Topic, state: msgspec.Struct) -> bytes:
    """Encode a state and read it back as any consumer would: a Struct does not check its fields when it is made."""
    if not isinstance(state, topic.state):
        raise TypeError(f"{topic.name} carries {topic.state.__name__}, not {type(state).__name__}")
    value = value_of(state)
    if len(value) > VALUE_BYTES_MAX:
        raise ValueError(f"the state of a {topic.kind} has {len(value)} bytes; at most {VALUE_BYTES_MAX} may travel")
    try:
        msgspec.json.decode(value, type=topic.state)
    except msgspec.ValidationError as error:
        raise ValueError(f"the state of a {topic.kind} does not fit its schema: {error}") from error
    return value


def _id_of(state: msgspec.Struct) -> UUID:
    aggregate = getattr(state, "id", None)
    if not isinstance(aggregate, UUID):
        raise TypeError(f"{type(state).__name__} has no UUID in its id")
    return aggregate
