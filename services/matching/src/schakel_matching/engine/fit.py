"""Whether a fieldlab answers a need at all: a calibrated chance, apart from the score.

The score orders fieldlabs of one need; the chance compares needs. Its weights come from the judged challenges by
``evaluation/calibrate_fit.py``; docs/matching.md says what they are worth on challenges that they have not seen.
"""

from math import exp
from typing import Final

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.elsewhere import INSTEAD
from schakel_matching.engine.parts import asked, covered
from schakel_matching.engine.ranges import FIT, FIT_BY_MEANING, FIT_BY_MEANING_SHORT, FIT_PROBABILITY, SHORT_WORDS
from schakel_matching.engine.reading import Reading

_WORDS_WORTH: Final = 40.0
_ASKED_WORTH: Final = 35.0
"""Points for all words and all technologies: what the words say, on one scale."""
_POINTS_MAX: Final = 50.0
_PER: Final = 25.0
INTERCEPT: Final = 0.04
WEIGHTS: Final = (0.66, 0.28, 3.36, -4.05)
"""Per 25 points of words, per spread of closeness, for known words, for an ask that is no fieldlab's."""


def evidence(reading: Reading, catalogue: Catalogue, i: int) -> tuple[float, float]:
    """Return what words and meaning say of one fieldlab: points of words by 25, and closeness on the fixed scale."""
    points = _WORDS_WORTH * covered(reading, i) + _ASKED_WORTH * asked(reading, catalogue, i)
    close = float(reading.sense.absolute[i]) if reading.sense is not None else 0.0
    return min(_POINTS_MAX, points) / _PER, close


def told(reading: Reading, catalogue: Catalogue) -> tuple[float, float]:
    """Return what the need says of itself: the share of its words that any fieldlab uses, and 1 for asks elsewhere."""
    known = sum(word.stem in catalogue.words.postings for word in reading.words)
    elsewhere = any(each.ask in INSTEAD for each in reading.elsewhere)
    return known / max(1, len(reading.words)), float(elsewhere)


def _is_name(reading: Reading) -> bool:
    """Return whether a text may be only a name: that a record mentions it makes it no need."""
    return len(reading.words) == 1 and not reading.concepts


def fitting(reading: Reading, catalogue: Catalogue, *, calibrated: bool = True) -> frozenset[int]:
    """Return the places in the catalogue of the fieldlabs that answer a need.

    When the best one's chance is too small nobody does. Otherwise it does, and with it all whose chance is large enough
    and that stand out themselves, by their words or by their closeness.
    """
    each = [evidence(reading, catalogue, i) for i in range(len(catalogue.labs))]
    if reading.sense is None or not each:
        return frozenset(i for i, (points, _) in enumerate(each) if points * _PER >= FIT)
    chances = [_chance((*one, *told(reading, catalogue))) for one in each]
    best = max(range(len(each)), key=lambda i: chances[i])
    close_enough = FIT_BY_MEANING_SHORT if len(reading.words) <= SHORT_WORDS else FIT_BY_MEANING
    stands_out = [points * _PER >= FIT or close >= close_enough for points, close in each]
    if calibrated and _is_name(reading):
        return frozenset()
    if not calibrated:
        return frozenset(i for i, stands in enumerate(stands_out) if stands)
    return frozenset(
        i for i, chance in enumerate(chances) if chance >= FIT_PROBABILITY and (stands_out[i] or i == best)
    )


def _chance(facts: tuple[float, float, float, float]) -> float:
    return 1 / (1 + exp(-INTERCEPT - sum(weight * fact for weight, fact in zip(WEIGHTS, facts, strict=True))))
