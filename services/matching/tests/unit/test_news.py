"""A company is told only when it matters: its first three changed, or one that it saw has ended."""

from schakel_contracts.challenges import ChallengeNews, FieldlabNews
from schakel_matching.engine.slate import Match, Slate
from schakel_matching.news import news_of

ON = "2026-11-24"


def _slate(*slugs: str) -> Slate:
    matches = [Match(s, s, at, 50.0 - at, (), ()) for at, s in enumerate(slugs, 1)]
    return Slate(tuple(matches), (), (), no_fit=False, hub="oost", model="m")


def test_another_fieldlab_among_the_first_three_is_told_with_the_one_that_left() -> None:
    news = news_of(_slate("a", "b", "c"), _slate("a", "b", "d", "c"), set(), ON)
    assert news == ChallengeNews(ON, [FieldlabNews("d", "entered"), FieldlabNews("c", "left")])


def test_another_order_of_the_same_three_is_not_told() -> None:
    assert news_of(_slate("a", "b", "c"), _slate("c", "a", "b"), set(), ON) is None


def test_what_changes_below_the_third_place_is_not_told() -> None:
    assert news_of(_slate("a", "b", "c", "d"), _slate("a", "b", "c", "e"), set(), ON) is None


def test_one_that_was_shown_and_ended_is_told_wherever_it_stood() -> None:
    news = news_of(_slate("a", "b", "c", "d"), _slate("a", "b", "c"), {"d", "z"}, ON)
    assert news == ChallengeNews(ON, [FieldlabNews("d", "ended")])


def test_one_of_the_first_three_that_ended_is_said_to_have_ended_and_not_to_have_left() -> None:
    news = news_of(_slate("a", "b", "c", "d"), _slate("b", "c", "d"), {"a"}, ON)
    assert news == ChallengeNews(ON, [FieldlabNews("a", "ended"), FieldlabNews("d", "entered")])


def test_a_first_slate_is_no_news() -> None:
    assert news_of(None, _slate("a"), set(), ON) is None
