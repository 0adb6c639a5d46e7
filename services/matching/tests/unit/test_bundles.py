"""Which needs one session could serve."""

from uuid import UUID

import numpy as np

from schakel_matching.bundles import SharedNeed, bundles, closeness_of
from schakel_matching.engine.encoders import Floats, TextEncoder


def need(number: int, company: int, *concepts: str, text: str = "", language: str = "nl") -> SharedNeed:
    words = {key: (key.upper(), f"woord {number}") for key in concepts}
    return SharedNeed(UUID(int=number), UUID(int=company), language, text, words)


def close(*groups: tuple[int, ...], size: int) -> Floats:
    """Needs of one group mean the same, others nothing of it."""
    found = np.zeros((size, size), dtype=np.float32)
    for group in groups:
        for i in group:
            found[i, list(group)] = 1.0
    return found


def ids(needs: list[SharedNeed], closeness: Floats | None) -> list[list[int]]:
    return [[need.id.int for need in bundle.needs] for bundle in bundles(needs, closeness)]


def test_three_companies_with_a_technology_and_a_meaning_in_common_are_one_session() -> None:
    needs = [need(i, i, "cobots") for i in range(1, 4)]
    (bundle,) = bundles(needs, close((0, 1, 2), size=3))
    assert (bundle.concepts, bundle.companies) == (("cobots",), 3)
    assert bundle.words == ("cobots", "woord 1", "woord 2", "woord 3")
    assert ids(needs[:2], close((0, 1), size=2)) == []


def test_three_needs_of_two_companies_are_no_session() -> None:
    needs = [need(1, 1, "cobots"), need(2, 1, "cobots"), need(3, 2, "cobots")]
    assert ids(needs, close((0, 1, 2), size=3)) == []


def test_a_technology_alone_or_a_meaning_alone_is_not_enough_and_two_technologies_are() -> None:
    apart = [need(i, i, "cobots") for i in range(1, 4)]
    assert ids(apart, close(size=3)) == []
    assert ids(apart, None) == []
    nothing = [need(1, 1, "cobots"), need(2, 2, "iot"), need(3, 3)]
    assert ids(nothing, close((0, 1, 2), size=3)) == []
    twice = [need(i, i, "cobots", "iot") for i in range(1, 4)]
    assert ids(twice, close(size=3)) == [[1, 2, 3]]


def test_the_largest_group_comes_first_and_a_need_is_in_one() -> None:
    needs = [need(i, i, "cobots") for i in range(1, 5)] + [need(5, 5, "cobots", "iot")]
    needs += [need(6, 6, "iot"), need(7, 7, "iot"), need(8, 8, "iot")]
    assert ids(needs, close((0, 1, 2, 3, 4), (4, 5, 6, 7), size=8)) == [[1, 2, 3, 4, 5], [6, 7, 8]]


def test_needs_in_both_languages_that_mean_the_same_are_close(encoders: tuple[TextEncoder, TextEncoder]) -> None:
    texts = [
        ("Wij willen een lasrobot proberen voor kleine series.", "nl"),
        ("We would like to try a welding robot for small batches.", "en"),
        ("Onze lassers gaan met pensioen; kan een robot kleine series lassen?", "nl"),
        ("Hoe verpakken wij kaas zonder plastic?", "nl"),
    ]
    needs = [need(i, i, "robot_welding", text=text, language=spoken) for i, (text, spoken) in enumerate(texts, 1)]
    closeness = closeness_of(needs, encoders)
    assert closeness[0, 1] > closeness[0, 3]
    assert ids(needs, closeness) == [[1, 2, 3]]
