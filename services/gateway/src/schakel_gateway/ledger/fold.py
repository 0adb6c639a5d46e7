"""The fold: all versions of one subject in, its signed lines out. Pure; the same whatever order versions came in.

After each version that becomes known, the indicator's *profile* (what is added at which time in which cell, as far as
is known now) is compared with the profile before. The differences are the lines: an overruled line is cancelled at its
own effective time, and recorded when it was overruled. So the sum of all lines with both times at or before (asOf,
knownAt) is the profile's value there, which is the figure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from schakel_gateway.indicators import ADDITIVE_OF_KIND, Cell, Indicator
from schakel_gateway.ledger.steps import Version, by_recording, learn

Profile = dict[tuple[datetime, Cell], int]
"""Effective time and cell to what is added there."""


class Line(NamedTuple):
    """A signed line of the ledger; never of amount 0."""

    indicator: str
    cell: Cell
    effective_at: datetime
    recorded_at: datetime
    amount: int


def additive_lines(versions: Sequence[Version]) -> list[Line]:
    """Return the lines of one aggregate under all additive indicators of its kind.

    Args:
        versions: all versions known of it, in any order, without doubles.
    """
    indicators = ADDITIVE_OF_KIND.get(versions[0].kind, ()) if versions else ()
    if not indicators:
        return []
    if len(versions) == 1:  # most aggregates: nothing is overruled
        version = versions[0]
        return [
            Line(each.key, cell, at, version.recorded_at, amount)
            for each in indicators
            for (at, cell), amount in profile(each, versions).items()
        ]
    steps: list[Version] = []

    def profiles(version: Version) -> dict[str, Profile]:
        steps[:] = learn(steps, version)
        return {each.key: profile(each, steps) for each in indicators}

    return differences(by_recording(versions), profiles)


def differences(versions: Iterable[Version], profiles: Callable[[Version], dict[str, Profile]]) -> list[Line]:
    """Return the lines by which the profiles change, version by version.

    Args:
        versions: in the order in which they became known.
        profiles: called with each; the profiles by indicator key after it, the same object where nothing changed.
    """
    lines: Counter[tuple[str, Cell, datetime, datetime]] = Counter()
    before: dict[str, Profile] = {}
    for version in versions:
        after = profiles(version)
        if after is before:
            continue
        for key, new in after.items():
            old = before.get(key, {})
            if new is old or new == old:
                continue
            for (at, cell), amount in new.items():
                lines[key, cell, at, version.recorded_at] += amount - old.get((at, cell), 0)
            for (at, cell), amount in old.items():
                if (at, cell) not in new:
                    lines[key, cell, at, version.recorded_at] -= amount
        before = after
    return [Line(*where, amount) for where, amount in lines.items() if amount]


def profile(indicator: Indicator, steps: Sequence[Version]) -> Profile:
    """Return what an additive indicator adds when, given the steps of one aggregate."""
    if indicator.stock is not None:
        return _stock(indicator.stock, steps)
    if indicator.fact is None:
        return {}
    looked_at = steps if indicator.decided_by == "first" else steps[-1:]
    for step in looked_at:
        fact = indicator.fact(step)
        if fact is not None:
            return {(fact.at, fact.cell): 1}
    return {}


def _stock(cell_of: Callable[..., Cell | None], steps: Sequence[Version]) -> Profile:
    result: Profile = {}
    held: Cell | None = None
    for step in steps:
        cell = cell_of(step.state)
        if cell != held:
            if held is not None:
                result[step.effective_at, held] = -1
            if cell is not None:
                result[step.effective_at, cell] = 1
            held = cell
    return result
