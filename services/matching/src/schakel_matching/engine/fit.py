"""Whether a fieldlab answers a need at all: a calibrated chance, apart from the score.

The score orders fieldlabs of one need; the chance compares needs. Its weights come from the judged challenges by
``evaluation/calibrate_fit.py``; docs/matching.md says what they are worth on challenges that they have not seen.
"""

from typing import Final

import numpy as np

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.columns import Bools, Doubles
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


def evidence(reading: Reading, catalogue: Catalogue) -> tuple[Doubles, Doubles]:
    """Return what words and meaning say of every fieldlab: points of words by 25, and closeness on the fixed scale."""
    points = _WORDS_WORTH * covered(reading) + _ASKED_WORTH * asked(reading, catalogue)
    close = reading.sense.absolute if reading.sense is not None else np.zeros(len(points))
    return np.minimum(_POINTS_MAX, points) / _PER, close


def told(reading: Reading, catalogue: Catalogue) -> tuple[float, float]:
    """Return what the need says of itself: the share of its words that any fieldlab uses, and 1 for asks elsewhere."""
    known = sum(word.stem in catalogue.words.postings for word in reading.words)
    elsewhere = any(each.ask in INSTEAD for each in reading.elsewhere)
    return known / max(1, len(reading.words)), float(elsewhere)


def _is_name(reading: Reading) -> bool:
    """Return whether a text may be only a name: that a record mentions it makes it no need."""
    return len(reading.words) == 1 and not reading.concepts


def fitting(reading: Reading, catalogue: Catalogue, *, calibrated: bool = True) -> Bools:
    """Return which fieldlabs of the catalogue answer a need.

    When the best one's chance is too small nobody does. Otherwise it does, and with it all whose chance is large enough
    and that stand out themselves, by their words or by their closeness.
    """
    points, close = evidence(reading, catalogue)
    by_words = points * _PER >= FIT
    if reading.sense is None or not len(points):
        return by_words
    stands_out = by_words | (close >= (FIT_BY_MEANING_SHORT if len(reading.words) <= SHORT_WORDS else FIT_BY_MEANING))
    if not calibrated:
        return stands_out
    if _is_name(reading):
        return np.zeros(len(points), dtype=bool)
    chances = chances_of(points, close, told(reading, catalogue))
    stands_out[chances.argmax()] = True
    return np.asarray((chances >= FIT_PROBABILITY) & stands_out)


def chances_of(points: Doubles, close: Doubles, need: tuple[float, float]) -> Doubles:
    """Return per fieldlab the chance that it answers the need; see `evidence` and `told` for what it is made of."""
    known, elsewhere = need
    weighed = WEIGHTS[0] * points + WEIGHTS[1] * close + WEIGHTS[2] * known + WEIGHTS[3] * elsewhere
    return np.asarray(1 / (1 + np.exp(-INTERCEPT - weighed)))
