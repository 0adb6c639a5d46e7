"""Private fields of many companies at once, for a reader that has the ids already."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from schakel_common.bodies import ApiModel
from schakel_common.http import PrincipalDep
from schakel_common.readings import ReadingDep
from schakel_registry import queries
from schakel_registry.api.dependencies import DatabaseDep

router = APIRouter(prefix="/v1/private", tags=["private fields"])


class Ids(ApiModel):
    """Of which companies."""

    ids: Annotated[list[UUID], Field(max_length=queries.BATCH_MAX)]


@router.post("/companies")
async def private_companies(body: Ids, principal: PrincipalDep, database: DatabaseDep, reading: ReadingDep) -> Any:  # noqa: ANN401 - any JSON
    """Read name, number, place and contacts per company, or ``reason``: ``forbidden`` or ``erased``."""
    async with database.reading() as session:
        found = await queries.private_companies(session, principal, body.ids)
    await reading.of_items(found)
    return found
