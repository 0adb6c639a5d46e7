"""A company's need: claimed from a draft or typed anew, matched at once, withdrawn when it is no more."""

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import msgspec
from pydantic import Field
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed, check_version
from schakel_common.problems import FieldError, Problem
from schakel_contracts.companies import CompanyState, Establishment
from schakel_matching.commands._announce import announce_challenge, announce_referral, changed, refuse
from schakel_matching.commands.telling import Tell, telling_errors, told_by
from schakel_matching.engine.slate import Told
from schakel_matching.engine.vocabulary import Vocabulary
from schakel_matching.model import TRANSITIONS, text_errors
from schakel_matching.permissions import demand, roles
from schakel_matching.queries import challenge_roles, company_of, draft_of
from schakel_matching.recommender import Recommender
from schakel_matching.tables import ChallengeRow, DraftRow, Language, ReferralRow, slate_to_row, told_of, told_to_row


class SubmitChallenge(ApiModel):
    """A draft with its secret, or a text with its language; the company, and the establishment that has the need.

    ``told`` is what is known beside the text; without it, what the draft was told stays.
    Without ``shared`` nothing of it is shown to a fieldlab that is not asked.
    """

    company_id: UUID
    draft_id: UUID | None = None
    draft_secret: str | None = Field(default=None, max_length=200)
    text: str | None = None
    language: Literal["nl", "en"] | None = None
    establishment_id: UUID | None = None
    told: Tell | None = None
    shared: bool = False


async def submit_challenge(
    session: AsyncSession, principal: Principal, command: SubmitChallenge, clock: Clock, recommender: Recommender
) -> Changed:
    """Make a need the company's, and match it. A draft becomes one challenge, however often it is claimed.

    Raises:
        Problem: ``forbidden`` to who is no active member; ``not-found`` for the draft; ``conflict`` when another
            company has claimed it; ``invalid-input`` with the codes ``required``, ``too-short``,
            ``too-long``, ``establishment-unknown`` and those of `telling_errors`.
    """
    company = await company_of(session, command.company_id, lock=True)
    demand("submit_challenge", roles(principal, company=company, home_hub="", routed_hub=""))
    if company is None:
        raise Problem("forbidden")
    draft = await _claimed_draft(session, command)
    if draft is not None and draft.challenge_id is not None:
        return await _claimed_before(session, draft.challenge_id, company)
    text, language = (draft.text, draft.language) if draft else _typed(command)
    place = _establishment(company, command.establishment_id)
    told = _told(command, draft, company, (text, language), recommender.reference.vocabulary)
    row = _new_row(company, place, draft, (text, language), clock.now())
    row.told = told_to_row(told)
    row.shared = command.shared
    slate = await recommender.slate(
        session,
        text=text,
        language=language,
        postcode4=row.postcode4,
        sbi_division=row.sbi_division,
        now=row.submitted_at,
        told=told,
    )
    row.slate = slate_to_row(slate)
    reference = await announce_challenge(session, row, "submitted", row.submitted_at)
    if draft is not None:
        draft.challenge_id = row.id
        session.add(draft)
    return changed(row, [reference], status=201)


async def withdraw_challenge(
    session: AsyncSession, principal: Principal, challenge_id: UUID, clock: Clock, *, if_version: int | None = None
) -> Changed:
    """Withdraw a need, and with it the introductions that nobody has answered yet.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``conflict`` when it is not open.
    """
    row = await session.get(ChallengeRow, challenge_id, with_for_update=True)
    if row is None:
        raise Problem("not-found")
    demand("withdraw_challenge", await challenge_roles(session, principal, row))
    if if_version is not None:
        check_version(if_version, row.version)
    if row.status != "open":
        raise Problem("conflict", f"This need is {row.status}.")
    now = clock.now()
    row.status = "withdrawn"
    references = [await announce_challenge(session, row, "withdrawn", now)]
    step = TRANSITIONS["withdraw"]
    pending = select(ReferralRow).where(ReferralRow.challenge_id == row.id, col(ReferralRow.status).in_(step.sources))
    for referral in await session.exec(pending.order_by(col(ReferralRow.id)).with_for_update()):
        referral.status, referral.waiting_on, referral.due_on = step.target, None, None
        references.append(await announce_referral(session, referral, step.happening, now))
    return changed(row, references)


async def _claimed_draft(session: AsyncSession, command: SubmitChallenge) -> DraftRow | None:
    if command.draft_id is None:
        return None
    if not command.draft_secret:
        refuse([FieldError("draftSecret", "Send the draft's secret with its id.", "required")])
    return await draft_of(session, command.draft_id, command.draft_secret or "", lock=True)


async def _claimed_before(session: AsyncSession, challenge_id: UUID, company: CompanyState) -> Changed:
    row = await session.get(ChallengeRow, challenge_id)
    if row is None or row.company_id != company.id:
        raise Problem("conflict", "This draft has become the need of another company.")
    return changed(row, [])


def _typed(command: SubmitChallenge) -> tuple[str, Language]:
    text, language = command.text, command.language
    errors = []
    if text is None:
        errors.append(FieldError("text", "Send a text, or a draft with its secret.", "required"))
    else:
        errors += text_errors(text)
    if language is None:
        errors.append(FieldError("language", "Say in which language it is: nl or en.", "required"))
    refuse(errors)
    assert text is not None  # noqa: S101  `refuse` has raised otherwise
    assert language is not None  # noqa: S101  likewise
    return text, language


def _told(
    command: SubmitChallenge,
    draft: DraftRow | None,
    company: CompanyState,
    said: tuple[str, Language],
    vocabulary: Vocabulary,
) -> Told:
    """Return what was told, now or with the draft; the size is the company's own where it is known."""
    if command.told is not None:
        refuse(telling_errors(command.told, *said, vocabulary))
        told = told_by(command.told, said[1])
    else:
        told = told_of(draft) if draft else Told()
    return told if company.size_class == "unknown" else msgspec.structs.replace(told, size=company.size_class)


def _establishment(company: CompanyState, establishment_id: UUID | None) -> Establishment | None:
    """Return the establishment that has the need; without a choice the primary one."""
    if establishment_id is None:
        return next((place for place in company.establishments if place.primary), None)
    found = next((place for place in company.establishments if place.id == establishment_id), None)
    if found is None:
        message = "Choose one of the company's establishments, or leave it out."
        refuse([FieldError("establishmentId", message, "establishment-unknown")])
    return found


def _new_row(
    company: CompanyState,
    place: Establishment | None,
    draft: DraftRow | None,
    said: tuple[str, Language],
    now: datetime,
) -> ChallengeRow:
    text, language = said
    division = company.sbi[0][:2] if company.sbi else None
    return ChallengeRow(
        id=uuid4(),
        version=0,
        company_id=company.id,
        status="open",
        home_hub=company.home_hub,
        routed_hub=place.hub if place else company.home_hub,
        submitted_at=now,
        language=language,
        text=text,
        postcode4=(place.postcode4 if place else None) or (draft.postcode4 if draft else None),
        province=place.province if place else company.province,
        municipality_code=place.municipality_code if place else company.municipality_code,
        sbi_division=division or (draft.sbi_division if draft else None),
    )
