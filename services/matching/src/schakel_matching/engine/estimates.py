"""The points of all fieldlabs at once: who can still be in the answer, before anybody gets its reasons.

The same arithmetic as the parts themselves (``parts.py``, ``facts.py``); the sums differ by rounding alone, and a test
holds every column against the part that it stands for.
"""

from datetime import date
from typing import Final

import msgspec
import numpy as np

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.columns import UNKNOWN, Bools, Columns, Doubles, Members
from schakel_matching.engine.fit import fitting
from schakel_matching.engine.parts import technology_points, text_points
from schakel_matching.engine.places import EARTH_KM, on_globe
from schakel_matching.engine.ranges import (
    DISTANCE_KM,
    PER_LEVEL,
    RANGES,
    RECENT_DAYS,
    TWO_YEARS_DAYS,
    YEAR_DAYS,
    Model,
)
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Need, PartName

ROUNDING: Final = 1e-6
"""Sums that lie closer than this may stand in either order until they are summed exactly."""


class Estimate(msgspec.Struct, frozen=True):
    """A need against every fieldlab of a catalogue, one value each.

    Attributes:
        parts: points by name, of the parts that the model has.
        scores: their sum, up to `ROUNDING`.
        fits: whether it answers the need.
    """

    parts: dict[PartName, Doubles]
    scores: Doubles
    fits: Bools


def estimated(reading: Reading, catalogue: Catalogue, today: date, model: Model) -> Estimate:
    """Return the points of every fieldlab for a need."""
    columns, need = catalogue.columns, reading.need
    every: dict[PartName, Doubles] = {
        "text": text_points(reading),
        "technology": technology_points(reading, catalogue),
        "sector": _named("sector", columns.sectors, [need.sbi_division] if need.sbi_division is not None else []),
        "transformation": _named("transformation", columns.transformations, list(reading.transformations)),
        "service": _named("service", columns.services, [reading.service.service] if reading.service else []),
        "trl": _trl(need.told.trl, columns),
        "size": _named("size", columns.sizes, [need.told.size] if need.told.size != "unknown" else []),
        "distance": _distance(need, catalogue),
        "language": _named("language", columns.languages, [need.language]),
        "capacity": columns.capacity,
        "status": columns.status,
        "freshness": _freshness(columns, today),
    }
    parts = {name: points for name, points in every.items() if name in model.parts}
    fits = fitting(reading, catalogue, calibrated=model.calibrated)
    return Estimate(parts, np.asarray(sum(parts.values(), start=np.zeros(len(catalogue.labs)))), fits)


def estimated_again(before: Estimate, reading: Reading, catalogue: Catalogue, model: Model) -> Estimate:
    """Return the estimate after more fieldlabs were read by their pieces: only text and fit change."""
    text = text_points(reading)
    scores = before.scores - before.parts["text"] + text
    return Estimate({**before.parts, "text": text}, scores, fitting(reading, catalogue, calibrated=model.calibrated))


def _named(part: PartName, members: Members, asked: list[str]) -> Doubles:
    """Return the highest points for who names what is asked, the lowest for who names others only, else 0."""
    if not asked:
        return np.zeros(members.size)
    low, high = RANGES[part]
    return np.where(members.having(asked), high, np.where(members.named, low, 0.0))


def _trl(level: int | None, columns: Columns) -> Doubles:
    if level is None:
        return np.zeros(len(columns.trl_min))
    low, high = RANGES["trl"]
    outside = np.maximum(np.maximum(columns.trl_min - level, level - columns.trl_max), 0)
    return np.where(columns.trl_known, np.where(outside == 0, high, np.maximum(low, -PER_LEVEL * outside)), 0.0)


def _distance(need: Need, catalogue: Catalogue) -> Doubles:
    point, place = catalogue.columns.point, catalogue.places.get(need.postcode4 or "")
    if place is None:
        return np.zeros(len(point))
    chord = np.sqrt(((point - on_globe(place.latitude, place.longitude)) ** 2).sum(axis=1)) / 2
    km = 2 * EARTH_KM * np.arcsin(chord)
    low, high = RANGES["distance"]
    return np.where(np.isnan(km), 0.0, low + (high - low) * np.exp(-km / DISTANCE_KM))


def _freshness(columns: Columns, today: date) -> Doubles:
    age = today.toordinal() - columns.confirmed
    told = np.where(
        age <= RECENT_DAYS, 3.0, np.where(age <= YEAR_DAYS, 2.0, np.where(age <= TWO_YEARS_DAYS, 0.0, -2.0))
    )
    lately = (columns.seen != UNKNOWN) & (today.toordinal() - columns.seen <= TWO_YEARS_DAYS)
    return np.asarray(np.where(columns.confirmed != UNKNOWN, told, np.where(lately, -1.0, -3.0)))
