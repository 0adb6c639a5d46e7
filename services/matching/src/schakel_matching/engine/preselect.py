"""Which fieldlabs can be in an answer: only those get their reasons written, and none that matters is left out.

A slate shows the best few by a few rules. Every rule asks who is best by some sum among some of the fieldlabs, so per
rule the best by the estimated sum are taken, with all that come so close that rounding could put them before those.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from schakel_matching.engine.columns import Bools, Columns, Doubles, Places
from schakel_matching.engine.estimates import ROUNDING, Estimate
from schakel_matching.engine.ranges import PER_CAMPUS, SHOWN_WITHOUT_FIT
from schakel_matching.engine.reading import Reading

_READ_FIRST: Final = 192
_READ_CLOSEST: Final = 64
"""Of a large catalogue, how many are read by their pieces because of their points, and how many because of what they
mean: chosen by how often the answer is another one than that of reading all (``benchmarks/first_look.py``)."""
_WALKED: Final = 64
"""Fieldlabs that are put in order at first; four times as many each time that these are not enough."""


def candidates_of(
    needs: Sequence[Estimate], columns: Columns, *, shown: int, whole: bool, region: str | None
) -> Places:
    """Return the places in the catalogue, in its order, of those that can be in the answer to a text.

    Args:
        needs: one estimate per need in the text.
        columns: of the catalogue.
        shown: how many a slate shows at most.
        whole: whether those that do not fit are ranked too.
        region: hub of the company, when one of another region may take a place.
    """
    scores = np.max([need.scores for need in needs], axis=0)
    serves = np.any([need.fits for need in needs], axis=0)
    ranked = columns.open if whole or not (columns.open & serves).any() else columns.open & serves
    found = [
        _best(ranked, scores, shown, columns.campus),
        _best(columns.ended & serves, scores, SHOWN_WITHOUT_FIT),
    ]
    for need in needs:
        fitting = columns.open & need.fits
        found.append(_best(fitting if fitting.any() else columns.open, need.scores, SHOWN_WITHOUT_FIT))
        found += [_before(i, ranked, scores, columns.campus) for i in _best(fitting, need.scores, 1)]
    if region is not None:
        elsewhere = ranked & (columns.hub != region)
        found.append(_outside(elsewhere, ranked, scores, scores - needs[0].parts.get("distance", 0.0), columns))
    return np.unique(np.concatenate(found))


def promising(need: Estimate, reading: Reading, columns: Columns) -> Places:
    """Return who is read by its pieces first, in a catalogue that is too large to read everybody so.

    Those with the most points, and those that mean the closest: of these one may turn out to answer the need.
    """
    if reading.sense is None:
        return np.empty(0, dtype=np.int64)
    open_ = np.flatnonzero(columns.open)
    best = _highest(open_, need.scores, _READ_FIRST)
    return np.union1d(best, _highest(open_, reading.sense.absolute, _READ_CLOSEST))


def _best(among: Bools, values: Doubles, many: int, campus: Places | None = None) -> Places:
    """Return those with the highest values, and those as good as the last of them.

    Args:
        among: who takes part.
        values: by which is compared.
        many: how many are wanted.
        campus: when given, at most `PER_CAMPUS` of one campus count as wanted.
    """
    places = np.flatnonzero(among)
    counted = 0
    seen: Counter[int] = Counter()
    for i in _in_order(places, values):
        if campus is not None:
            seen[int(campus[i])] += 1
            if seen[int(campus[i])] > PER_CAMPUS:
                continue
        counted += 1
        if counted == many:
            return np.asarray(places[values[places] >= values[i] - ROUNDING])
    return places


def _highest(places: Places, values: Doubles, many: int) -> Places:
    """Return the places with the highest values, in no order."""
    return places if len(places) <= many else places[np.argpartition(values[places], -many)[-many:]]


def _in_order(places: Places, values: Doubles) -> Iterator[int]:
    """Give places from the highest value to the lowest, equal ones as they stand, sorting no more than is asked."""
    own = values[places]
    done, many = 0, _WALKED
    while done < len(places):
        first = np.arange(len(places))
        if many < len(places):
            first = np.flatnonzero(own >= np.partition(own, -many)[-many])
        ordered = first[np.argsort(-own[first], kind="stable")]
        yield from places[ordered[done:]].tolist()
        done, many = len(ordered), many * 4


def _before(i: int, ranked: Bools, scores: Doubles, campus: Places) -> Places:
    """Return a fieldlab with those of its campus that may stand before it."""
    same = _best(ranked & (campus == campus[i]), scores, PER_CAMPUS)
    return np.append(same, i)


def _outside(elsewhere: Bools, ranked: Bools, scores: Doubles, values: Doubles, columns: Columns) -> Places:
    """Return who may be the best of another region, with those of its campus that may stand before it.

    The best of each campus has a place of it, unless more than `PER_CAMPUS` are equally good; who may have one as well
    comes no lower than the second.
    """
    at, starts = columns.by_campus, columns.campus_starts
    if not elsewhere.any():
        return np.empty(0, dtype=np.int64)
    own = np.where(ranked, scores, -np.inf)[at]
    best = np.maximum.reduceat(own, starts)
    as_good = own >= np.repeat(best, np.diff(starts, append=len(own))) - ROUNDING
    second = np.maximum.reduceat(np.where(as_good, -np.inf, own), starts)
    sure = np.add.reduceat(as_good, starts, dtype=np.int64) <= PER_CAMPUS
    campus = columns.campus
    surely = elsewhere & sure[campus] & (scores >= best[campus] - ROUNDING)
    enough = values[surely].max(initial=-np.inf) - ROUNDING
    possibly = ranked & (scores >= second[campus] - ROUNDING)
    found = np.unique(campus[elsewhere & possibly & (values >= enough)])
    return np.flatnonzero(possibly & np.isin(campus, found))
