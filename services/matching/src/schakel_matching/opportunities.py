"""The other way round: open needs that fit a fieldlab, or a hub's fieldlabs, when their companies agreed to show them.

What is shown is the slate that the company sees, read from the other side: the same place, score and reasons. So a
need is seen by the fieldlabs that stand in its slate, and by those that an adviser added.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.topics import FIELDLABS
from schakel_matching.masking import mask
from schakel_matching.model import AMSTERDAM, LIVE
from schakel_matching.queries import company_of
from schakel_matching.tables import ChallengeRow, ReferralRow, slate_of

NEEDS_MAX: Final = 200
SMALL: Final = frozenset({"micro", "unknown"})
"""Of a very small firm, or one that may be, the postcode could name a person: only its municipality is shown."""

_CONCERNS: Final = text(
    "EXISTS (SELECT FROM jsonb_array_elements(slate -> 'matches') AS m WHERE m ->> 'slug' = ANY (:slugs))"
    " OR EXISTS (SELECT FROM jsonb_array_elements(judgements) AS j WHERE j ->> 'fieldlab' = ANY (:slugs))"
)

Json = dict[str, Any]


class Fit(msgspec.Struct, frozen=True):
    """A fieldlab that a need fits: as the slate has it, or added by an adviser and then without a score."""

    fieldlab: str
    name: str
    rank: int | None
    score: float | None
    parts: Sequence[Json]
    judgement: str | None


class Opportunity(msgspec.Struct, frozen=True):
    """An open need with the fieldlabs that it fits, best first."""

    need: ChallengeRow
    company: CompanyState
    fits: Sequence[Fit]


async def opportunities_of_fieldlab(session: AsyncSession, slug: str) -> list[Opportunity]:
    """Return the shared needs that fit one fieldlab, best first, without those it was introduced to."""
    return await _opportunities(session, await replica.find(session, FIELDLABS, slug=slug))


async def opportunities_of_hub(session: AsyncSession, hub: str) -> list[Opportunity]:
    """Return the shared needs that fit a fieldlab of a hub's region, best first."""
    return await _opportunities(session, await replica.find(session, FIELDLABS, hub=hub))


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


async def _opportunities(session: AsyncSession, labs: Sequence[FieldlabState]) -> list[Opportunity]:
    names = {lab.slug: lab.name for lab in labs if lab.published and lab.status != "ended"}
    needs = await shared_needs(session, _CONCERNS.bindparams(slugs=list(names)), NEEDS_MAX)
    introduced = await _introduced(session, needs)
    found = []
    for need in needs:
        company = await company_of(session, need.company_id)
        fits = _fits(need, {slug: name for slug, name in names.items() if (need.id, slug) not in introduced})
        if fits and company is not None and company.status not in {"erased", "merged"}:
            found.append(Opportunity(need, company, fits))
    return sorted(found, key=lambda each: _order(each.fits[0]))


async def _introduced(session: AsyncSession, needs: Sequence[ChallengeRow]) -> Collection[tuple[Any, str]]:
    query = select(ReferralRow.challenge_id, ReferralRow.fieldlab).where(
        col(ReferralRow.challenge_id).in_([need.id for need in needs]),
        col(ReferralRow.status).in_({*LIVE, "declined"}),
    )
    return {(challenge_id, slug) for challenge_id, slug in await session.exec(query)}


def _fits(need: ChallengeRow, names: dict[str, str]) -> list[Fit]:
    """Return where fieldlabs stand in a slate; one that an adviser advised against is not sent after the company."""
    said = {each["fieldlab"]: each["action"] for each in need.judgements}
    slate = slate_of(need)
    found = [
        Fit(
            fieldlab=match.slug,
            name=match.name,
            rank=match.rank,
            score=match.score,
            parts=msgspec.to_builtins(match.parts),
            judgement=said.get(match.slug),
        )
        for match in (slate.matches if slate and not slate.no_fit else ())
        if match.slug in names
    ]
    placed = {fit.fieldlab for fit in found}
    found += [
        Fit(fieldlab=slug, name=names[slug], rank=None, score=None, parts=(), judgement=action)
        for slug, action in said.items()
        if slug in names and slug not in placed
    ]
    return sorted((fit for fit in found if fit.judgement != "drop"), key=_order)


def _order(fit: Fit) -> tuple[float, str]:
    return (-(fit.score if fit.score is not None else float("-inf")), fit.fieldlab)
