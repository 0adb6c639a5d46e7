"""Introductions, from the request to the outcome."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from schakel_common.commands import CommandDep, etag_of
from schakel_common.http import PrincipalDep
from schakel_common.problems import Problem
from schakel_common.readings import ReadingDep
from schakel_matching.api.dependencies import ClockDep, DatabaseDep
from schakel_matching.commands import referrals
from schakel_matching.permissions import demand
from schakel_matching.queries import messages_of, referral_roles, referrals_of
from schakel_matching.views import referral_view

router = APIRouter(prefix="/v1", tags=["referrals"])


@router.post("/referrals", status_code=201)
async def request_referral(body: referrals.RequestReferral, command: CommandDep, clock: ClockDep) -> Response:
    """Ask a fieldlab for an introduction."""
    return await command.run(lambda session: referrals.request_referral(session, command.principal, body, clock))


@router.get("/referrals/{referral_id}")
async def get_referral(
    referral_id: UUID, principal: PrincipalDep, database: DatabaseDep, response: Response, reading: ReadingDep
) -> Any:  # noqa: ANN401  any JSON
    """Read an introduction with what was written about it."""
    async with database.reading() as session:
        row = (await referrals_of(session, [referral_id])).get(referral_id)
        if row is None:
            raise Problem("not-found")
        demand("read_messages", await referral_roles(session, principal, row))
        messages = (await messages_of(session, [row.id]))[row.id]
    await reading.of([referral_id])
    response.headers["ETag"] = etag_of(row.version)
    return referral_view(row, messages)


@router.post("/referrals/{referral_id}/acceptance")
async def accept_referral(
    referral_id: UUID, body: referrals.SaySomething, command: CommandDep, clock: ClockDep
) -> Response:
    """Say yes, for the fieldlab."""
    return await command.run(
        lambda session: referrals.accept_referral(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/referrals/{referral_id}/decline")
async def decline_referral(
    referral_id: UUID, body: referrals.Decline, command: CommandDep, clock: ClockDep
) -> Response:
    """Say no with the reason, for the fieldlab."""
    return await command.run(
        lambda session: referrals.decline_referral(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/referrals/{referral_id}/question")
async def ask_question(referral_id: UUID, body: referrals.Write, command: CommandDep, clock: ClockDep) -> Response:
    """Ask the company something first, for the fieldlab."""
    return await command.run(
        lambda session: referrals.ask_question(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/referrals/{referral_id}/answer")
async def answer_question(referral_id: UUID, body: referrals.Write, command: CommandDep, clock: ClockDep) -> Response:
    """Answer the fieldlab's question, for the company."""
    return await command.run(
        lambda session: referrals.answer_question(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/referrals/{referral_id}/withdrawal")
async def withdraw_referral(
    referral_id: UUID, body: referrals.SaySomething, command: CommandDep, clock: ClockDep
) -> Response:
    """Withdraw the request, for the company."""
    return await command.run(
        lambda session: referrals.withdraw_referral(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )


@router.post("/referrals/{referral_id}/outcome")
async def record_outcome(
    referral_id: UUID, body: referrals.RecordOutcome, command: CommandDep, clock: ClockDep
) -> Response:
    """Say what came of it, on the day it happened."""
    return await command.run(
        lambda session: referrals.record_outcome(
            session, command.principal, referral_id, body, clock, if_version=command.if_match
        )
    )
