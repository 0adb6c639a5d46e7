"""Scores that belong to owners: the best of each owner's own, for all owners at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Places = NDArray[np.int64]


class Groups:
    """Which scores belong to whom: places in an array of scores, per owner.

    Args:
        places: of each owner, who may have none.
        shared: so many scores at the start belong to any number of owners; those behind them to one each.
    """

    def __init__(self, places: Sequence[Sequence[int]], shared: int = 0) -> None:
        self._shared = shared
        self._counts = np.array([len(own) for own in places], dtype=np.int64)
        # Every owner has a column of the same height, because numpy sorts many short columns at once faster than as
        # many rows; what is not there points behind the last score.
        rows = np.full((len(places), int(self._counts.max(initial=1))), -1, dtype=np.int64)
        for row, own in zip(rows, places, strict=True):
            row[: len(own)] = own
        self._columns = np.ascontiguousarray(rows.T)

    def mean_top(self, scores: NDArray[np.floating], many: int) -> Doubles:
        """Return, per owner, the mean of its highest scores; 0 without any."""
        found = self._spread(scores)
        found.sort(axis=0)
        top = found[-many:]
        there = self._counts >= np.arange(len(top), 0, -1)[:, None]
        counted = np.minimum(np.maximum(self._counts, 1), many).astype(scores.dtype)
        return np.asarray(np.where(there, top, 0).sum(axis=0) / counted, dtype=np.float64)

    def closest(self, scores: NDArray[np.floating]) -> Places:
        """Return, per owner, which of its own scores is the highest."""
        return np.asarray(self._spread(scores).argmax(axis=0), dtype=np.int64)

    def part(self, owners: Places) -> tuple[Places, "Groups"]:
        """Return which scores some owners have, counted from the first that is not shared, and their own groups.

        In these groups the scores stand behind the shared ones, in the order in which they are returned.
        """
        rows = self._columns[:, owners].T
        own = rows >= self._shared
        found = Groups((), self._shared)
        found._counts = self._counts[owners]
        numbers = np.where(own, self._shared - 1 + np.cumsum(own).reshape(rows.shape), rows)
        found._columns = np.ascontiguousarray(numbers.T)
        return rows[own] - self._shared, found

    def _spread(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.append(scores, scores.dtype.type(-np.inf)).take(self._columns, mode="wrap")
