"""The needs in one text: where it is cut, and each need read by itself."""

import itertools
from collections.abc import Sequence
from typing import Final

import msgspec

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.cutting import cuts_of, pieces_at
from schakel_matching.engine.reading import Reading, read, read_all, read_words, sensed
from schakel_matching.engine.slate import Need

_NEEDS_MAX: Final = 5


class Piece(msgspec.Struct, frozen=True):
    """One need: its id (``n1``, ``n2``, ...) and its text, read by itself."""

    id: str
    reading: Reading


def pieces_of(catalogue: Catalogue, need: Need, *, cuts: bool = True) -> tuple[Piece, ...]:
    """Return the needs in a text, in its order; a text with one need is read as a whole.

    Args:
        catalogue: what it is read against.
        need: with the company's own cutting, if it told one.
        cuts: whether it is cut where the company did not.
    """
    if need.told.needs:
        return _numbered(read_all(catalogue, [_only(need, quote) for quote in need.told.needs]))
    places = cuts_of(need.text)[: _NEEDS_MAX - 1] if cuts else []
    if not places:
        return _numbered([read(catalogue, need)])
    readings = _words(catalogue, need, places)
    # A piece with a technology is a need without asking what it means: only the others are encoded to find the cuts.
    readings = sensed(catalogue, readings, doubtful=True)
    kept = [cut for cut, two in zip(places, itertools.pairwise(readings), strict=True) if _two(catalogue, *two)]
    if len(kept) < len(places):
        readings = _words(catalogue, need, kept)
    return _numbered(sensed(catalogue, readings))


def _words(catalogue: Catalogue, need: Need, cuts: list[tuple[int, int]]) -> list[Reading]:
    return [read_words(catalogue, _only(need, quote)) for quote in pieces_at(need.text, cuts)]


def _numbered(readings: Sequence[Reading]) -> tuple[Piece, ...]:
    return tuple(Piece(f"n{at}", reading) for at, reading in enumerate(readings, start=1))


def _only(need: Need, quote: str) -> Need:
    return msgspec.structs.replace(need, text=quote)


def _two(catalogue: Catalogue, before: Reading, after: Reading) -> bool:
    """Return whether two pieces next to each other are two needs: each says something of its own."""
    return _stands(catalogue, before) and _stands(catalogue, after)


def _stands(catalogue: Catalogue, reading: Reading) -> bool:
    if reading.concepts or reading.sense is None:
        return bool(reading.concepts)
    return catalogue.meaning is not None and catalogue.meaning.stands(reading.sense)
