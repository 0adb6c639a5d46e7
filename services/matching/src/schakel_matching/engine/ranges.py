"""The published range of every part of a score, and the thresholds; docs/matching.md repeats it and a test compares."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

import msgspec

from schakel_matching.engine.slate import PartName
from schakel_matching.engine.space import SpaceName


class Model(msgspec.Struct, frozen=True):
    """A model that can be chosen: the present one, and those before it to go back to.

    Attributes:
        name: the first number changes with the parts, the second with a range, the third with a weight.
        parts: those that count; the others are not in its answers.
        cuts: whether a text is cut into needs.
        calibrated: whether the best fieldlab must reach `FIT_PROBABILITY`; without it, standing out is enough.
        space: where texts are compared; a catalogue is built for it.
    """

    name: str
    parts: frozenset[PartName]
    cuts: bool
    calibrated: bool
    space: SpaceName


_ALL: Final = frozenset(get_args(PartName))
CURRENT: Final = Model("additive-3.0.2", _ALL, cuts=True, calibrated=True, space="kindred")
BEFORE: Final = Model("additive-3.0.1", _ALL, cuts=True, calibrated=True, space="aligned")
UNALIGNED: Final = Model("additive-3.0.0", _ALL, cuts=True, calibrated=True, space="centred")
EARLIER: Final = Model(
    "additive-2.0.0",
    frozenset({"text", "technology", "sector", "distance", "capacity", "status", "freshness"}),
    cuts=False,
    calibrated=False,
    space="centred",
)
"""As it was, but for two things: room is a part of its own, and the vocabulary knows what it has learnt since."""
MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {model.name: model for model in (CURRENT, BEFORE, UNALIGNED, EARLIER)}
)
MODEL: Final = CURRENT.name

RANGES: Final[Mapping[PartName, tuple[float, float]]] = MappingProxyType(
    {
        "text": (0.0, 30.0),
        "technology": (0.0, 25.0),
        "sector": (-3.0, 8.0),
        "transformation": (-0.5, 1.5),
        "service": (-2.0, 4.0),
        "trl": (-4.0, 3.0),
        "size": (-2.0, 2.0),
        "distance": (-5.0, 5.0),
        "language": (-2.0, 1.0),
        "capacity": (-6.0, 1.0),
        "status": (-8.0, 3.0),
        "freshness": (-3.0, 3.0),
    }
)
"""Lowest and highest value of each part, in points; 0 is what a missing fact gives (freshness excepted)."""

STATUS: Final[Mapping[str, float]] = MappingProxyType(
    {"active": 3.0, "unknown": 0.0, "candidate": -2.0, "paused": -8.0}
)
"""Points for being open; one that has ended gets none, it is never ranked."""
CAPACITY: Final[Mapping[str, float]] = MappingProxyType({"free": 1.0, "limited": -1.0, "full": -6.0, "unknown": 0.0})
"""Points for room."""
DISTANCE_KM: Final = 60.0
"""Distance at which the benefit of being near has fallen to 1/e."""
PER_LEVEL: Final = 2.0
"""Points for each readiness level that the company is outside the fieldlab's range."""
RECENT_DAYS: Final = 183
YEAR_DAYS: Final = 366
TWO_YEARS_DAYS: Final = 731

FIT_PROBABILITY: Final = 0.75
"""Chance of answering the need that a fieldlab must reach: one next door that does something else is no fit."""
FIT: Final = 16.0
"""Points of words and technologies with which a fieldlab stands out, beside the best one."""
FIT_BY_MEANING: Final = 1.7
"""Or its closeness by meaning must reach this, on the scale measured on the register (docs/matching.md)."""
FIT_BY_MEANING_SHORT: Final = 2.5
SHORT_WORDS: Final = 4
"""A need of at most four telling words must be closer: short texts lie further apart by chance."""

SHOWN: Final = 5
"""Fieldlabs in a slate; when nothing fits, the three closest."""
PER_CAMPUS: Final = 2
"""Fieldlabs of one campus in a slate at most."""
SHOWN_WITHOUT_FIT: Final = 3

OUTSIDE_MARGIN: Final = 5.0
"""Points, distance left out, by which a fieldlab of another region must be better to get a place among near ones."""


def within(part: PartName, value: float) -> float:
    """Return the value clipped to the part's range."""
    low, high = RANGES[part]
    return min(high, max(low, value))
