"""Private fields of many records at once, for a reader that has the ids already; each is authorised by itself."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from schakel_common.bodies import ApiModel
from schakel_common.http import PrincipalDep
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import DatabaseDep
from schakel_matching.desk_views import judgements_view
from schakel_matching.permissions import may
from schakel_matching.queries import (
    challenges_of,
    judgements_of,
    messages_of,
    referrals_of,
    roles_of_challenges,
    roles_of_referrals,
)
from schakel_matching.views import challenge_texts, messages_view

router = APIRouter(prefix="/v1/private", tags=["private fields"])

_FORBIDDEN = {"reason": "forbidden"}
_ERASED = {"reason": "erased"}


class Ids(ApiModel):
    """Of which records."""

    ids: Annotated[list[UUID], Field(max_length=100)]


@router.post("/challenges")
async def private_challenges(body: Ids, principal: PrincipalDep, database: DatabaseDep, reading: ReadingDep) -> Any:  # noqa: ANN401  any JSON
    """Read text and matches per challenge, or ``reason``: ``forbidden`` (also of an unknown id) or ``erased``."""
    async with database.reading() as session:
        rows = await challenges_of(session, body.ids)
        roles = await roles_of_challenges(session, principal, list(rows.values()))
        said = await judgements_of(session, list(rows))
    items: dict[str, Any] = {}
    for each in body.ids:
        row = rows.get(each)
        if row is not None and row.status == "erased":
            items[str(each)] = _ERASED
        elif row is not None and may("read_challenge", roles[each]):
            judgements = judgements_view(said[each], roles[each])
            items[str(each)] = {**challenge_texts(row, roles[each]), "judgements": judgements}
        else:
            items[str(each)] = _FORBIDDEN
    answer = {"items": items}
    await reading.of_items(answer)
    return answer


@router.post("/referrals")
async def private_referrals(body: Ids, principal: PrincipalDep, database: DatabaseDep, reading: ReadingDep) -> Any:  # noqa: ANN401  any JSON
    """Read the messages per introduction, or ``reason``: ``forbidden`` (also of an unknown id) or ``erased``."""
    async with database.reading() as session:
        rows = await referrals_of(session, body.ids)
        roles = await roles_of_referrals(session, principal, list(rows.values()))
        messages = await messages_of(session, list(rows))
    items: dict[str, Any] = {}
    for each in body.ids:
        row = rows.get(each)
        if row is not None and row.status == "erased":
            items[str(each)] = _ERASED
        elif row is not None and may("read_messages", roles[each]):
            items[str(each)] = {"messages": messages_view(messages[each])}
        else:
            items[str(each)] = _FORBIDDEN
    answer = {"items": items}
    await reading.of_items(answer)
    return answer
