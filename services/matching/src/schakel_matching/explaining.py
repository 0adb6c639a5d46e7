"""Reads that explain: why a fieldlab stands where it stands, and what a fieldlab can tell of itself to be found.

Nothing is kept for it: every answer is computed anew from the needs and the register as they are now.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.ranges import Model
from schakel_matching.engine.rank import standing
from schakel_matching.engine.slate import Need
from schakel_matching.engine.why import TOP, Fact, Why, why, why_in
from schakel_matching.model import AMSTERDAM
from schakel_matching.recommender import Recommender, need_of
from schakel_matching.tables import ChallengeRow, DraftRow

COACH_DAYS: Final = 90
JUST_OUTSIDE: Final = 3
"""Places after the first three that count as just outside."""
_NEEDS_MAX: Final = 200
"""Needs that a coach looks at, the newest; each takes tens of milliseconds the first time."""


class Tip(msgspec.Struct, frozen=True, rename="camel"):
    """Something that a fieldlab does not tell of itself, or that costs it points.

    Attributes:
        missing: nobody told it; otherwise it costs points.
        times: how many needs it stood just outside the first three of, while this would have gained it points.
        lifted: how many of those it alone would have brought to the first three.
    """

    fact: Fact
    missing: bool
    times: int
    lifted: int


class Coaching(msgspec.Struct, frozen=True, rename="camel"):
    """How often a fieldlab was found lately; counts only, no need is told.

    Attributes:
        since: first day that counts (YYYY-MM-DD).
        needs: how many needs companies sent.
        top: of how many it is among the first three.
        just_outside: of how many it is one of the three after those.
        tips: what would help most often first.
    """

    since: str
    needs: int
    top: int
    just_outside: int
    tips: tuple[Tip, ...]


async def why_for(
    session: AsyncSession, recommender: Recommender, row: DraftRow | ChallengeRow, slug: str, now: datetime
) -> Why | None:
    """Return why a fieldlab stands where it stands for a need; None when there is no such published fieldlab."""
    catalogue = await recommender.catalogue(session)
    return await asyncio.to_thread(why, catalogue, need_of(row), slug, _day(now), model=recommender.model)


async def coaching(session: AsyncSession, recommender: Recommender, lab: FieldlabState, now: datetime) -> Coaching:
    """Return what the needs of the last 90 days say of a fieldlab's record, by ranking them anew as it is now."""
    since = now - timedelta(days=COACH_DAYS)
    query = (
        select(ChallengeRow)
        .where(ChallengeRow.submitted_at >= since, col(ChallengeRow.text).is_not(None))
        .order_by(col(ChallengeRow.submitted_at).desc(), col(ChallengeRow.id))
        .limit(_NEEDS_MAX)
    )
    needs = [need_of(row) for row in await session.exec(query)]
    catalogue = await recommender.catalogue(session)
    found = await asyncio.to_thread(_found, catalogue, needs, lab.slug, _day(now), recommender.model)
    return coached(found, since=_day(since), needs=len(needs))


def coached(found: Sequence[Why], *, since: date, needs: int) -> Coaching:
    """Return what places in the orders of many needs say of one fieldlab's record.

    Args:
        found: its place per need; a need without one says nothing of it.
        since: first day that counts.
        needs: how many needs were looked at.
    """
    outside = [each for each in found if each.kept_out is None and TOP < each.match.rank <= TOP + JUST_OUTSIDE]
    times: Counter[tuple[Fact, bool]] = Counter()
    lifted: Counter[tuple[Fact, bool]] = Counter()
    for each in outside:
        for change in each.changes:
            key = (change.fact, change.missing)
            times[key] += 1
            lifted[key] += 1 <= change.rank <= TOP
    ordered = sorted(times, key=lambda key: (-lifted[key], -times[key], key[0]))
    return Coaching(
        since=since.isoformat(),
        needs=needs,
        top=sum(each.kept_out is None and 1 <= each.match.rank <= TOP for each in found),
        just_outside=len(outside),
        tips=tuple(Tip(fact, missing, times[fact, missing], lifted[fact, missing]) for fact, missing in ordered),
    )


def _found(catalogue: Catalogue, needs: Sequence[Need], slug: str, today: date, model: Model) -> list[Why]:
    found = (why_in(standing(catalogue, need, today, model=model), catalogue, slug, today) for need in needs)
    return [each for each in found if each is not None]


def _day(now: datetime) -> date:
    return now.astimezone(AMSTERDAM).date()
