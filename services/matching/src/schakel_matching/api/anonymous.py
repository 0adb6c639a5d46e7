"""Drafts and call-backs: the closed list of what anybody may send, and the desk that reads the call-backs."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Query, Response

from schakel_common.commands import ANONYMOUS_KEY_CHARACTERS_MIN, AnonymousCommandDep, CommandDep
from schakel_common.database import Database
from schakel_common.http import PrincipalDep
from schakel_common.problems import FieldError, Problem
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import ClockDep, DatabaseDep, RecommenderDep
from schakel_matching.commands import call_backs, drafts, telling
from schakel_matching.commands._announce import NoInput
from schakel_matching.queries import draft_of, open_call_backs
from schakel_matching.tables import told_of
from schakel_matching.views import call_back_view, draft_view

router = APIRouter(prefix="/v1", tags=["drafts and call-backs"])

Secret = Annotated[str, Header(alias="Draft-Secret", max_length=200, description="Secret of the draft.")]


@router.post("/drafts", status_code=201)
async def create_draft(  # noqa: PLR0917  FastAPI passes them by name
    body: drafts.CreateDraft,
    command: AnonymousCommandDep,
    database: DatabaseDep,
    clock: ClockDep,
    recommender: RecommenderDep,
    idempotency_key: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Keep a need for 30 days, match it, and return the secret it can be read with."""
    if len(idempotency_key) < ANONYMOUS_KEY_CHARACTERS_MIN:
        message = f"Use at least {ANONYMOUS_KEY_CHARACTERS_MIN} random characters; the draft's secret comes from it."
        raise Problem("invalid-input", errors=[FieldError("Idempotency-Key", message, "wrong-format")])
    secret = drafts.draft_secret(idempotency_key)
    stored = await command.run(lambda session: drafts.create_draft(session, body, secret, clock, recommender.reference))
    draft_id = UUID(msgspec.json.decode(stored.body)["id"])
    found = await _read(database, draft_id, secret, clock, recommender)
    return Response(
        msgspec.json.encode({**found, "secret": secret, "token": None}),
        stored.status_code,
        media_type="application/json",
        headers={"Location": stored.headers["location"]},
    )


@router.get("/drafts/{draft_id}")
async def get_draft(  # noqa: PLR0917  FastAPI passes them by name
    draft_id: UUID,
    secret: Secret,
    database: DatabaseDep,
    clock: ClockDep,
    recommender: RecommenderDep,
    reading: ReadingDep,
) -> Any:  # noqa: ANN401  any JSON
    """Read a draft with its secret; the matches are those of this moment."""
    found = await _read(database, draft_id, secret, clock, recommender)
    await reading.of([draft_id])
    return found


@router.post("/drafts/{draft_id}/corrections")
async def correct_draft(  # noqa: PLR0917  FastAPI passes them by name
    draft_id: UUID,
    body: telling.Tell,
    secret: Secret,
    command: AnonymousCommandDep,
    database: DatabaseDep,
    clock: ClockDep,
    recommender: RecommenderDep,
) -> Any:  # noqa: ANN401  any JSON
    """Say which needs and technologies are right, replacing what was said before; the draft is matched anew."""
    await command.run(lambda session: telling.correct_draft(session, body, draft_id, secret, recommender.reference))
    return await _read(database, draft_id, secret, clock, recommender)


@router.post("/call-backs", status_code=202)
async def request_call_back(
    body: call_backs.RequestCallBack, command: AnonymousCommandDep, clock: ClockDep, recommender: RecommenderDep
) -> Response:
    """Ask the hub of the postcode to call."""
    return await command.run(lambda session: call_backs.request_call_back(session, body, clock, recommender.reference))


@router.get("/call-backs")
async def list_call_backs(
    hub: Annotated[str, Query(max_length=60)], principal: PrincipalDep, database: DatabaseDep, reading: ReadingDep
) -> Any:  # noqa: ANN401  any JSON
    """Read who waits for a call of a hub's desk, longest waiting first."""
    principal.require(call_backs.desk_scope(hub))
    async with database.reading() as session:
        found = await open_call_backs(session, hub)
    await reading.of(row.id for row, _ in found)
    return {"items": [call_back_view(row, need) for row, need in found]}


@router.post("/call-backs/{call_back_id}/done")
async def finish_call_back(call_back_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Say that the call was made."""
    return await command.run(
        lambda session: call_backs.finish_call_back(session, command.principal, call_back_id, clock)
    )


async def _read(
    database: Database, draft_id: UUID, secret: str, clock: ClockDep, recommender: RecommenderDep
) -> dict[str, Any]:
    async with database.reading() as session:
        row = await draft_of(session, draft_id, secret)
        slate = await recommender.slate(
            session,
            text=row.text,
            language=row.language,
            postcode4=row.postcode4,
            sbi_division=row.sbi_division,
            told=told_of(row),
            now=clock.now(),
        )
    return draft_view(row, slate)
