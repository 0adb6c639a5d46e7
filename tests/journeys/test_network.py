"""One query shows the national team the new number, the same at all three levels, with the moment it was true."""

from typing import Any

import pytest
from running import RunningStack
from steps import FIELDLAB, HUB, Journey, figures

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def count_at(indicator: dict[str, Any], level: str) -> int:
    if level == "national":
        return int(indicator["total"])
    if level == "hub":
        return next((int(leaf["count"]) for leaf in indicator["regions"] if leaf["hub"] == HUB), 0)
    return next((int(leaf["count"]) for leaf in indicator["fieldlabs"] if leaf["fieldlab"] == FIELDLAB), 0)


def test_a_new_fact_is_in_every_level_of_the_next_answer(running_stack: RunningStack) -> None:
    before, earlier = figures(running_stack)
    journey = Journey(running_stack)
    for step in journey.steps():
        getattr(journey, step)()

    after, answer = figures(running_stack, read_after=journey.token)

    for key in ("referrals_accepted", "companies_served"):
        assert {level: count_at(after[key], level) for level in ("national", "hub", "fieldlab")} == {
            level: count_at(before[key], level) + 1 for level in ("national", "hub", "fieldlab")
        }, key
    assert answer["position"] > earlier["position"]
    assert answer["asOf"] >= earlier["asOf"]


def test_figures_add_up_with_their_overlap(running_stack: RunningStack) -> None:
    found, _ = figures(running_stack)

    known = [indicator for indicator in found.values() if indicator["known"]]
    assert len(known) >= 8
    for indicator in known:
        leaves = sum(leaf["count"] for leaf in indicator["regions"])
        assert indicator["total"] == leaves + indicator["national"] + indicator["unassigned"], indicator["key"]
        if indicator["kind"] == "UNIQUE" and indicator["fieldlabs"]:
            by_fieldlab = sum(leaf["count"] for leaf in indicator["fieldlabs"])
            assert indicator["total"] == by_fieldlab - (indicator["overlap"] or 0), indicator["key"]


def test_one_company_at_two_fieldlabs_counts_once_and_the_overlap_says_so(running_stack: RunningStack) -> None:
    before, _ = figures(running_stack)
    journey = Journey(running_stack)
    for step in ("describe_the_need", "register", "submit", "request"):
        getattr(journey, step)()
    journey.request("sam-xl")

    after, _ = figures(running_stack, read_after=journey.token)

    asking_before, asking = before["companies_asking"], after["companies_asking"]
    assert asking["total"] == asking_before["total"] + 1
    assert (asking["overlap"] or 0) == (asking_before["overlap"] or 0) + 1
    assert after["referrals_requested"]["total"] == before["referrals_requested"]["total"] + 2


def test_the_same_question_with_both_moments_gets_the_same_answer_after_more_happened(
    running_stack: RunningStack,
) -> None:
    _, now = figures(running_stack)
    moment = {"asOf": now["watermark"], "knownAt": now["watermark"]}
    first, answer = figures(running_stack, **moment)
    journey = Journey(running_stack)
    for step in ("describe_the_need", "register"):
        getattr(journey, step)()

    second, _ = figures(running_stack, read_after=journey.token, **moment)

    assert answer["settled"] is True
    assert second == first
