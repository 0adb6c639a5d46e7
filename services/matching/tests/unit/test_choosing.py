"""The slate as a whole: hard rules by name, two of a campus, one from elsewhere, the best of every need."""

import msgspec
import pytest
from matching_catalogues import fieldlab

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine.choosing import HardRule, chosen_from, hard_rule
from schakel_matching.engine.ranges import OUTSIDE_MARGIN
from schakel_matching.engine.slate import Match, Part


def candidate(slug: str, score: float, distance: float = 0.0, **facts: object) -> tuple[Match, FieldlabState]:
    parts = (
        Part(name="text", value=score - distance, text_nl="t", text_en="t"),
        Part(name="distance", value=distance, text_nl="d", text_en="d"),
    )
    return Match(slug, slug.title(), 0, score, parts, ()), fieldlab(slug, **facts)


def slugs(matches: list[Match]) -> list[str]:
    return [match.slug for match in matches]


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({}, None),
        ({"published": False}, "unpublished"),
        ({"published": False, "status": "ended"}, "unpublished"),
        ({"status": "ended"}, "ended"),
        ({"status": "paused", "capacity": "full"}, None),
        ({"latitude": 51.44, "longitude": 5.47}, None),
        ({"latitude": 50.94, "longitude": 7.6}, "abroad"),
        ({"latitude": 50.4, "longitude": 4.4}, "abroad"),
    ],
)
def test_why_a_fieldlab_may_never_be_ranked(facts: dict[str, object], rule: HardRule | None) -> None:
    assert hard_rule(fieldlab("x", **facts)) == rule


def test_at_most_two_of_one_campus() -> None:
    there = [candidate(slug, score, postcode4="5652") for slug, score in (("a", 9.0), ("b", 8.0), ("c", 7.0))]
    assert slugs(chosen_from([*there, candidate("d", 1.0, postcode4="7521")], 3, None)) == ["a", "b", "d"]


def test_fieldlabs_without_a_place_share_no_campus() -> None:
    assert slugs(chosen_from([candidate(slug, 5.0) for slug in "abc"], 5, None)) == ["a", "b", "c"]


@pytest.mark.parametrize(("more", "last"), [(OUTSIDE_MARGIN, "far"), (OUTSIDE_MARGIN - 0.1, "near-2")])
def test_one_from_elsewhere_gets_a_place_when_it_is_clearly_better_but_for_the_distance(more: float, last: str) -> None:
    near = [candidate(f"near-{i}", 30.0 - i, 5.0, hub="oost") for i in range(3)]
    far = candidate("far", 23.0 + more - 5.0, -5.0, hub="zuid")
    matches = chosen_from([*near, far], 3, "oost")
    assert slugs(matches) == ["near-0", "near-1", last]
    assert [match.outside_region for match in matches] == [False, False, last == "far"]


def test_nobody_gives_way_when_the_place_is_unknown_or_one_from_elsewhere_is_there_already() -> None:
    near = [candidate(f"near-{i}", 30.0 - i, 5.0, hub="oost") for i in range(3)]
    far = candidate("far", 27.0, -5.0, hub="zuid")
    assert slugs(chosen_from([*near, far], 3, None)) == ["near-0", "near-1", "near-2"]
    there = candidate("there", 40.0, -5.0, hub="zuid")
    assert slugs(chosen_from([there, *near, far], 3, "oost")) == ["there", "near-0", "near-1"]


def test_the_best_of_every_need_is_there_and_the_order_stays_that_of_the_scores() -> None:
    rich = [candidate(f"rich-{i}", 50.0 - i) for i in range(5)]
    poor = candidate("poor", 12.0)
    matches = chosen_from([*rich, poor], 3, None, ["rich-0", "poor"])
    assert slugs(matches) == ["rich-0", "rich-1", "poor"]
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)


def test_a_slate_is_made_of_copies_and_changes_nothing_it_is_given() -> None:
    given = [candidate("a", 2.0), candidate("b", 1.0)]
    before = msgspec.json.encode([match for match, _ in given])
    chosen_from(given, 1, "oost", ["b"])
    assert msgspec.json.encode([match for match, _ in given]) == before
