"""The map: provinces as paths that were drawn once, and places put on it by latitude and longitude."""

import json
import math
from pathlib import Path
from typing import Final

from schakel_portal.settings import PACKAGE

WIDTH: Final = 300
_WEST, _EAST, _SOUTH, _NORTH = 3.31, 7.23, 50.74, 53.56
_SQUEEZE: Final = math.cos(math.radians((_SOUTH + _NORTH) / 2))
"""A degree of longitude is this much shorter than one of latitude here; good enough for a country of 300 km."""
_SCALE: Final = WIDTH / ((_EAST - _WEST) * _SQUEEZE)
HEIGHT: Final = round((_NORTH - _SOUTH) * _SCALE)
_TOLERANCE: Final = 0.45


def point(latitude: float, longitude: float) -> tuple[float, float]:
    """Return x and y on the map, in its own units."""
    return round((longitude - _WEST) * _SQUEEZE * _SCALE, 1), round((_NORTH - latitude) * _SCALE, 1)


def draw(provinces: Path) -> str:
    """Return the template part with one path per province, from the GeoJSON of Statistics Netherlands."""
    lines = ["{# Drawn by `python -m schakel_portal draw-map`; source: CBS, provinces 2023 (CC-BY-4.0). #}"]
    for feature in json.loads(provinces.read_text(encoding="utf-8"))["features"]:
        polygons = feature["geometry"]["coordinates"]
        rings = [ring for polygon in polygons for ring in polygon]
        path = "".join(_ring(ring) for ring in rings)
        lines.append(f'<path class="province" data-province="{feature["properties"]["pv_code"]}" d="{path}"/>')
    return "\n".join(lines) + "\n"


def _ring(ring: list[list[float]]) -> str:
    points = simplified([point(latitude, longitude) for longitude, latitude in ring])
    if len(points) < 4:  # noqa: PLR2004 - fewer corners than a triangle closed: nothing to see
        return ""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points[:-1]) + "Z"


def simplified(points: list[tuple[float, float]], tolerance: float = _TOLERANCE) -> list[tuple[float, float]]:
    """Return fewer points of the same shape: none that is left out lies further than the tolerance from the line.

    Ramer-Douglas-Peucker, with a stack of its own; ends are kept.
    """
    kept, stack = {0, len(points) - 1}, [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        far = max(range(first + 1, last), key=lambda i: _distance(points[i], points[first], points[last]), default=None)
        if far is not None and _distance(points[far], points[first], points[last]) > tolerance:
            kept.add(far)
            stack += [(first, far), (far, last)]
    return [points[i] for i in sorted(kept)]


def _distance(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    along = math.dist(a, b)
    if along == 0:
        return math.dist(p, a)
    return abs((b[0] - a[0]) * (a[1] - p[1]) - (a[0] - p[0]) * (b[1] - a[1])) / along


def write(provinces: Path) -> None:
    """Draw the provinces anew into the templates."""
    (PACKAGE / "templates" / "_provinces.svg").write_text(draw(provinces), encoding="utf-8")
