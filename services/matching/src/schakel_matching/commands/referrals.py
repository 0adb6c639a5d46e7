"""The introduction, from the request to the outcome. What may follow what stands in `model.TRANSITIONS`."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed, check_version
from schakel_common.problems import Problem
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.referrals import DeclineReason, Outcome
from schakel_matching.commands._announce import announce_referral, changed
from schakel_matching.model import Action, Turn, due_on, outcome_effective_at, transition
from schakel_matching.permissions import Role, demand
from schakel_matching.queries import challenge_roles, fieldlab_of, referral_roles
from schakel_matching.tables import ASKED_ONCE_WHERE, ChallengeRow, MessageRow, ReferralRow

Message = Annotated[str, Field(min_length=1, max_length=2000)]


class RequestReferral(ApiModel):
    """Which fieldlab, for which need; and what to say to it."""

    challenge_id: UUID
    fieldlab: Annotated[str, Field(min_length=1, max_length=80)]
    message: Message | None = None


class SaySomething(ApiModel):
    """An answer that may be without words."""

    message: Message | None = None


class Decline(SaySomething):
    """No, with the reason."""

    reason: DeclineReason


class Write(ApiModel):
    """A question, or the answer to one."""

    message: Message


class RecordOutcome(SaySomething):
    """What came of it, and on which day; that day may be past."""

    outcome: Outcome
    on: date


async def request_referral(
    session: AsyncSession, principal: Principal, command: RequestReferral, clock: Clock
) -> Changed:
    """Ask a fieldlab for an introduction; of many at once the unique index lets one through.

    Raises:
        Problem: ``not-found`` for the need or the fieldlab; ``forbidden``; ``conflict`` when the need is not open;
            ``fieldlab-ended`` with its ``successor``; ``already-asked``.
    """
    challenge = await _locked_challenge(session, command.challenge_id)
    demand("request_referral", await challenge_roles(session, principal, challenge))
    if challenge.status != "open":
        raise Problem("conflict", f"This need is {challenge.status}.")
    fieldlab = await _askable(session, command.fieldlab)
    now = clock.now()
    statement = insert(ReferralRow).values(
        id=uuid4(),
        version=0,
        challenge_id=challenge.id,
        company_id=challenge.company_id,
        fieldlab_id=fieldlab.id,
        fieldlab=fieldlab.slug,
        fieldlab_hub=fieldlab.hub,
        home_hub=challenge.home_hub,
        routed_hub=challenge.routed_hub,
        province=challenge.province,
        status="requested",
        requested_at=now,
        waiting_on="fieldlab",
        due_on=due_on(now),
    )
    inserted = await session.exec(
        statement.on_conflict_do_nothing(
            index_elements=["challenge_id", "fieldlab_id"], index_where=text(ASKED_ONCE_WHERE)
        ).returning(ReferralRow)
    )
    row: ReferralRow | None = inserted.scalar_one_or_none()
    if row is None:
        raise Problem("already-asked")
    _say(session, row, "company", command.message, clock)
    return changed(row, [await announce_referral(session, row, "requested", now)], status=201)


async def accept_referral(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: SaySomething,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """The fieldlab says yes."""
    return await _step(session, principal, referral_id, "accept", clock, message=command.message, if_version=if_version)


async def decline_referral(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: Decline,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """The fieldlab says no, with the reason."""
    facts = {"decline_reason": command.reason}
    return await _step(
        session, principal, referral_id, "decline", clock, facts=facts, message=command.message, if_version=if_version
    )


async def ask_question(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: Write,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """The fieldlab wants to know something first; it is the company's turn."""
    return await _step(session, principal, referral_id, "ask", clock, message=command.message, if_version=if_version)


async def answer_question(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: Write,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """The company answers; it is the fieldlab's turn again."""
    return await _step(session, principal, referral_id, "answer", clock, message=command.message, if_version=if_version)


async def withdraw_referral(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: SaySomething,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """The company does not want it any more; it may ask again later."""
    return await _step(
        session, principal, referral_id, "withdraw", clock, message=command.message, if_version=if_version
    )


async def record_outcome(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    command: RecordOutcome,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """Say what came of it; again, to correct it. It holds from its own day, so past figures move, visibly.

    Raises:
        Problem: as every step; ``invalid-input`` at ``on`` with ``outcome-on-future`` or
            ``outcome-on-before-request``; ``already-answered`` when the same was recorded before.
    """
    facts = {"outcome": command.outcome, "outcome_on": command.on}
    return await _step(
        session,
        principal,
        referral_id,
        "record_outcome",
        clock,
        facts=facts,
        message=command.message,
        if_version=if_version,
    )


async def _step(
    session: AsyncSession,
    principal: Principal,
    referral_id: UUID,
    action: Action,
    clock: Clock,
    *,
    facts: Mapping[str, Any] | None = None,
    message: str | None,
    if_version: int | None,
) -> Changed:
    """Do one step under the row's lock, so that of two at once the second sees what the first did.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``already-answered``, ``conflict``.
    """
    row = await session.get(ReferralRow, referral_id, with_for_update=True)
    if row is None:
        raise Problem("not-found")
    found = await referral_roles(session, principal, row)
    demand(action, found)
    if if_version is not None:
        check_version(if_version, row.version)
    step = transition(action, row.status)
    now = clock.now()
    effective_at = now
    if action == "record_outcome" and facts is not None:
        effective_at = outcome_effective_at(facts["outcome_on"], row.requested_at, now)
        if (row.outcome, row.outcome_on) == (facts["outcome"], facts["outcome_on"]):
            raise Problem("already-answered", "This outcome was recorded before.")
    for name, value in (facts or {}).items():
        setattr(row, name, value)
    row.status = step.target
    row.waiting_on = step.turn
    row.due_on = due_on(now) if step.turn else None
    if action in {"accept", "decline"}:
        row.answered_at = now
    _say(session, row, _side(found, action), message, clock)
    return changed(row, [await announce_referral(session, row, step.happening, effective_at)])


def _side(found: frozenset[Role], action: Action) -> Turn:
    """Return for whom the caller speaks: a fieldlab's own people answer as the fieldlab, and so on."""
    if "fieldlab" in found and action not in {"answer", "withdraw"}:
        return "fieldlab"
    return "company" if "member" in found else "hub"


def _say(session: AsyncSession, row: ReferralRow, by: Turn, message: str | None, clock: Clock) -> None:
    if message is not None:
        session.add(MessageRow(referral_id=row.id, at=clock.now(), by=by, text=message))


async def _locked_challenge(session: AsyncSession, challenge_id: UUID) -> ChallengeRow:
    """Return the challenge, kept from being withdrawn or erased until this transaction ends."""
    query = select(ChallengeRow).where(ChallengeRow.id == challenge_id).with_for_update(read=True)
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise Problem("not-found")
    return row


async def _askable(session: AsyncSession, slug: str) -> FieldlabState:
    fieldlab = await fieldlab_of(session, slug)
    if fieldlab is None or not fieldlab.published:
        raise Problem("not-found", "There is no fieldlab with this slug.")
    if fieldlab.status == "ended":
        raise Problem("fieldlab-ended", extra={"successor": fieldlab.succeeded_by})
    return fieldlab
