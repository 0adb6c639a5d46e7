"""Why a fieldlab stands where it stands, for who may read the need; and a fieldlab's coach, for that fieldlab."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Path

from schakel_common.http import PrincipalDep
from schakel_common.problems import Problem
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import ClockDep, DatabaseDep, RecommenderDep
from schakel_matching.engine.why import Why
from schakel_matching.explaining import coaching, why_for
from schakel_matching.permissions import demand
from schakel_matching.queries import challenge_roles, challenges_of, draft_of, fieldlab_of

router = APIRouter(prefix="/v1", tags=["explanations"])

Slug = Annotated[str, Path(max_length=100, description="Of a published fieldlab.")]
Secret = Annotated[str, Header(alias="Draft-Secret", max_length=200, description="Secret of the draft.")]


@router.get("/drafts/{draft_id}/explanations/{fieldlab}")
async def explain_to_who_typed(  # noqa: PLR0917  FastAPI passes them by name
    draft_id: UUID,
    fieldlab: Slug,
    secret: Secret,
    database: DatabaseDep,
    clock: ClockDep,
    recommender: RecommenderDep,
    reading: ReadingDep,
) -> Any:  # noqa: ANN401  any JSON
    """Read why a fieldlab is where it is for an anonymous need, with the need's secret."""
    async with database.reading() as session:
        row = await draft_of(session, draft_id, secret)
        found = await why_for(session, recommender, row, fieldlab, clock.now())
    await reading.of([draft_id])
    return _answered(found)


@router.get("/challenges/{challenge_id}/explanations/{fieldlab}")
async def explain_to_who_may_read(  # noqa: PLR0917  FastAPI passes them by name
    challenge_id: UUID,
    fieldlab: Slug,
    principal: PrincipalDep,
    database: DatabaseDep,
    clock: ClockDep,
    recommender: RecommenderDep,
    reading: ReadingDep,
) -> Any:  # noqa: ANN401  any JSON
    """Read why a fieldlab is where it is for a company's need: who may read its slate may ask."""
    async with database.reading() as session:
        row = (await challenges_of(session, [challenge_id])).get(challenge_id)
        if row is None:
            raise Problem("not-found")
        demand("read_challenge", await challenge_roles(session, principal, row))
        if row.text is None:
            raise Problem("not-found", "The words of this need were erased.")
        found = await why_for(session, recommender, row, fieldlab, clock.now())
    await reading.of([challenge_id])
    return _answered(found)


@router.get("/fieldlabs/{fieldlab}/coaching")
async def coach_fieldlab(
    fieldlab: Slug, principal: PrincipalDep, database: DatabaseDep, clock: ClockDep, recommender: RecommenderDep
) -> Any:  # noqa: ANN401  any JSON
    """Read what the needs of the last 90 days say of a fieldlab's own record: counts, no need is told."""
    principal.require(f"fieldlab:{fieldlab}")
    async with database.reading() as session:
        lab = await fieldlab_of(session, fieldlab)
        if lab is None:
            raise Problem("not-found")
        return msgspec.to_builtins(await coaching(session, recommender, lab, clock.now()))


def _answered(found: Why | None) -> Any:  # noqa: ANN401  any JSON
    if found is None:
        raise Problem("not-found", "There is no such fieldlab among those that are published.")
    return msgspec.to_builtins(found)
