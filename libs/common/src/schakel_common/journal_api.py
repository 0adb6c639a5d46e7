"""What ``schakel verify`` asks every service that owns facts: its heads, its lines, and to say something again.

Only the service account of the verifier may ask; the routes are not part of the public API.
"""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import text

from schakel_common.bodies import ApiModel
from schakel_common.database import Database
from schakel_common.http import PrincipalDep
from schakel_common.reemission import reemit_history

VERIFIER_SCOPE: Final = "service:schakel-verify"
PAGE_MAX: Final = 1_000
_NIL: Final = UUID(int=0)

_HEADS: Final = text(
    "WITH page AS (SELECT DISTINCT aggregate_id FROM journal WHERE kind = :kind AND aggregate_id > :after"
    " ORDER BY aggregate_id LIMIT :limit),"
    " said AS ("
    "SELECT aggregate_id, epoch, version, sha256, recorded_at FROM journal"
    " WHERE kind = :kind AND aggregate_id IN (SELECT aggregate_id FROM page)"
    " UNION ALL SELECT again.aggregate_id, again.epoch, again.version, line.sha256, line.recorded_at"
    " FROM restatement again JOIN journal line USING (kind, aggregate_id, version)"
    " WHERE kind = :kind AND aggregate_id IN (SELECT aggregate_id FROM page))"
    " SELECT DISTINCT ON (aggregate_id) aggregate_id, epoch, version, sha256, recorded_at FROM said"
    " ORDER BY aggregate_id, epoch DESC, version DESC"
)
_EVENTS: Final = text(
    "SELECT seq, topic, kind, aggregate_id, epoch, version, type, effective_at, recorded_at, sha256, value FROM journal"
    " WHERE seq > :after AND (CAST(:kind AS text) IS NULL OR kind = :kind) ORDER BY seq LIMIT :limit"
)

router = APIRouter(prefix="/internal/journal", include_in_schema=False)
"""Include it in the application of a service that owns topics."""


class Head(ApiModel):
    """The newest that was said about an aggregate: the highest epoch, then the highest version."""

    kind: str
    id: UUID
    epoch: int
    version: int
    digest: str
    recorded_at: datetime


class Line(Head):
    """One line of the journal, with the state that it carries."""

    seq: int
    topic: str
    type: str
    effective_at: datetime
    state: dict[str, Any]


class Reemit(ApiModel):
    """Which aggregates to say again."""

    kind: str
    ids: list[UUID] = Field(min_length=1, max_length=PAGE_MAX)


_Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]


@router.get("/heads")
async def journal_heads(
    request: Request, principal: PrincipalDep, kind: str, after: UUID = _NIL, limit: _Limit = PAGE_MAX
) -> list[Head]:
    """Return the heads of a kind in the order of their ids; the next page begins after the last id."""
    principal.require(VERIFIER_SCOPE)
    database: Database = request.app.state.database
    async with database.reading() as session:
        found = await session.execute(_HEADS, {"kind": kind, "after": after, "limit": limit})
        return [
            Head(kind=kind, id=id_, epoch=epoch, version=version, digest=digest, recorded_at=recorded_at)
            for id_, epoch, version, digest, recorded_at in found
        ]


@router.get("/events")
async def journal_events(
    request: Request,
    principal: PrincipalDep,
    after_seq: Annotated[int, Query(ge=0, alias="afterSeq")] = 0,
    kind: str | None = None,
    limit: _Limit = PAGE_MAX,
) -> list[Line]:
    """Return lines of the journal by their number; while somebody writes, a lower number may still appear."""
    principal.require(VERIFIER_SCOPE)
    database: Database = request.app.state.database
    async with database.reading() as session:
        found = await session.execute(_EVENTS, {"after": after_seq, "kind": kind, "limit": limit})
        return [
            Line(
                seq=line.seq,
                topic=line.topic,
                kind=line.kind,
                id=line.aggregate_id,
                epoch=line.epoch,
                version=line.version,
                type=line.type,
                effective_at=line.effective_at,
                recorded_at=line.recorded_at,
                digest=line.sha256,
                state=msgspec.json.decode(line.value),
            )
            for line in found
        ]


@router.post("/reemit")
async def journal_reemit(request: Request, principal: PrincipalDep, body: Reemit) -> dict[str, int]:
    """Say everything about these aggregates again; a repeat of this request does no harm."""
    principal.require(VERIFIER_SCOPE)
    return {"sent": await reemit_history(request.app.state.database, kind=body.kind, ids=body.ids)}
