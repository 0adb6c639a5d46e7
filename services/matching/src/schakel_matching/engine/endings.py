"""Endings: the programmes, trainings and hub of the register that serve a need better than, or beside, a fieldlab."""

from collections.abc import Iterator, Sequence
from typing import Final

from schakel_contracts.places import NATIONAL
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.elsewhere import PLACES_OF, Destination
from schakel_matching.engine.needs import Piece
from schakel_matching.engine.places import kilometres
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Ending, Need

_PER_ASK: Final = 2
_TRAININGS: Final = 2
_SHOWN: Final = 4
_GENERAL: Final = frozenset({"skills_training", "social_innovation"})
"""Technologies that every training has: they do not say which lessons are asked."""
_NEAR_KM: Final = 75.0
"""People must come again and again: a training further away than this is not named when a nearer one fits."""


def endings_of(catalogue: Catalogue, pieces: Sequence[tuple[Piece, bool]], hub: str) -> tuple[Ending, ...]:
    """Return where else to go, the surest first: at most four, and the hub when a need has no fieldlab.

    Args:
        catalogue: its destinations are those of the register.
        pieces: the needs, and whether a fieldlab fits each.
        hub: of the company's place.
    """
    found: dict[str, tuple[Destination, str, list[str]]] = {}
    for piece, _ in pieces:
        for destination, span in (
            *_programmes(catalogue, piece.reading, hub),
            *_trainings(catalogue, piece.reading, hub),
        ):
            found.setdefault(destination.slug, (destination, span, []))[2].append(piece.id)
    named = list(found.values())[:_SHOWN]
    alone = [piece for piece, fits in pieces if not fits]
    if alone:
        desk = catalogue.destination(hub) or catalogue.destination(NATIONAL)
        named += [(desk, alone[0].reading.need.text, [piece.id for piece in alone])] if desk else []
    return tuple(_ending(destination, span, needs) for destination, span, needs in named)


def _programmes(catalogue: Catalogue, reading: Reading, hub: str) -> Iterator[tuple[Destination, str]]:
    for asked in reading.elsewhere:
        places = [catalogue.destination(slug) for slug in PLACES_OF[asked.ask]]
        open_to = [place for place in places if place is not None and place.hub in {None, hub}]
        yield from ((place, asked.span) for place in open_to[:_PER_ASK])


def _trainings(catalogue: Catalogue, reading: Reading, hub: str) -> Iterator[tuple[Destination, str]]:
    """Give the trainings on the technology asked, near ones first; none when nobody wants to learn."""
    if reading.service is None or reading.service.service != "training":
        return
    asked = {concept.key: concept.strength for concept in reading.concepts if concept.key not in _GENERAL}
    fitting = []
    for training in catalogue.destinations:
        worth = sum(asked[key] for key in training.themes & asked.keys())
        if training.kind == "training" and worth:
            km = _kilometres(catalogue, reading.need, training)
            near = training.hub in {hub, NATIONAL} if km is None else km <= _NEAR_KM
            fitting.append((not near, -worth, _NEAR_KM / 2 if km is None else km, training.slug, training))
    fitting.sort(key=lambda row: row[:-1])
    named = [row for row in fitting if not row[0]] or fitting
    span = reading.service.span or reading.need.text
    yield from ((row[-1], span) for row in named[:_TRAININGS])


def _kilometres(catalogue: Catalogue, need: Need, training: Destination) -> float | None:
    here, there = catalogue.places.get(need.postcode4 or ""), catalogue.places.get(training.postcode4 or "")
    if here is None or there is None:
        return None
    return kilometres(here.latitude, here.longitude, there.latitude, there.longitude)


def _ending(destination: Destination, span: str, needs: list[str]) -> Ending:
    return Ending(
        kind=destination.kind,
        slug=destination.slug,
        name_nl=destination.name_nl,
        name_en=destination.name_en,
        url=destination.url,
        quote=span,
        reason_nl=destination.reason_nl,
        reason_en=destination.reason_en,
        needs=tuple(needs),
    )
