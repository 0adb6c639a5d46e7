"""What is kept so that learning is possible later: what was shown where, and what came of it. Nothing here is changed.

No text is kept: a part of a score is a name and a number.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, update

from schakel_matching.tables import (
    ChallengeRow,
    JudgementRow,
    ReferralRow,
    SlateOutcomeRow,
    SlatePlaceRow,
    slate_of,
)


def keep_slate(session: AsyncSession, row: ChallengeRow, at: datetime) -> None:
    """Keep every place of a slate that is shown from this version of the challenge on."""
    slate = slate_of(row)
    for match in slate.matches if slate else ():
        session.add(
            SlatePlaceRow(
                challenge_id=row.id,
                challenge_version=row.version,
                fieldlab=match.slug,
                rank=match.rank,
                score=match.score,
                parts={part.name: part.value for part in match.parts},
                model=slate.model if slate else "",
                at=at,
            )
        )


def keep_outcome(session: AsyncSession, row: ReferralRow, happening: str, at: datetime) -> None:
    """Keep a step of an introduction beside the slate that it came from."""
    session.add(
        SlateOutcomeRow(
            referral_id=row.id,
            referral_version=row.version,
            challenge_id=row.challenge_id,
            fieldlab=row.fieldlab,
            happening=happening,
            decline_reason=row.decline_reason,
            outcome=row.outcome,
            outcome_on=row.outcome_on,
            at=at,
        )
    )


async def forget_reasons(session: AsyncSession, challenge_id: UUID) -> None:
    """Delete the words of the judgements of a challenge; that they were made stays."""
    await session.execute(
        update(JudgementRow).where(col(JudgementRow.challenge_id) == challenge_id).values(reason=None)
    )
