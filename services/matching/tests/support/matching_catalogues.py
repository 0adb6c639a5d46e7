"""Small catalogues of their own, for promises that need no register."""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np

from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.ids import register_id
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.encoders import Floats, Kind, TextEncoder
from schakel_matching.engine.slate import Match, Part
from schakel_matching.engine.words import tokens_of
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


class WordEncoder:
    """Encodes a text as the sum of a vector by chance per word: thousands of new texts in the time of one real one.

    Args:
        name: of the encoder in whose place it stands; its measured scale is used.
        size: numbers of a vector.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._size = size
        self._known: dict[str, Floats] = {}

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:  # noqa: ARG002  words are the same in both
        """Return one row per text."""
        rows = np.zeros((len(texts), self._size), dtype=np.float32)
        for i, text in enumerate(texts):
            for token in tokens_of(text):
                rows[i] += self._vector(token.stem)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)

    def _vector(self, stem: str) -> Floats:
        if stem not in self._known:
            drawn = np.random.default_rng(crc32(stem.encode())).standard_normal(self._size)
            self._known[stem] = drawn.astype(np.float32)
        return self._known[stem]


WORD_ENCODERS: Final[tuple[TextEncoder, TextEncoder]] = (WordEncoder("e5-words", 384), WordEncoder("use-words", 512))
