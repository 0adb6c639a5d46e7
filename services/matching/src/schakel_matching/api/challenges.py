"""A company's needs."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from schakel_common.commands import CommandDep, etag_of
from schakel_common.http import PrincipalDep
from schakel_common.problems import Problem
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import ClockDep, DatabaseDep, RecommenderDep
from schakel_matching.commands import challenges, judgements, telling
from schakel_matching.commands._announce import NoInput
from schakel_matching.desk_views import judgements_view
from schakel_matching.permissions import demand
from schakel_matching.queries import challenge_roles, challenges_of, judgements_of
from schakel_matching.views import challenge_view

router = APIRouter(prefix="/v1", tags=["challenges"])


@router.post("/challenges", status_code=201)
async def submit_challenge(
    body: challenges.SubmitChallenge, command: CommandDep, clock: ClockDep, recommender: RecommenderDep
) -> Response:
    """Make a need the company's: claim a draft, or send a text."""
    return await command.run(
        lambda session: challenges.submit_challenge(session, command.principal, body, clock, recommender)
    )


@router.get("/challenges/{challenge_id}")
async def get_challenge(
    challenge_id: UUID, principal: PrincipalDep, database: DatabaseDep, response: Response, reading: ReadingDep
) -> Any:  # noqa: ANN401  any JSON
    """Read a need with its words, who can help, and why."""
    async with database.reading() as session:
        row = (await challenges_of(session, [challenge_id])).get(challenge_id)
        if row is None:
            raise Problem("not-found")
        found = await challenge_roles(session, principal, row)
        demand("read_challenge", found)
        said = (await judgements_of(session, [row.id]))[row.id]
    await reading.of([challenge_id])
    response.headers["ETag"] = etag_of(row.version)
    return {**challenge_view(row, found), "judgements": judgements_view(said, found)}


@router.post("/challenges/{challenge_id}/corrections")
async def correct_challenge(
    challenge_id: UUID, body: telling.Tell, command: CommandDep, clock: ClockDep, recommender: RecommenderDep
) -> Response:
    """Say which needs and technologies are right, replacing what was said before; it is matched anew."""
    return await command.run(
        lambda session: telling.correct_challenge(
            session, command.principal, challenge_id, body, clock, recommender, if_version=command.if_match
        )
    )


@router.post("/challenges/{challenge_id}/withdrawal")
async def withdraw_challenge(challenge_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Withdraw a need, and the introductions that wait for an answer."""
    return await command.run(
        lambda session: challenges.withdraw_challenge(
            session, command.principal, challenge_id, clock, if_version=command.if_match
        )
    )


@router.post("/challenges/{challenge_id}/judgements")
async def judge_fieldlab(
    challenge_id: UUID, body: judgements.JudgeFieldlab, command: CommandDep, clock: ClockDep
) -> Response:
    """Add, pin or drop a fieldlab beside the slate with a reason, or take that back; for the company's hub."""
    return await command.run(
        lambda session: judgements.judge_fieldlab(
            session, command.principal, challenge_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/challenges/{challenge_id}/consent")
async def share_challenge(challenge_id: UUID, body: judgements.Share, command: CommandDep, clock: ClockDep) -> Response:
    """Let fieldlabs and hubs that the need may suit see it without a name, or no longer; for the company."""
    return await command.run(
        lambda session: judgements.share_challenge(
            session, command.principal, challenge_id, body, clock, if_version=command.if_match
        )
    )
