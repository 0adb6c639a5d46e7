"""Unique companies: each counts once, at its home hub, from its first contributing fact on.

The subject is a *group*: all companies that ever merged into one another or shared a referral, with all their versions.
From a merge's effective time on, the facts of the merged company count for the company it went on in; if both had some,
they count once from then. An erased company stays where it last counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from schakel_contracts.companies import CompanyState
from schakel_contracts.referrals import ReferralState
from schakel_gateway.indicators import UNIQUE, Cell, Indicator, leaf_of
from schakel_gateway.ledger.fold import Line, Profile, differences
from schakel_gateway.ledger.steps import Version, by_recording, learn, step_at

Steps = Mapping[UUID, Sequence[Version]]


class _Reached(NamedTuple):
    """A fact that makes a company count, and the steps of the referral that tell whose it is."""

    at: datetime
    fieldlab: str | None
    first: Version
    steps: Sequence[Version]

    def referral_at(self, instant: datetime) -> ReferralState:
        step = step_at(self.steps, max(instant, self.first.effective_at)) or self.first
        state = step.state
        assert isinstance(state, ReferralState)  # noqa: S101 - made from referrals only
        return state


def unique_lines(versions: Sequence[Version]) -> list[Line]:
    """Return the lines of one group of companies under all unique indicators.

    Args:
        versions: all versions known of its companies and of their referrals, in any order, without doubles.
    """
    if not any(version.kind == "referral" for version in versions):
        return []
    companies: dict[UUID, Sequence[Version]] = defaultdict(list)
    referrals: dict[UUID, Sequence[Version]] = defaultdict(list)

    def profiles(version: Version) -> dict[str, Profile]:
        known = companies if version.kind == "company" else referrals
        known[version.id] = learn(known[version.id], version)
        return {each.key: unique_profile(each, companies, referrals) for each in UNIQUE}

    return differences(by_recording(versions), profiles)


def unique_profile(indicator: Indicator, companies: Steps, referrals: Steps) -> Profile:
    """Return what a unique indicator adds when, given the steps of all companies and referrals of one group."""
    facts = list(_facts(indicator, referrals))
    if not facts:
        return {}
    begin = min(fact.at for fact in facts)
    moments = {fact.at for fact in facts}
    moments.update(step.effective_at for steps in companies.values() for step in steps)
    moments.update(step.effective_at for fact in facts for step in fact.steps)
    result: Profile = {}
    held: set[tuple[UUID, Cell]] = set()
    for moment in sorted(moment for moment in moments if moment >= begin):
        counted = _counted(facts, companies, moment)
        for _, cell in counted - held:
            result[moment, cell] = result.get((moment, cell), 0) + 1
        for _, cell in held - counted:
            result[moment, cell] = result.get((moment, cell), 0) - 1
        held = counted
    return {key: amount for key, amount in result.items() if amount}


def _facts(indicator: Indicator, referrals: Steps) -> Iterable[_Reached]:
    """First facts, in a fixed order: the first one's hub stands in for a company of which nothing is known yet."""
    found = []
    for steps in referrals.values():
        for step in steps:
            fact = indicator.fact(step) if indicator.fact else None
            if fact is not None:
                found.append(_Reached(fact.at, fact.cell.fieldlab, step, steps))
                break
    return sorted(found, key=lambda fact: (fact.at, fact.first.id))


def _counted(facts: Iterable[_Reached], companies: Steps, moment: datetime) -> set[tuple[UUID, Cell]]:
    """Return each company that counts at a moment with its cells: one leaf, and one part per fieldlab."""
    cells: set[tuple[UUID, Cell]] = set()
    leaves: dict[UUID, str] = {}
    for fact in facts:
        if fact.at > moment:
            continue
        referral = fact.referral_at(moment)
        company = _gone_on_in(referral.company_id, companies, moment)
        if company not in leaves:
            standing = _standing(companies.get(company, ()), moment)
            leaves[company] = leaf_of(standing.home_hub if standing else referral.home_hub)
            cells.add((company, Cell("leaf", leaves[company], None)))
        cells.add((company, Cell("fieldlab", leaves[company], fact.fieldlab)))
    return cells


def _gone_on_in(company: UUID, companies: Steps, moment: datetime) -> UUID:
    """Follow merges; companies that merged into each other in a circle are the one with the smallest id."""
    way = [company]
    while True:
        standing = _standing(companies.get(way[-1], ()), moment)
        if standing is None or standing.status != "merged" or standing.merged_into is None:
            return way[-1]
        if standing.merged_into in way:
            return min(way[way.index(standing.merged_into) :])
        way.append(standing.merged_into)


def _standing(steps: Sequence[Version], moment: datetime) -> CompanyState | None:
    """Return the last state before erasure: an erased company leaves past counts as they are."""
    last = None
    for step in steps:
        if step.effective_at > moment:
            break
        state = step.state
        if isinstance(state, CompanyState) and (state.status != "erased" or last is None or last.status == "erased"):
            last = state
    return last
