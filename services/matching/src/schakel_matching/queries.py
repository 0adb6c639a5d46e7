"""Reads. They never write; the locks that some take are for the use case that called them."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_common.auth import Principal
from schakel_common.problems import Problem
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.topics import COMPANIES, FIELDLABS
from schakel_matching.model import LIVE
from schakel_matching.permissions import Role, roles
from schakel_matching.tables import CallBackRow, ChallengeRow, DraftRow, JudgementRow, MessageRow, ReferralRow

_LOCK_COMPANY: Final = text("SELECT 1 FROM replica WHERE kind = 'company' AND id = :id FOR SHARE")


def sha256_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def draft_of(session: AsyncSession, draft_id: UUID, secret: str, *, lock: bool = False) -> DraftRow:
    """Return a draft to who holds its secret.

    Raises:
        Problem: ``not-found``, the same for an unknown draft and a wrong secret.
    """
    row = await session.get(DraftRow, draft_id, with_for_update=lock)
    if row is None or not hmac.compare_digest(row.secret_sha256, sha256_of(secret)):
        raise Problem("not-found")
    return row


async def company_of(session: AsyncSession, company_id: UUID, *, lock: bool = False) -> CompanyState | None:
    """Return a company as this service knows it.

    Args:
        session: any session.
        company_id: whose.
        lock: keep it as it is until the caller's transaction ends, so that an erasure cannot pass unnoticed.
    """
    if lock:
        await session.execute(_LOCK_COMPANY, {"id": company_id})
    return await replica.get(session, COMPANIES, company_id)


async def fieldlab_of(session: AsyncSession, slug: str) -> FieldlabState | None:
    """Return a fieldlab by its slug."""
    found = await replica.find(session, FIELDLABS, slug=slug)
    return found[0] if found else None


async def challenge_roles(session: AsyncSession, principal: Principal, row: ChallengeRow) -> frozenset[Role]:
    """Return what the caller is to a challenge; a fieldlab takes part while it has a live introduction on it."""
    return (await roles_of_challenges(session, principal, [row]))[row.id]


async def roles_of_challenges(
    session: AsyncSession, principal: Principal, rows: Sequence[ChallengeRow]
) -> dict[UUID, frozenset[Role]]:
    """Return what the caller is to each of many challenges, decided one by one."""
    companies = await _companies(session, {row.company_id for row in rows})
    live = select(ReferralRow.challenge_id, ReferralRow.fieldlab).where(
        col(ReferralRow.challenge_id).in_([row.id for row in rows]), col(ReferralRow.status).in_(LIVE)
    )
    fieldlabs: dict[UUID, list[str]] = {row.id: [] for row in rows}
    for challenge_id, slug in await session.exec(live):
        fieldlabs[challenge_id].append(slug)
    return {
        row.id: roles(
            principal,
            company=companies[row.company_id],
            home_hub=row.home_hub,
            routed_hub=row.routed_hub,
            fieldlabs=fieldlabs[row.id],
        )
        for row in rows
    }


async def referral_roles(session: AsyncSession, principal: Principal, row: ReferralRow) -> frozenset[Role]:
    """Return what the caller is to an introduction."""
    return (await roles_of_referrals(session, principal, [row]))[row.id]


async def roles_of_referrals(
    session: AsyncSession, principal: Principal, rows: Sequence[ReferralRow]
) -> dict[UUID, frozenset[Role]]:
    """Return what the caller is to each of many introductions, decided one by one."""
    companies = await _companies(session, {row.company_id for row in rows})
    return {
        row.id: roles(
            principal,
            company=companies[row.company_id],
            home_hub=row.home_hub,
            routed_hub=row.routed_hub,
            fieldlabs=[row.fieldlab],
        )
        for row in rows
    }


async def _companies(session: AsyncSession, ids: set[UUID]) -> dict[UUID, CompanyState | None]:
    return {company_id: await company_of(session, company_id) for company_id in ids}


async def challenges_of(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, ChallengeRow]:
    """Return challenges by id; unknown ids are absent."""
    rows = await session.exec(select(ChallengeRow).where(col(ChallengeRow.id).in_(ids)))
    return {row.id: row for row in rows}


async def referrals_of(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, ReferralRow]:
    """Return introductions by id; unknown ids are absent."""
    rows = await session.exec(select(ReferralRow).where(col(ReferralRow.id).in_(ids)))
    return {row.id: row for row in rows}


async def messages_of(session: AsyncSession, referral_ids: Sequence[UUID]) -> dict[UUID, list[MessageRow]]:
    """Return what was written about introductions, oldest first."""
    found: dict[UUID, list[MessageRow]] = {referral_id: [] for referral_id in referral_ids}
    query = select(MessageRow).where(col(MessageRow.referral_id).in_(referral_ids)).order_by(col(MessageRow.id))
    for row in await session.exec(query):
        found[row.referral_id].append(row)
    return found


async def newest_judgement(session: AsyncSession, challenge_id: UUID, fieldlab: str) -> JudgementRow | None:
    """Return what was last said of a fieldlab for a need."""
    query = (
        select(JudgementRow)
        .where(JudgementRow.challenge_id == challenge_id, JudgementRow.fieldlab == fieldlab)
        .order_by(col(JudgementRow.id).desc())
        .limit(1)
    )
    return (await session.exec(query)).one_or_none()


async def judgements_of(session: AsyncSession, challenge_ids: Sequence[UUID]) -> dict[UUID, list[JudgementRow]]:
    """Return what advisers say now, per need by fieldlab; what was taken back is absent."""
    newest: dict[UUID, dict[str, JudgementRow]] = {challenge_id: {} for challenge_id in challenge_ids}
    query = select(JudgementRow).where(col(JudgementRow.challenge_id).in_(challenge_ids)).order_by(col(JudgementRow.id))
    for row in await session.exec(query):
        newest[row.challenge_id][row.fieldlab] = row
    return {
        challenge_id: [row for _, row in sorted(rows.items()) if row.action != "take_back"]
        for challenge_id, rows in newest.items()
    }


async def open_call_backs(session: AsyncSession, hub: str) -> list[tuple[CallBackRow, str | None]]:
    """Return who waits for a call of a desk, longest waiting first, with the need typed where there is one."""
    query = (
        select(CallBackRow, DraftRow.text)
        .join(DraftRow, col(CallBackRow.draft_id) == col(DraftRow.id), isouter=True)
        .where(CallBackRow.hub == hub, col(CallBackRow.done_at).is_(None))
        .order_by(col(CallBackRow.created_at), col(CallBackRow.id))
        .limit(200)
    )
    return [(row, need) for row, need in await session.exec(query)]
