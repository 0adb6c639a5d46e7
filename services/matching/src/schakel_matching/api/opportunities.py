"""What a fieldlab or a hub may see of needs that it was not asked about."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from schakel_common.http import PrincipalDep
from schakel_common.problems import FieldError, Problem
from schakel_matching.api.dependencies import DatabaseDep
from schakel_matching.opportunities import opportunities_of_fieldlab, opportunities_of_hub, opportunity_view

router = APIRouter(prefix="/v1", tags=["opportunities"])

Slug = Annotated[str | None, Query(max_length=80)]


@router.get("/opportunities")
async def list_opportunities(
    principal: PrincipalDep, database: DatabaseDep, fieldlab: Slug = None, hub: Slug = None
) -> Any:  # noqa: ANN401  any JSON
    """Read the open needs that fit a fieldlab, or the fieldlabs of a hub, best first; only those that are shared."""
    if (fieldlab is None) == (hub is None):
        raise Problem("invalid-input", errors=[FieldError("fieldlab", "Give a fieldlab or a hub.", "required")])
    principal.require(f"hub:{hub}" if fieldlab is None else f"fieldlab:{fieldlab}")
    async with database.reading() as session:
        found = await (
            opportunities_of_hub(session, str(hub))
            if fieldlab is None
            else opportunities_of_fieldlab(session, fieldlab)
        )
    return {"items": [opportunity_view(each) for each in found]}
