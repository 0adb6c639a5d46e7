"""Unique companies: each counts once, at its home hub, from its first contributing fact on.

The subject is a *group*: all companies that ever merged into one another or shared a referral, with all their versions.
From a merge's effective time on, the facts of the merged company count for the company it went on in; if both had some,
they count once from then. An erased company stays where it last counted.

Of each company and each referral only its *turns* are looked at: when it began to count somewhere else, or as another
one. Most versions turn nothing, and then nothing is computed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from schakel_contracts.companies import CompanyState
from schakel_contracts.referrals import ReferralState
from schakel_gateway.indicators import UNIQUE, Cell, Indicator, leaf_of
from schakel_gateway.ledger.fold import Line, Profile, differences
from schakel_gateway.ledger.steps import Version, by_recording, learn


class _Standing(NamedTuple):
    """Where a company counts, and the company that it went on in."""

    home_hub: str
    merged_into: UUID | None


class _Asker(NamedTuple):
    """Whose a referral is; its hub stands in for a company of which nothing is known yet."""

    company_id: UUID
    home_hub: str


class _Fact(NamedTuple):
    """A fact by which a company counts, with whose it was and became."""

    at: datetime
    referral_id: UUID
    fieldlab: str | None
    shown_at: datetime
    askers: "Turns[_Asker]"


class _Referral(NamedTuple):
    facts: dict[str, _Fact]
    askers: "Turns[_Asker]"


_UNKNOWN: Final = _Referral({}, [])

T = TypeVar("T")
Turns = list[tuple[datetime, T]]
"""What is so from when on, by time; neighbours differ."""

_TIME: Final = itemgetter(0)


def unique_lines(versions: Sequence[Version]) -> list[Line]:
    """Return the lines of one group of companies under all unique indicators.

    Args:
        versions: all versions known of its companies and of their referrals, in any order, without doubles.
    """
    if not any(version.kind == "referral" for version in versions):
        return []
    steps: dict[UUID, list[Version]] = {}
    companies: dict[UUID, Turns[_Standing]] = {}
    referrals: dict[UUID, _Referral] = {}
    latest: dict[str, Profile] = {}

    def profiles(version: Version) -> dict[str, Profile]:
        nonlocal latest
        known = steps[version.id] = learn(steps.get(version.id, ()), version)
        turned: Iterable[Indicator] = ()
        if isinstance(version.state, CompanyState):
            standings = _standings(known)
            if companies.get(version.id) != standings:
                companies[version.id] = standings
                turned = UNIQUE if referrals else ()
        else:
            before, after = referrals.get(version.id, _UNKNOWN), _referral(known)
            referrals[version.id] = after
            moved = before.askers != after.askers
            turned = [each for each in UNIQUE if moved or before.facts.get(each.key) != after.facts.get(each.key)]
        if turned:
            latest = {**latest, **{each.key: _profile(each, companies, referrals) for each in turned}}
        return latest

    return differences(by_recording(versions), profiles)


def _standings(steps: Iterable[Version]) -> Turns[_Standing]:
    """Return where a company stands from when on; erasure moves nothing, unless nothing else is known of it."""
    turns: Turns[_Standing] = []
    is_alive = False
    for step in steps:
        state = step.state
        if not isinstance(state, CompanyState) or (state.status == "erased" and is_alive):
            continue
        is_alive = state.status != "erased"
        _turn(
            turns, step.effective_at, _Standing(state.home_hub, state.merged_into if state.status == "merged" else None)
        )
    return turns


def _referral(steps: Sequence[Version]) -> _Referral:
    """Return whose a referral is from when on, and the first step that shows each indicator's fact."""
    askers: Turns[_Asker] = []
    facts: dict[str, _Fact] = {}
    for step in steps:
        if isinstance(step.state, ReferralState):
            _turn(askers, step.effective_at, _Asker(step.state.company_id, step.state.home_hub))
        for indicator in UNIQUE:
            if indicator.key not in facts and indicator.fact is not None:
                shown = indicator.fact(step)
                if shown is not None:
                    facts[indicator.key] = _Fact(shown.at, step.id, shown.cell.fieldlab, step.effective_at, askers)
    return _Referral(facts, askers)


def _turn(turns: Turns[T], at: datetime, value: T) -> None:
    if not turns or turns[-1][1] != value:
        turns.append((at, value))


def _at(turns: Turns[T], moment: datetime) -> T | None:
    """Return what is so at a moment, None before the first turn."""
    place = bisect_right(turns, moment, key=_TIME)
    return turns[place - 1][1] if place else None


def _profile(
    indicator: Indicator, companies: Mapping[UUID, Turns[_Standing]], referrals: Mapping[UUID, _Referral]
) -> Profile:
    """Return what a unique indicator adds when, as far as is known."""
    # In a fixed order: of several facts of a company of which nothing is known, the first one's hub counts.
    facts = sorted(each.facts[indicator.key] for each in referrals.values() if indicator.key in each.facts)
    if not facts:
        return {}
    result: Profile = {}
    held: set[tuple[UUID, Cell]] = set()
    for moment in _moments(facts, companies.values()):
        counted = _counted(facts, companies, moment)
        for _, cell in counted - held:
            result[moment, cell] = result.get((moment, cell), 0) + 1
        for _, cell in held - counted:
            result[moment, cell] = result.get((moment, cell), 0) - 1
        held = counted
    return {key: amount for key, amount in result.items() if amount}


def _moments(facts: Sequence[_Fact], companies: Iterable[Turns[_Standing]]) -> list[datetime]:
    """Return when what is counted may change: with a fact, and where a company or a referral turns after the first."""
    begin = facts[0].at
    moments = {fact.at for fact in facts}
    for standings in companies:
        moments.update(at for at, _ in standings if at > begin)
    for fact in facts:
        moments.update(at for at, _ in fact.askers if at > begin)
    return sorted(moments)


def _counted(
    facts: Iterable[_Fact], companies: Mapping[UUID, Turns[_Standing]], moment: datetime
) -> set[tuple[UUID, Cell]]:
    """Return each company that counts at a moment with its cells: one leaf, and one part per fieldlab."""
    cells: set[tuple[UUID, Cell]] = set()
    leaves: dict[UUID, str] = {}
    for fact in facts:
        if fact.at > moment:
            break
        asker = _at(fact.askers, max(moment, fact.shown_at)) or fact.askers[0][1]
        company, standing = _gone_on_in(asker.company_id, companies, moment)
        leaf = leaves.get(company)
        if leaf is None:
            leaf = leaves[company] = leaf_of(standing.home_hub if standing else asker.home_hub)
            cells.add((company, Cell("leaf", leaf, None)))
        cells.add((company, Cell("fieldlab", leaf, fact.fieldlab)))
    return cells


def _gone_on_in(
    company: UUID, companies: Mapping[UUID, Turns[_Standing]], moment: datetime
) -> tuple[UUID, _Standing | None]:
    """Follow merges; companies that merged into each other in a circle are the one with the smallest id."""
    way: list[UUID] = []
    while True:
        standing = _at(companies.get(company, []), moment)
        if standing is None or standing.merged_into is None:
            return company, standing
        way.append(company)
        if standing.merged_into in way:
            smallest = min(way[way.index(standing.merged_into) :])
            return smallest, _at(companies.get(smallest, []), moment)
        company = standing.merged_into
