"""The ledger as a pure fold: an example worked by hand, the rules one by one, and made-up lives against brute force."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schakel_contracts.companies import CompanyState
from schakel_contracts.referrals import ReferralState
from schakel_gateway.indicators import ADDITIVE_OF_KIND, INDICATORS, Cell, Fact, day_begin
from schakel_gateway.ledger.fold import Line, additive_lines
from schakel_gateway.ledger.steps import Version, learn
from schakel_gateway.ledger.store import group
from schakel_gateway.ledger.unique import unique_lines
from schakel_gateway.testing import (
    activity,
    case,
    challenge,
    company,
    day,
    fieldlab,
    identifier,
    network,
    referral,
    version,
)


def figure(lines: Sequence[Line], as_of: float, known_at: float) -> dict[tuple[str, Cell], int]:
    sums: Counter[tuple[str, Cell]] = Counter()
    for line in lines:
        if line.effective_at <= day(as_of) and line.recorded_at <= day(known_at):
            sums[line.indicator, line.cell] += line.amount
    return {key: amount for key, amount in sums.items() if amount}


def brief(lines: Sequence[Line], key: str) -> list[tuple[float, float, str, int]]:
    """Effective day, recorded day, leaf, amount."""
    days = [((x.effective_at - day(0)).days, (x.recorded_at - day(0)).days, x.cell.leaf, x.amount) for x in lines
            if x.indicator == key and x.cell.split == "leaf"]  # fmt: skip
    return sorted(days)


def test_the_example_worked_by_hand() -> None:
    # docs/ledger.md: registered in Oost on day 1, moved to Zuid on day 10; on day 20 it proves to have moved on day 5.
    lines = additive_lines(
        [
            version(company(1, "oost"), 1, 1),
            version(company(1, "zuid"), 2, 10),
            version(company(1, "zuid"), 3, 5, 20),
        ]
    )
    assert brief(lines, "companies_registered") == [
        (1, 1, "oost", 1),
        (5, 20, "oost", -1),
        (5, 20, "zuid", 1),
        (10, 10, "oost", -1),
        (10, 10, "zuid", 1),
        (10, 20, "oost", 1),
        (10, 20, "zuid", -1),
    ]
    oost, zuid = Cell("leaf", "oost", None), Cell("leaf", "zuid", None)
    assert figure(lines, as_of=7, known_at=15) == {("companies_registered", oost): 1}
    assert figure(lines, as_of=7, known_at=20) == {("companies_registered", zuid): 1}
    assert figure(lines, as_of=12, known_at=15) == {("companies_registered", zuid): 1}
    assert figure(lines, as_of=12, known_at=20) == {("companies_registered", zuid): 1}
    assert figure(lines, as_of=0, known_at=99) == {}


def test_a_backdated_version_cancels_overruled_lines_at_their_own_times() -> None:
    lines = additive_lines(
        [
            version(case(1, "oost"), 1, 1),
            version(case(1, "oost", withdrawn=True), 2, 8),
            version(case(1, "zuid"), 3, 0.5, 9),
        ]
    )
    assert brief(lines, "cases_published") == [
        (0, 9, "zuid", 1),
        (1, 1, "oost", 1),
        (1, 9, "oost", -1),
        (8, 8, "oost", -1),
        (8, 9, "oost", 1),
    ]


def test_no_line_is_recorded_before_the_line_that_it_cancels() -> None:
    for seed in range(20):
        for versions in _subjects(network(seed)):
            first: dict[tuple[str, Cell, datetime], datetime] = {}
            for line in sorted(additive_lines(versions), key=lambda each: each.recorded_at):
                where = (line.indicator, line.cell, line.effective_at)
                assert first.setdefault(where, line.recorded_at) <= line.recorded_at


def test_the_same_state_said_again_in_a_later_epoch_adds_no_line() -> None:
    once = [version(company(1), 1, 1), version(company(1, "zuid"), 2, 3)]
    again = [*once, msgspec.structs.replace(once[1], epoch=2)]
    assert additive_lines(again) == additive_lines(once)


def test_versions_in_any_order_give_the_same_lines() -> None:
    versions = [each for each in network(3) if each.kind == "referral"][:40]
    shuffled = random.Random(1).sample(versions, len(versions))
    assert sorted(unique_lines(versions)) == sorted(unique_lines(shuffled))


def test_a_flow_stays_where_it_happened_when_the_company_moves_or_is_erased() -> None:
    submitted = challenge(1, 1, home_hub="oost")
    moved = msgspec.structs.replace(submitted, home_hub="zuid")
    erased = msgspec.structs.replace(submitted, home_hub="unassigned", status="erased")
    lines = additive_lines([version(submitted, 1, 1), version(moved, 2, 5), version(erased, 3, 9)])
    assert brief(lines, "challenges_submitted") == [(1, 1, "oost", 1)]


def test_an_outcome_counts_on_the_day_it_happened_not_when_it_was_typed() -> None:
    done = referral(1, 1, status="completed", outcome="tested", outcome_on="2026-01-04")
    lines = [
        x for x in additive_lines([version(referral(1, 1), 1, 1), version(done, 2, 20)]) if "outcomes" in x.indicator
    ]
    assert [(x.effective_at.isoformat(), x.cell) for x in lines] == [
        ("2026-01-03T23:00:00+00:00", Cell("leaf", "zuid-holland", "robohouse"))
    ]


def test_an_activity_counts_on_its_day_as_planned_last_and_not_when_cancelled() -> None:
    first, later = activity(1, "2026-02-01"), activity(1, "2026-03-01")
    lines = additive_lines([version(first, 1, 1), version(later, 2, 10)])
    assert sum(figure(lines, as_of=40, known_at=5).values()) == 1
    assert figure(lines, as_of=40, known_at=10) == {}
    assert sum(figure(lines, as_of=70, known_at=10).values()) == 1
    cancelled = [version(first, 1, 1), version(activity(1, "2026-02-01", cancelled=True), 2, 10)]
    assert figure(additive_lines(cancelled), as_of=99, known_at=99) == {}


def test_only_published_fieldlabs_of_that_kind_count_and_an_unknown_hub_is_unassigned() -> None:
    for state in (fieldlab("x", kind="skillslab"), fieldlab("x", published=False), fieldlab("x", status="unknown")):
        assert brief(additive_lines([version(state, 1, 1)]), "fieldlabs_active") == []
    assert brief(additive_lines([version(fieldlab("x", "atlantis"), 1, 1)]), "fieldlabs_active") == [
        (1, 1, "unassigned", 1)
    ]


def test_a_company_counts_once_and_its_parts_by_fieldlab_overlap() -> None:
    lines = unique_lines(
        [
            version(company(1, "oost"), 1, 1),
            version(referral(1, 1, "robohouse"), 1, 2),
            version(referral(2, 1, "dutch-optics"), 1, 3),
        ]
    )
    assert figure(lines, 9, 9) == {
        ("companies_asking", Cell("leaf", "oost", None)): 1,
        ("companies_asking", Cell("fieldlab", "oost", "robohouse")): 1,
        ("companies_asking", Cell("fieldlab", "oost", "dutch-optics")): 1,
    }


def test_a_merge_moves_what_counts_from_its_time_on_and_counts_once() -> None:
    lines = unique_lines(
        [
            version(company(1, "oost"), 1, 0),
            version(company(2, "zuid"), 1, 0),
            version(referral(1, 1), 1, 1),
            version(referral(2, 2), 1, 2),
            version(company(1, "oost", status="merged", merged_into=2), 2, 5),
        ]
    )
    assert brief(lines, "companies_asking") == [(1, 1, "oost", 1), (2, 2, "zuid", 1), (5, 5, "oost", -1)]


def test_an_erased_company_leaves_its_counts_where_they_were() -> None:
    asked = [version(company(1, "oost"), 1, 0), version(referral(1, 1), 1, 1)]
    erased = [
        *asked,
        version(company(1, "unassigned", status="erased"), 2, 5),
        version(referral(1, 1, status="erased", home_hub="unassigned"), 2, 5.5),
    ]
    assert unique_lines(erased) == unique_lines(asked)


def test_a_company_of_which_nothing_is_known_yet_counts_at_the_hub_that_its_referral_carries() -> None:
    asked = version(referral(1, 1, home_hub="noord"), 1, 3)
    assert brief(unique_lines([asked]), "companies_asking") == [(3, 3, "noord", 1)]
    # Its own history arrives late: what is known by day 3 is answered as if it had been there in time.
    assert brief(unique_lines([asked, version(company(1, "oost"), 1, 1)]), "companies_asking") == [(3, 3, "oost", 1)]


def test_companies_that_merged_in_a_circle_are_one() -> None:
    lines = unique_lines(
        [
            version(company(1, "oost", status="merged", merged_into=2), 1, 0),
            version(company(2, "oost", status="merged", merged_into=1), 1, 0.5),
            version(referral(1, 1), 1, 1),
            version(referral(2, 2), 1, 2),
        ]
    )
    assert brief(lines, "companies_asking") == [(1, 1, "oost", 1)]


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("2026", "2025-12-31T23:00:00+00:00"),
        ("2026-07", "2026-06-30T22:00:00+00:00"),
        ("2026-07-02", "2026-07-01T22:00:00+00:00"),
        ("2026-07-02T10:00:00+02:00", "2026-07-02T08:00:00+00:00"),
        ("2026-13-01", None),
        ("soon", None),
        ("2026-07-02T10:00:00", None),
    ],
)
def test_a_date_begins_in_amsterdam(text: str, begin: str | None) -> None:
    found = day_begin(text)
    assert (found.isoformat() if found else None) == begin


# ---- against brute force

_GRID = (-1.0, 3.0, 9.5, 14.0, 21.0, 33.0, 47.0, 61.0, 95.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(min_value=0, max_value=10_000))
def test_additive_figures_equal_brute_force(seed: int) -> None:
    for versions in _subjects(network(seed, companies=6)):
        lines = additive_lines(versions)
        for known_at in _GRID:
            for as_of in _GRID:
                assert figure(lines, as_of, known_at) == _brute_additive(versions, day(as_of), day(known_at))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(min_value=0, max_value=10_000))
def test_unique_figures_equal_brute_force(seed: int) -> None:
    history = [each for each in network(seed, companies=6) if each.kind in {"company", "referral"}]
    lines = [line for versions in _groups(history) for line in unique_lines(versions)]
    for known_at in _GRID:
        for as_of in _GRID:
            assert figure(lines, as_of, known_at) == _brute_unique(history, day(as_of), day(known_at))


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 2)), min_size=1, max_size=7),
    order=st.randoms(use_true_random=False),
)
def test_steps_say_the_state_of_the_highest_version_effective_by_then(
    times: list[tuple[int, int]], order: random.Random
) -> None:
    versions = [version(case(1), number, at, number, epoch=epoch) for number, (at, epoch) in enumerate(times, start=1)]
    order.shuffle(versions)
    steps: list[Version] = []
    for each in versions:
        steps = learn(steps, each)
    for instant in range(-1, 10):
        by_then = [each for each in versions if each.effective_at <= day(instant)]
        expected = max(by_then, key=lambda each: each.rank, default=None)
        seen = [each for each in steps if each.effective_at <= day(instant)]
        assert (seen[-1] if seen else None) == expected


def _subjects(history: Sequence[Version]) -> list[list[Version]]:
    def key(each: Version) -> tuple[str, UUID]:
        return (each.kind, each.id)

    return [list(versions) for _, versions in groupby(sorted(history, key=key), key=key)]


def _groups(history: Sequence[Version]) -> list[list[Version]]:
    companies = {_company_of(each) for each in history}
    merges = [(x.id, x.state.merged_into) for x in history if isinstance(x.state, CompanyState) and x.state.merged_into]
    groups = group(companies, ((_company_of(x), x.id) for x in history if x.kind == "referral"), merges)
    found: dict[UUID, list[Version]] = {}
    for each in history:
        found.setdefault(groups[_company_of(each)], []).append(each)
    return list(found.values())


def _company_of(each: Version) -> UUID:
    return each.state.company_id if isinstance(each.state, ReferralState) else each.id


def _so(versions: Sequence[Version], instant: datetime) -> Version | None:
    return max((x for x in versions if x.effective_at <= instant), key=lambda x: x.rank, default=None)


def _first_fact(key: str, versions: Sequence[Version]) -> tuple[Fact, Version] | None:
    fact_of = INDICATORS[key].fact
    assert fact_of is not None
    for instant in sorted({each.effective_at for each in versions}):
        so = _so(versions, instant)
        fact = fact_of(so) if so and so.effective_at == instant else None
        if so and fact:
            return fact, so
    return None


def _brute_additive(versions: Sequence[Version], as_of: datetime, known_at: datetime) -> dict[tuple[str, Cell], int]:
    known = [each for each in versions if each.recorded_at <= known_at]
    result = {}
    for indicator in ADDITIVE_OF_KIND.get(versions[0].kind, ()):
        cell = None
        if indicator.stock:
            so = _so(known, as_of)
            cell = indicator.stock(so.state) if so else None
        elif indicator.decided_by == "last" and indicator.fact:
            last = max(known, key=lambda each: each.rank, default=None)
            fact = indicator.fact(last) if last else None
            cell = fact.cell if fact and fact.at <= as_of else None
        else:
            found = _first_fact(indicator.key, known)
            cell = found[0].cell if found and found[0].at <= as_of else None
        if cell:
            result[indicator.key, cell] = 1
    return result


def _brute_unique(history: Sequence[Version], as_of: datetime, known_at: datetime) -> dict[tuple[str, Cell], int]:
    known = [each for each in history if each.recorded_at <= known_at]
    of = {key: list(found) for key, found in ((x[0].id, x) for x in _subjects(known))}

    def standing(company_id: UUID) -> CompanyState | None:
        times = sorted({x.effective_at for x in of.get(company_id, []) if x.effective_at <= as_of}, reverse=True)
        states = [so.state for so in (_so(of[company_id], each) for each in times) if so]
        alive = [x for x in states if isinstance(x, CompanyState) and x.status != "erased"]
        last = (alive or states or [None])[0]
        return last if isinstance(last, CompanyState) else None

    def end(company_id: UUID) -> UUID:
        way = [company_id]
        while True:
            state = standing(way[-1])
            if state is None or state.status != "merged" or state.merged_into is None:
                return way[-1]
            if state.merged_into in way:
                return min(way[way.index(state.merged_into) :])
            way.append(state.merged_into)

    counted: dict[tuple[str, Cell], set[UUID]] = {}
    for key in ("companies_asking", "companies_served", "companies_with_outcome"):
        facts = [(found, versions) for versions in of.values() if versions[0].kind == "referral"
                 if (found := _first_fact(key, versions)) and found[0].at <= as_of]  # fmt: skip
        leaves: dict[UUID, str] = {}
        for (fact, first), versions in sorted(facts, key=lambda x: (x[0][0].at, x[0][1].id)):
            so = _so(versions, max(as_of, first.effective_at))
            assert so is not None
            assert isinstance(so.state, ReferralState)
            who = end(so.state.company_id)
            state = standing(who)
            leaf = leaves.setdefault(who, state.home_hub if state else so.state.home_hub)
            counted.setdefault((key, Cell("leaf", leaf, None)), set()).add(who)
            counted.setdefault((key, Cell("fieldlab", leaf, fact.cell.fieldlab)), set()).add(who)
    return {where: len(who) for where, who in counted.items()}


def test_ids_are_stable() -> None:
    assert identifier("company", 1) == identifier("company", 1) != identifier("company", 2)
