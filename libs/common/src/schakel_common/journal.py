"""Look-ups in the journal: what this service has said, in which version."""

from typing import Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_contracts.topics import Topic

StateT = TypeVar("StateT", bound=msgspec.Struct)

_LATEST: Final = text(
    "SELECT value FROM journal WHERE kind = :kind AND aggregate_id = :id ORDER BY version DESC LIMIT 1"
)


async def latest(session: AsyncSession, topic: Topic[StateT], aggregate_id: UUID) -> StateT | None:
    """Return the last state that this service published of an aggregate of its own, or None.

    Args:
        session: any session on the owner's database.
        topic: the aggregate's stream.
        aggregate_id: the aggregate.
    """
    value = (await session.execute(_LATEST, {"kind": topic.kind, "id": aggregate_id})).scalar_one_or_none()
    return None if value is None else msgspec.json.decode(value, type=topic.state)
