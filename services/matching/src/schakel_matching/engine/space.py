"""The space where texts of two languages are compared: centred per language, and turned by pairs that belong together.

Vectors are centred per language (``centres.npz``: the mean of texts that are no fieldlab and no test), because an
encoder puts texts of one language together whatever they say.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import msgspec
import numpy as np

from schakel_matching.engine.encoders import Floats, Kind

LANGUAGES: Final = ("nl", "en")
Measured = tuple[float, float]
"""Mean and spread."""
SpaceName = Literal["centred", "aligned", "kindred"]


class Space(msgspec.Struct, frozen=True):
    """Where texts of two languages are compared: how vectors are turned, and what is measured there.

    Attributes:
        turns: per encoder, the matrix of ``centres.npz`` by which its vectors are turned so that texts that belong
            together come together (``evaluation/make_vectors.py``); an encoder without one is only centred.
        small_start: whether a need is encoded without the capital of its first word.
        weights: of the encoders, by short name.
        measured: per encoder, of the closeness of a need to whole texts, best sentences and technologies.
        need_from: closeness from which a piece of a text without a technology is a need of its own; chosen on the
            judged set.
    """

    turns: dict[str, str]
    small_start: bool
    weights: dict[str, float]
    measured: dict[str, tuple[Measured, Measured, Measured]]
    need_from: float

    def asked(self, texts: Sequence[str]) -> list[str]:
        """Return needs as they are encoded."""
        return [small_start(text) if self.small_start else text for text in texts]

    def vectors(self, encoder: str, kind: Kind, language: str, encoded: Floats) -> Floats:
        """Return what an encoder made of texts of one language as it is compared: rows of length 1.

        Args:
            encoder: ``e5`` or ``use``.
            kind: of the texts.
            language: of the texts, ``nl`` or ``en``.
            encoded: one row per text.
        """
        rows = centred(encoder, kind, language, encoded)
        turn = self.turns.get(encoder)
        return _unit(rows @ _centres()[turn]) if turn else rows


CENTRED: Final = Space(
    turns={},
    small_start=False,
    weights={"e5": 0.6, "use": 0.4},
    measured={
        "e5": ((-0.012, 0.066), (0.050, 0.058), (0.099, 0.064)),
        "use": ((0.013, 0.074), (0.061, 0.062), (0.106, 0.100)),
    },
    need_from=0.85,
)
"""The space of the models before, and of needs that are compared with each other (``bundles.py``)."""
ALIGNED: Final = Space(
    turns={"e5": "e5_alignment"},
    small_start=False,
    weights={"e5": 0.7, "use": 0.3},
    measured={
        "e5": ((-0.019, 0.077), (0.054, 0.069), (0.117, 0.075)),
        "use": ((0.013, 0.074), (0.061, 0.062), (0.106, 0.100)),
    },
    need_from=0.75,
)
"""The space of ``additive-3.0.1``: translations say which directions of e5 count (ADR 33)."""
KINDRED: Final = Space(
    turns={"e5": "e5_kinship", "use": "use_kinship"},
    small_start=True,
    weights={"e5": 0.7, "use": 0.3},
    measured={
        "e5": ((-0.004, 0.073), (0.051, 0.065), (0.106, 0.073)),
        "use": ((0.008, 0.076), (0.062, 0.065), (0.114, 0.091)),
    },
    need_from=0.75,
)
"""The space of the present model: translations and relatives say which directions of both encoders count (ADR 54)."""
SPACES: Final[Mapping[SpaceName, Space]] = MappingProxyType(
    {"centred": CENTRED, "aligned": ALIGNED, "kindred": KINDRED}
)


def small_start(text: str) -> str:
    """Return a text without the capital of its first word: it says where a sentence begins, not what it is about.

    Both encoders read "Straatmaker" otherwise than "straatmaker". A word of capitals (*PLC*) stays.
    """
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def centred(encoder: str, kind: Kind, language: str, vectors: Floats) -> Floats:
    """Return vectors without what is common to their language, of length 1 again.

    Args:
        encoder: ``e5`` or ``use``.
        kind: of the texts.
        language: of the texts, ``nl`` or ``en``.
        vectors: one row per text.
    """
    return _unit(vectors - _centres()[f"{encoder}_{kind}_{language}"])


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)


@cache
def _centres() -> dict[str, Floats]:
    with np.load(Path(__file__).with_name("centres.npz")) as found:
        return {name: found[name] for name in found.files}
