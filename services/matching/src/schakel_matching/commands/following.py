"""What follows from somebody else's change: new slates when a fieldlab changes, no texts when a company is erased."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, delete, select

from schakel_common.clock import Clock
from schakel_matching.commands._announce import announce_challenge, announce_referral
from schakel_matching.commands._learning import forget_reasons
from schakel_matching.model import AMSTERDAM
from schakel_matching.news import news_of
from schakel_matching.recommender import Recommender
from schakel_matching.tables import (
    CallBackRow,
    ChallengeRow,
    DraftRow,
    MessageRow,
    ReferralRow,
    slate_of,
    slate_to_row,
    told_of,
)


async def rematch_challenges(session: AsyncSession, clock: Clock, recommender: Recommender) -> int:
    """Match every open need again; only where the slate really changes is there a new version.

    Returns:
        How many slates changed.
    """
    query = select(ChallengeRow).where(ChallengeRow.status == "open").order_by(col(ChallengeRow.id)).with_for_update()
    now = clock.now()
    on = now.astimezone(AMSTERDAM).date().isoformat()
    ended = {lab.state.slug for lab in (await recommender.catalogue(session)).labs if lab.state.status == "ended"}
    rematched = 0
    for row in (await session.scalars(query)).all():
        made = await recommender.slate(
            session,
            text=row.text or "",
            language=row.language,
            postcode4=row.postcode4,
            sbi_division=row.sbi_division,
            told=told_of(row),
            now=now,
        )
        slate = slate_to_row(made)
        if slate != row.slate:
            news = news_of(slate_of(row), made, ended, on)
            row.slate, row.news = slate, row.news if news is None else msgspec.to_builtins(news)
            await announce_challenge(session, row, "rematched", now)
            rematched += 1
    return rematched


async def erase_company(session: AsyncSession, company_id: UUID, effective_at: datetime) -> int:
    """Delete every text of a company; its needs and introductions stay as events without content.

    Returns:
        How many needs and introductions were erased.
    """
    erased = 0
    mine = select(ChallengeRow).where(ChallengeRow.company_id == company_id, ChallengeRow.status != "erased")
    for challenge in (await session.scalars(mine.order_by(col(ChallengeRow.id)).with_for_update())).all():
        await _delete_drafts(session, challenge.id)
        challenge.status = "erased"
        challenge.text = challenge.slate = challenge.told = challenge.postcode4 = None
        challenge.municipality_code = challenge.sbi_division = challenge.news = None
        challenge.shared, challenge.judgements = False, []
        await forget_reasons(session, challenge.id)
        await announce_challenge(session, challenge, "erased", effective_at)
        erased += 1
    theirs = select(ReferralRow).where(ReferralRow.company_id == company_id, ReferralRow.status != "erased")
    for referral in (await session.scalars(theirs.order_by(col(ReferralRow.id)).with_for_update())).all():
        await session.execute(delete(MessageRow).where(col(MessageRow.referral_id) == referral.id))
        referral.status, referral.waiting_on, referral.due_on = "erased", None, None
        await announce_referral(session, referral, "erased", effective_at)
        erased += 1
    return erased


async def _delete_drafts(session: AsyncSession, challenge_id: UUID) -> None:
    drafts = select(DraftRow.id).where(DraftRow.challenge_id == challenge_id)
    await session.execute(delete(CallBackRow).where(col(CallBackRow.draft_id).in_(drafts)))
    await session.execute(delete(DraftRow).where(col(DraftRow.challenge_id) == challenge_id))
