"""Points as they are shown: whole numbers that still add up."""

import math
from collections.abc import Mapping
from typing import Any


def points_of(match: Mapping[str, Any]) -> list[int]:
    """Return the parts of a match as whole points whose sum is the rounded score (largest remainders get the rest)."""
    values = [float(part["value"]) for part in match["parts"]]
    points = [math.floor(value) for value in values]
    missing = round(float(match["score"])) - sum(points)
    order = sorted(range(len(values)), key=lambda i: values[i] - points[i], reverse=missing > 0)
    for i in order[: abs(missing)]:
        points[i] += 1 if missing > 0 else -1
    return points
