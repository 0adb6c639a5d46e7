"""What a fieldlab or a hub may see of needs that it was not asked about."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from schakel_common.http import PrincipalDep
from schakel_common.problems import FieldError, Problem
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import ClockDep, DatabaseDep, EncodersDep, RecommenderDep
from schakel_matching.bundles import bundle_view, bundles, closeness_of, shared_needs_of_hub
from schakel_matching.opportunities import opportunities_of_fieldlab, opportunities_of_hub, opportunity_view

router = APIRouter(prefix="/v1", tags=["opportunities"])

Slug = Annotated[str | None, Query(max_length=80)]


@router.get("/opportunities")
async def list_opportunities(
    *,
    principal: PrincipalDep,
    database: DatabaseDep,
    reading: ReadingDep,
    recommender: RecommenderDep,
    clock: ClockDep,
    fieldlab: Slug = None,
    hub: Slug = None,
) -> Any:  # noqa: ANN401  any JSON
    """Read the open needs that fit a fieldlab, or the fieldlabs of a hub, best first; only those that are shared."""
    if (fieldlab is None) == (hub is None):
        raise Problem("invalid-input", errors=[FieldError("fieldlab", "Give a fieldlab or a hub.", "required")])
    principal.require(f"hub:{hub}" if fieldlab is None else f"fieldlab:{fieldlab}")
    async with database.reading() as session:
        found = await (
            opportunities_of_hub(session, str(hub), recommender, clock.now())
            if fieldlab is None
            else opportunities_of_fieldlab(session, fieldlab, recommender, clock.now())
        )
    await reading.of([each.need.id for each in found])
    return {"items": [opportunity_view(each) for each in found]}


@router.get("/bundles")
async def list_bundles(
    hub: Annotated[str, Query(max_length=60)],
    principal: PrincipalDep,
    database: DatabaseDep,
    encoders: EncodersDep,
    reading: ReadingDep,
) -> Any:  # noqa: ANN401  any JSON
    """Read which shared needs of a hub's companies one session could serve; each of at least three companies."""
    principal.require(f"hub:{hub}")
    async with database.reading() as session:
        needs = await shared_needs_of_hub(session, hub)
    closeness = None if encoders is None else await asyncio.to_thread(closeness_of, needs, encoders)
    found = bundles(needs, closeness)
    await reading.of([need.id for bundle in found for need in bundle.needs])
    return {"items": [bundle_view(each) for each in found]}
