"""The parts of a score that come from facts: each a pure function to points within its published range.

A fact that nobody told is neutral and listed as unknown; only a record that nobody confirmed loses points.
"""

from datetime import date
from math import exp

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine import fact_sentences as sentences
from schakel_matching.engine.catalogue import Catalogue, Lab
from schakel_matching.engine.dates import last_day_of
from schakel_matching.engine.parts import Scored
from schakel_matching.engine.places import kilometres
from schakel_matching.engine.ranges import (
    CAPACITY,
    DISTANCE_KM,
    PER_LEVEL,
    RANGES,
    RECENT_DAYS,
    STATUS,
    TWO_YEARS_DAYS,
    YEAR_DAYS,
    within,
)
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Need, Part, PartName, Unknown


def fact_parts(reading: Reading, catalogue: Catalogue, lab: Lab, today: date) -> dict[PartName, Scored]:
    """Return the parts that come from facts, by name."""
    need, state = reading.need, lab.state
    return {
        "sector": sector_part(need, catalogue, state),
        "transformation": transformation_part(reading, state),
        "service": service_part(reading, state),
        "trl": trl_part(need, state),
        "size": size_part(need, state),
        "distance": distance_part(need, catalogue, lab),
        "language": language_part(need, state),
        "capacity": capacity_part(state),
        "status": status_part(state),
        "freshness": freshness_part(state, today),
    }


def sector_part(need: Need, catalogue: Catalogue, state: FieldlabState) -> Scored:
    """Whether the fieldlab names the company's SBI division among its sectors."""
    low, high = RANGES["sector"]
    division = need.sbi_division
    if division is None:
        return _unknown("sector", "company_sector")
    if not state.sectors:
        return _unknown("sector", "fieldlab_sector")
    shared = division in state.sectors
    name = catalogue.sectors.get(division, (division, division))
    text_nl, text_en = sentences.sector(name, shared=shared)
    return Part(name="sector", value=high if shared else low, text_nl=text_nl, text_en=text_en), ()


def transformation_part(reading: Reading, state: FieldlabState) -> Scored:
    """Whether the fieldlab works on the change that the technologies asked belong to."""
    asked = reading.transformations
    if not asked:
        return _unknown("transformation", "company_transformation")
    if not state.transformations:
        return _unknown("transformation", "fieldlab_transformation")
    shared = [key for key in asked if key in state.transformations]
    low, high = RANGES["transformation"]
    text_nl, text_en = sentences.transformation(shared or list(asked)[:1], shared=bool(shared))
    value = high if shared else low
    return Part(name="transformation", value=value, text_nl=text_nl, text_en=text_en), ()


def service_part(reading: Reading, state: FieldlabState) -> Scored:
    """Whether the fieldlab offers the service that the company wants; told, or read from its words."""
    wanted = reading.service
    if wanted is None:
        return _unknown("service", "company_service")
    if not state.services:
        return _unknown("service", "fieldlab_service")
    shared = wanted.service in state.services
    low, high = RANGES["service"]
    text_nl, text_en = sentences.service(wanted.service, wanted.span, shared=shared)
    evidence = (wanted.span,) if wanted.span else ()
    value = high if shared else low
    return Part(name="service", value=value, text_nl=text_nl, text_en=text_en, evidence=evidence), ()


def trl_part(need: Need, state: FieldlabState) -> Scored:
    """Whether what the company brings is as ready as the fieldlab takes it."""
    level = need.told.trl
    if level is None:
        return _unknown("trl", "company_trl")
    if state.trl_min is None and state.trl_max is None:
        return _unknown("trl", "fieldlab_trl")
    low, high = state.trl_min or 1, state.trl_max or 9
    outside = max(low - level, level - high, 0)
    value = within("trl", RANGES["trl"][1] if not outside else -PER_LEVEL * outside)
    text_nl, text_en = sentences.trl(level, low, high)
    return Part(name="trl", value=value, text_nl=text_nl, text_en=text_en), ()


def size_part(need: Need, state: FieldlabState) -> Scored:
    """Whether the fieldlab says that it works for companies of this size."""
    size = need.told.size
    if size == "unknown":
        return _unknown("size", "company_size")
    if not state.company_sizes:
        return _unknown("size", "fieldlab_size")
    low, high = RANGES["size"]
    shared = size in state.company_sizes
    text_nl, text_en = sentences.size(size, shared=shared)
    return Part(name="size", value=high if shared else low, text_nl=text_nl, text_en=text_en), ()


def language_part(need: Need, state: FieldlabState) -> Scored:
    """Whether the fieldlab speaks the company's language."""
    if not state.languages:
        return _unknown("language", "fieldlab_language")
    low, high = RANGES["language"]
    spoken = need.language in state.languages
    text_nl, text_en = sentences.language(need.language, shared=spoken)
    return Part(name="language", value=high if spoken else low, text_nl=text_nl, text_en=text_en), ()


def capacity_part(state: FieldlabState) -> Scored:
    """Whether it has room now; full is explained, not hidden."""
    unknown: tuple[Unknown, ...] = ("capacity",) if state.capacity == "unknown" else ()
    text_nl, text_en = sentences.capacity(state.capacity)
    value = within("capacity", CAPACITY[state.capacity])
    return Part(name="capacity", value=value, text_nl=text_nl, text_en=text_en), unknown


def distance_part(need: Need, catalogue: Catalogue, lab: Lab) -> Scored:
    """Near helps: from +5 next door, 0 at 42 km, towards -5 far away."""
    place = catalogue.places.get(need.postcode4 or "")
    if place is None or lab.point is None:
        missing: Unknown = "company_place" if place is None else "fieldlab_place"
        return _unknown("distance", missing)
    km = kilometres(place.latitude, place.longitude, *lab.point)
    low, high = RANGES["distance"]
    value = within("distance", low + (high - low) * exp(-km / DISTANCE_KM))
    text_nl, text_en = sentences.distance(km, lab.state.place)
    return Part(name="distance", value=value, text_nl=text_nl, text_en=text_en), ()


def status_part(state: FieldlabState) -> Scored:
    """Whether it works now; not known is neutral."""
    unknown: tuple[Unknown, ...] = ("status",) if state.status == "unknown" else ()
    text_nl, text_en = sentences.status(state.status)
    value = within("status", STATUS.get(state.status, 0.0))
    return Part(name="status", value=value, text_nl=text_nl, text_en=text_en), unknown


def freshness_part(state: FieldlabState, today: date) -> Scored:
    """How lately somebody said that the record is right; the one part that a missing fact costs points."""
    if state.confirmed is not None:
        age = (today - date.fromisoformat(state.confirmed.on)).days
        value = 3.0 if age <= RECENT_DAYS else 2.0 if age <= YEAR_DAYS else 0.0 if age <= TWO_YEARS_DAYS else -2.0
        text_nl, text_en = sentences.confirmed(state.confirmed.on)
        return Part(name="freshness", value=value, text_nl=text_nl, text_en=text_en), ()
    seen = last_day_of(state.status_as_of)
    value = -1.0 if seen is not None and (today - seen).days <= TWO_YEARS_DAYS else -3.0
    text_nl, text_en = sentences.not_confirmed(state.status_as_of)
    return Part(name="freshness", value=value, text_nl=text_nl, text_en=text_en), ("confirmation",)


def _unknown(part: PartName, missing: Unknown) -> Scored:
    text_nl, text_en = sentences.UNKNOWN[missing]
    return Part(name=part, value=0.0, text_nl=text_nl, text_en=text_en), (missing,)
