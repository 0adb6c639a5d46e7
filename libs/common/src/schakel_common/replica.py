"""A service's own copy of what others own: the last state of each foreign aggregate that it listens to."""

from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common.event import Event
from schakel_contracts.envelope import value_of
from schakel_contracts.topics import Topic

StateT = TypeVar("StateT", bound=msgspec.Struct)

_GET: Final = text("SELECT CAST(state AS text) FROM replica WHERE kind = :kind AND id = :id")
_FIND: Final = text(
    "SELECT CAST(state AS text) FROM replica WHERE kind = :kind AND state @> CAST(:part AS jsonb) ORDER BY id"
)
_APPLY: Final = text(
    "INSERT INTO replica AS mine (kind, id, epoch, version, state)"
    " VALUES (:kind, :id, :epoch, :version, CAST(:state AS jsonb))"
    " ON CONFLICT (kind, id) DO UPDATE"
    " SET epoch = excluded.epoch, version = excluded.version, state = excluded.state"
    " WHERE (mine.epoch, mine.version) < (excluded.epoch, excluded.version)"
    " RETURNING 1"
)


async def get(session: AsyncSession, topic: Topic[StateT], aggregate_id: UUID) -> StateT | None:
    """Return the last known state of a foreign aggregate, an instance of ``topic.state``, or None when unseen."""
    found = (await session.execute(_GET, {"kind": topic.kind, "id": aggregate_id})).scalar_one_or_none()
    return None if found is None else msgspec.json.decode(found, type=topic.state)


async def find(session: AsyncSession, topic: Topic[StateT], **containment: Any) -> list[StateT]:  # noqa: ANN401
    """Return the foreign aggregates whose state contains the given members, by id.

    Args:
        session: any session on this service's database.
        topic: whose aggregates.
        containment: member names and values, with the meaning of PostgreSQL's ``@>``: ``hub="oost"``,
            ``members=[{"sub": sub, "status": "active"}]`` (a list contains such an element).
    """
    part = msgspec.json.encode(containment).decode()
    rows = await session.execute(_FIND, {"kind": topic.kind, "part": part})
    return [msgspec.json.decode(row, type=topic.state) for row in rows.scalars()]


async def apply(session: AsyncSession, event: Event) -> bool:
    """Keep the state of an event if its (epoch, version) rises.

    Returns:
        False when it is a repeat or older than what is known: then nothing changed, and nothing else should.
    """
    envelope = event.envelope
    applied = await session.execute(
        _APPLY,
        {
            "kind": event.topic.kind,
            "id": envelope.subject,
            "epoch": envelope.epoch,
            "version": envelope.version,
            "state": value_of(event.state).decode(),
        },
    )
    return applied.scalar_one_or_none() is not None
