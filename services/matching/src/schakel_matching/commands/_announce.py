"""Telling the world about a changed row: raise its version, write journal and outbox."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common import outbox
from schakel_common.bodies import ApiModel
from schakel_common.commands import Changed
from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import CHALLENGES, REFERRALS
from schakel_matching.commands._learning import keep_outcome, keep_slate
from schakel_matching.tables import ChallengeRow, ReferralRow, state_of_challenge, state_of_referral

_NEW_SLATE: Final = frozenset({"submitted", "rematched"})


class NoInput(ApiModel):
    """A command that says all by its address; its body is ``{}``."""


async def announce_challenge(
    session: AsyncSession, row: ChallengeRow, happening: str, effective_at: datetime
) -> Reference:
    """Write the next version of a challenge; the row is new or locked by this transaction."""
    row.version += 1
    session.add(row)
    await session.flush()
    if happening in _NEW_SLATE:
        keep_slate(session, row, effective_at)
    state = state_of_challenge(row)
    return await outbox.add(session, CHALLENGES, happening, state, version=row.version, effective_at=effective_at)


async def announce_referral(
    session: AsyncSession, row: ReferralRow, happening: str, effective_at: datetime
) -> Reference:
    """Write the next version of an introduction; the row is new or locked by this transaction."""
    row.version += 1
    session.add(row)
    await session.flush()
    if happening != "erased":
        keep_outcome(session, row, happening, effective_at)
    state = state_of_referral(row)
    return await outbox.add(session, REFERRALS, happening, state, version=row.version, effective_at=effective_at)


def changed(row: ChallengeRow | ReferralRow, references: list[Reference], *, status: int = 200) -> Changed:
    """Return what the caller is told; no text, because the reply is kept with the idempotency key."""
    plural = "challenges" if isinstance(row, ChallengeRow) else "referrals"
    return Changed(
        body={"id": row.id, "version": row.version, "status": row.status},
        references=references,
        status=status,
        etag_version=row.version,
        location=f"/v1/{plural}/{row.id}" if status == 201 else None,  # noqa: PLR2004  created
    )


def refuse(errors: list[FieldError]) -> None:
    """Raise Problem ``invalid-input`` when there are errors."""
    if errors:
        raise Problem("invalid-input", errors=errors)
