"""The other way round: open needs that fit a fieldlab, or a hub's fieldlabs, when their companies agreed to show them.

What is shown is the slate that the company sees, read from the other side: the same place, score and reasons. Below it
come the fieldlabs that answer the need as well, with their place in the whole order, and those that an adviser added.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import text, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.topics import FIELDLABS
from schakel_matching.engine.slate import Match
from schakel_matching.masking import mask
from schakel_matching.model import AMSTERDAM, LIVE
from schakel_matching.queries import company_of
from schakel_matching.recommender import Recommender
from schakel_matching.tables import ChallengeRow, ReferralRow, slate_of

NEEDS_MAX: Final = 200
RANKED_MAX: Final = 40
"""Of the newest needs, everyone who answers them is looked for; of older ones, who stands in the slate."""
SMALL: Final = frozenset({"micro", "unknown"})
"""Of a very small firm, or one that may be, the postcode could name a person: only its municipality is shown."""

_CONCERNS: Final = text(
    "EXISTS (SELECT FROM jsonb_array_elements(slate -> 'matches') AS m WHERE m ->> 'slug' = ANY (:slugs))"
    " OR EXISTS (SELECT FROM jsonb_array_elements(judgements) AS j WHERE j ->> 'fieldlab' = ANY (:slugs))"
)

Json = dict[str, Any]


class Fit(msgspec.Struct, frozen=True):
    """A fieldlab that a need fits.

    Attributes:
        rank: its place in the slate, or else in the whole order; None when only an adviser named it.
        score: None when only an adviser named it.
        shown: whether the company sees it in its slate.
    """

    fieldlab: str
    name: str
    rank: int | None
    score: float | None
    parts: Sequence[Json]
    judgement: str | None
    shown: bool


class Opportunity(msgspec.Struct, frozen=True):
    """An open need with the fieldlabs that it fits, best first."""

    need: ChallengeRow
    company: CompanyState
    fits: Sequence[Fit]


async def opportunities_of_fieldlab(
    session: AsyncSession, slug: str, recommender: Recommender, now: datetime
) -> list[Opportunity]:
    """Return the shared needs that fit one fieldlab, best first, without those it was introduced to."""
    return await _opportunities(session, await replica.find(session, FIELDLABS, slug=slug), recommender, now)


async def opportunities_of_hub(
    session: AsyncSession, hub: str, recommender: Recommender, now: datetime
) -> list[Opportunity]:
    """Return the shared needs that fit a fieldlab of a hub's region, best first."""
    return await _opportunities(session, await replica.find(session, FIELDLABS, hub=hub), recommender, now)


async def shared_needs(session: AsyncSession, condition: Any, many: int) -> Sequence[ChallengeRow]:  # noqa: ANN401  any SQL
    """Return open needs that their companies agreed to show, newest first."""
    query = (
        select(ChallengeRow)
        .where(ChallengeRow.status == "open", col(ChallengeRow.shared).is_(other=True), condition)
        .order_by(col(ChallengeRow.submitted_at).desc(), col(ChallengeRow.id))
        .limit(many)
    )
    return (await session.exec(query)).all()


def opportunity_view(found: Opportunity) -> Json:
    """Return what a fieldlab or a hub may see of a need that it was not asked about: no name, no company id."""
    need, company = found.need, found.company
    return {
        "challengeId": need.id,
        "submittedOn": need.submitted_at.astimezone(AMSTERDAM).date().isoformat(),
        "hub": need.routed_hub,
        "language": need.language,
        "text": mask(need.text or "", need.language),
        "concepts": [concept.key for concept in slate.concepts] if (slate := slate_of(need)) else [],
        "sbiDivision": need.sbi_division,
        "sizeClass": company.size_class,
        "municipalityCode": need.municipality_code,
        "postcode": None if company.size_class in SMALL else need.postcode4,
        "fits": msgspec.to_builtins(found.fits),
    }


async def _opportunities(
    session: AsyncSession, labs: Sequence[FieldlabState], recommender: Recommender, now: datetime
) -> list[Opportunity]:
    names = {lab.slug: lab.name for lab in labs if lab.published and lab.status != "ended"}
    newest = await shared_needs(session, true(), RANKED_MAX)
    concerning = await shared_needs(session, _CONCERNS.bindparams(slugs=list(names)), NEEDS_MAX)
    needs = list({need.id: need for need in (*newest, *concerning)}.values())
    answering = await recommender.answering(session, newest, now)
    introduced = await _introduced(session, needs)
    found = []
    for need in needs:
        company = await company_of(session, need.company_id)
        free = {slug: name for slug, name in names.items() if (need.id, slug) not in introduced}
        fits = _fits(need, free, answering.get(need.id, ()))
        if fits and company is not None and company.status not in {"erased", "merged"}:
            found.append(Opportunity(need, company, fits))
    return sorted(found, key=lambda each: _order(each.fits[0]))


async def _introduced(session: AsyncSession, needs: Sequence[ChallengeRow]) -> Collection[tuple[Any, str]]:
    query = select(ReferralRow.challenge_id, ReferralRow.fieldlab).where(
        col(ReferralRow.challenge_id).in_([need.id for need in needs]),
        col(ReferralRow.status).in_({*LIVE, "declined"}),
    )
    return {(challenge_id, slug) for challenge_id, slug in await session.exec(query)}


def _fits(need: ChallengeRow, names: dict[str, str], answering: Sequence[Match]) -> list[Fit]:
    """Return where fieldlabs stand, in the slate or below it; who was advised against is not sent after the company."""
    said = {each["fieldlab"]: each["action"] for each in need.judgements}
    slate = slate_of(need)
    shown = {match.slug: match for match in (slate.matches if slate and not slate.no_fit else ())}
    placed = {match.slug: match for match in answering} | shown
    found = [
        Fit(
            fieldlab=slug,
            name=match.name,
            rank=match.rank,
            score=match.score,
            parts=msgspec.to_builtins(match.parts),
            judgement=said.get(slug),
            shown=slug in shown,
        )
        for slug, match in placed.items()
        if slug in names
    ]
    found += [
        Fit(fieldlab=slug, name=names[slug], rank=None, score=None, parts=(), judgement=action, shown=False)
        for slug, action in said.items()
        if slug in names and slug not in placed
    ]
    return sorted((fit for fit in found if fit.judgement != "drop"), key=_order)


def _order(fit: Fit) -> tuple[float, str]:
    return (-(fit.score if fit.score is not None else float("-inf")), fit.fieldlab)
