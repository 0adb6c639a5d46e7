"""Small catalogues of their own, for promises that need no register."""

from typing import Any

from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.ids import register_id
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.slate import Match, Part
from schakel_matching.reference_data import ReferenceData


def fieldlab(slug: str, **facts: Any) -> FieldlabState:
    """Return a fieldlab for robot welding without a place, unless the facts say otherwise."""
    defaults: dict[str, Any] = {
        "id": register_id("fieldlab", slug),
        "slug": slug,
        "name": slug.title(),
        "kind": "fieldlab",
        "hub": "oost",
        "status": "active",
        "recognition": Recognition(status="recognised"),
        "published": True,
        "description_nl": "Hier proberen bedrijven een lasrobot uit. Ook kleine series kunnen.",
        "description_en": "Companies try out a welding robot here. Small series are possible too.",
        "themes": ["robot_welding"],
    }
    return FieldlabState(**{**defaults, **facts})


def catalogue(reference: ReferenceData, *states: FieldlabState) -> Catalogue:
    """Return a catalogue that compares by words and technologies only."""
    return Catalogue(states, reference.vocabulary, reference.places, reference.sectors)


def part(match: Match, name: str) -> Part:
    """Return a part of a match by its name."""
    return next(p for p in match.parts if p.name == name)
