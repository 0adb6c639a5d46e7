"""Ten thousand fieldlabs that do not exist, for measuring: sentences, facilities and facts of the register, recombined.

Their pieces have the real vectors of both encoders. A whole text, new for each, gets the mean of the vectors of the
pieces in it: encoding twenty thousand texts takes half an hour and changes no time of an answer.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec
import numpy as np

from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.ids import register_id
from schakel_matching.engine.catalogue import Lab
from schakel_matching.engine.encoders import Floats, Kind, TextEncoder
from schakel_matching.reference_data import ReferenceData

SEED: Final = 4
_SENTENCES: Final = (3, 6)


def many(register: Sequence[FieldlabState], reference: ReferenceData, count: int) -> list[FieldlabState]:
    """Return fieldlabs of which each draws its texts, technologies, facts and place from several of the register's."""
    random = Random(SEED)
    labs = [Lab(state, reference.places) for state in register if state.published]
    return [_made(random, labs, i) for i in range(count)]


def pieces_of(register: Sequence[FieldlabState], reference: ReferenceData) -> list[str]:
    """Return the sentences and facilities that the fieldlabs are made of."""
    labs = [Lab(state, reference.places) for state in register if state.published]
    return list(dict.fromkeys(piece for lab in labs for own in lab.sentences.values() for piece, _ in own))


def _made(random: Random, labs: Sequence[Lab], i: int) -> FieldlabState:
    one, other = random.sample(labs, 2)
    facts = random.choice(labs).state
    slug = f"made-{i:05}"
    return msgspec.structs.replace(
        one.state,
        id=register_id("fieldlab", slug),
        slug=slug,
        description_nl=_text(random, labs, "nl"),
        description_en=_text(random, labs, "en"),
        facilities=[*one.state.facilities[:2], *other.state.facilities[:2]],
        themes=sorted({*one.state.themes[:3], *other.state.themes[:3]}),
        sectors=facts.sectors,
        services=facts.services,
        transformations=facts.transformations,
        status=facts.status if facts.status != "ended" else "active",
    )


def _text(random: Random, labs: Sequence[Lab], language: str) -> str:
    drawn = random.sample(labs, random.randint(*_SENTENCES))
    return " ".join(random.choice(lab.sentences[language])[0] for lab in drawn)


class Composed:
    """An encoder that gives a text without a vector of its own the mean of those of the pieces that stand in it."""

    def __init__(self, encoder: TextEncoder, pieces: Sequence[str], own: Sequence[str]) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._vectors = dict(zip(pieces, encoder.encode(list(pieces), "passage"), strict=True))
        self._own = {*pieces, *own}

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """Return one row per text; needs, and texts with a vector of their own, by the real encoder."""
        if kind == "query":
            return self._encoder.encode(texts, kind)
        inside = [[] if text in self._own else [p for p in self._vectors if p in text] for text in texts]
        real = [text for text, found in zip(texts, inside, strict=True) if not found]
        encoded = iter(self._encoder.encode(real, kind) if real else ())
        rows = [np.sum([self._vectors[p] for p in found], axis=0) if found else next(encoded) for found in inside]
        stacked = np.array(rows, dtype=np.float32)
        return np.asarray(stacked / np.linalg.norm(stacked, axis=1, keepdims=True), dtype=np.float32)
