"""The facts of all fieldlabs as columns: what a need makes of them is found for all in a few array operations."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine.choosing import campus_of, hard_rule
from schakel_matching.engine.dates import last_day_of
from schakel_matching.engine.places import on_globe
from schakel_matching.engine.ranges import CAPACITY, STATUS

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]

UNKNOWN: Final = -1
"""Where a day, as its ordinal, is not known."""


class Members(msgspec.Struct, frozen=True):
    """Which fieldlabs name what.

    Attributes:
        size: how many fieldlabs there are.
        named: whether a fieldlab names anything at all.
        by_key: what is named, to who names it.
    """

    size: int
    named: Bools
    by_key: Mapping[str, Bools]

    def having(self, keys: Collection[str]) -> Bools:
        """Return which fieldlabs name any of these."""
        found = np.zeros(self.size, dtype=bool)
        for key in keys:
            if key in self.by_key:
                found |= self.by_key[key]
        return found


class Columns(msgspec.Struct, frozen=True):
    """Each attribute has one value per fieldlab, in the catalogue's order.

    Attributes:
        open: no hard rule keeps it out of a slate.
        ended: it has ended.
        campus: number of its campus.
        by_campus: the places of all fieldlabs, those of one campus behind each other.
        campus_starts: where each campus starts in that.
        hub: slug of its hub.
        trl_min: lowest readiness level that it takes; 1 when it tells none.
        trl_max: highest; 9 when it tells none.
        trl_known: it tells one of the two.
        point: where it is on a globe of radius 1; not numbers when its place is unknown.
        capacity: points for its room.
        status: points for being open.
        confirmed: day on which somebody confirmed its record, as an ordinal, or `UNKNOWN`.
        seen: last day of the period in which it was seen, or `UNKNOWN`.
    """

    open: Bools
    ended: Bools
    campus: Places
    by_campus: Places
    campus_starts: Places
    hub: NDArray[np.str_]
    themes: Members
    sectors: Members
    transformations: Members
    services: Members
    sizes: Members
    languages: Members
    trl_min: Places
    trl_max: Places
    trl_known: Bools
    point: Doubles
    capacity: Doubles
    status: Doubles
    confirmed: Places
    seen: Places


def columns_of(states: Sequence[FieldlabState], points: Sequence[tuple[float, float] | None]) -> Columns:
    """Return the columns of fieldlabs.

    Args:
        states: in the catalogue's order.
        points: latitude and longitude of each, in degrees; None when its place is unknown.
    """
    numbers: dict[str, int] = {}
    campus = np.array([numbers.setdefault(campus_of(state), len(numbers)) for state in states], dtype=np.int64)
    by_campus = np.argsort(campus, kind="stable")
    return Columns(
        open=np.array([hard_rule(state) is None for state in states], dtype=bool),
        ended=np.array([state.status == "ended" for state in states], dtype=bool),
        campus=campus,
        by_campus=by_campus,
        campus_starts=np.searchsorted(campus[by_campus], np.arange(len(numbers))),
        hub=np.array([state.hub for state in states], dtype=np.str_),
        themes=_members([state.themes for state in states]),
        sectors=_members([state.sectors for state in states]),
        transformations=_members([state.transformations for state in states]),
        services=_members([state.services for state in states]),
        sizes=_members([state.company_sizes for state in states]),
        languages=_members([state.languages for state in states]),
        trl_min=np.array([state.trl_min or 1 for state in states], dtype=np.int64),
        trl_max=np.array([state.trl_max or 9 for state in states], dtype=np.int64),
        trl_known=np.array([state.trl_min is not None or state.trl_max is not None for state in states], dtype=bool),
        point=np.array([on_globe(*point) if point else (np.nan,) * 3 for point in points]).reshape(-1, 3),
        capacity=np.array([CAPACITY[state.capacity] for state in states], dtype=float),
        status=np.array([STATUS.get(state.status, 0.0) for state in states], dtype=float),
        confirmed=_ordinals([state.confirmed.on if state.confirmed else None for state in states]),
        seen=_ordinals([state.status_as_of for state in states]),
    )


def _members(named: Sequence[Collection[str]]) -> Members:
    by_key: dict[str, Bools] = {}
    for i, keys in enumerate(named):
        for key in keys:
            by_key.setdefault(key, np.zeros(len(named), dtype=bool))[i] = True
    return Members(len(named), np.array([bool(keys) for keys in named], dtype=bool), by_key)


def _ordinals(days: Sequence[str | None]) -> Places:
    last = [last_day_of(day) for day in days]
    return np.array([UNKNOWN if day is None else day.toordinal() for day in last], dtype=np.int64)
