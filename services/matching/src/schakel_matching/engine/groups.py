"""Scores that belong to owners: the best of each owner's own, for all owners at once."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Places = NDArray[np.int64]


class Groups:
    """Which scores belong to whom: places in an array of scores, per owner; an owner may have none."""

    def __init__(self, places: Sequence[Sequence[int]]) -> None:
        self._counts = np.array([len(own) for own in places], dtype=np.int64)
        # Every owner has a row of the same width; what is not there points behind the last score.
        self._rows = np.full((len(places), int(self._counts.max(initial=1))), -1, dtype=np.int64)
        for row, own in zip(self._rows, places, strict=True):
            row[: len(own)] = own

    def mean_top(self, scores: NDArray[np.floating], many: int) -> Doubles:
        """Return, per owner, the mean of its highest scores; 0 without any."""
        top = np.sort(self._spread(scores), axis=1)[:, -many:]
        counted = np.minimum(self._counts, many)
        top[np.isneginf(top)] = 0
        return np.asarray(top.sum(axis=1) / np.maximum(counted, 1).astype(scores.dtype), dtype=np.float64)

    def closest(self, scores: NDArray[np.floating]) -> Places:
        """Return, per owner, which of its own scores is the highest."""
        return np.asarray(self._spread(scores).argmax(axis=1), dtype=np.int64)

    def part(self, owners: Places) -> tuple[Places, "Groups"]:
        """Return the places of the scores of some owners, and the same groups for those scores alone."""
        rows = self._rows[owners]
        there = rows >= 0
        numbers = np.where(there, np.cumsum(there).reshape(rows.shape) - 1, -1)
        found = Groups(())
        found._counts, found._rows = self._counts[owners], numbers
        return rows[there], found

    def _spread(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.append(scores, scores.dtype.type(-np.inf))[self._rows]


def in_a_row(lengths: Sequence[int]) -> Groups:
    """Return the groups of scores that stand behind each other, of so many per owner."""
    ends = np.cumsum([0, *lengths]).tolist()
    return Groups([range(start, end) for start, end in itertools.pairwise(ends)])
