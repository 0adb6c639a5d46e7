"""The space where texts of two languages are compared: centred per language, and turned by pairs of translations.

Vectors are centred per language (``centres.npz``: the mean of texts that are no fieldlab and no test), because an
encoder puts texts of one language together whatever they say.
"""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from schakel_matching.engine.encoders import Floats, Kind

LANGUAGES: Final = ("nl", "en")
Measured = tuple[float, float]
"""Mean and spread."""


class Space(msgspec.Struct, frozen=True):
    """Where texts of two languages are compared: how vectors are turned, and what is measured there.

    Attributes:
        aligned: whether e5's vectors are turned so that translations come together (``evaluation/make_vectors.py``).
        weights: of the encoders, by short name.
        measured: per encoder, of the closeness of a need to whole texts, best sentences and technologies.
        need_from: closeness from which a piece of a text without a technology is a need of its own; chosen on the
            judged set.
    """

    aligned: bool
    weights: dict[str, float]
    measured: dict[str, tuple[Measured, Measured, Measured]]
    need_from: float

    def vectors(self, encoder: str, kind: Kind, language: str, encoded: Floats) -> Floats:
        """Return what an encoder made of texts of one language as it is compared: rows of length 1.

        Args:
            encoder: ``e5`` or ``use``.
            kind: of the texts.
            language: of the texts, ``nl`` or ``en``.
            encoded: one row per text.
        """
        rows = centred(encoder, kind, language, encoded)
        return _unit(rows @ _centres()["e5_alignment"]) if self.aligned and encoder == "e5" else rows


CENTRED: Final = Space(
    aligned=False,
    weights={"e5": 0.6, "use": 0.4},
    measured={
        "e5": ((-0.012, 0.066), (0.050, 0.058), (0.099, 0.064)),
        "use": ((0.013, 0.074), (0.061, 0.062), (0.106, 0.100)),
    },
    need_from=0.85,
)
"""The space of the models before, and of needs that are compared with each other (``bundles.py``)."""
ALIGNED: Final = Space(
    aligned=True,
    weights={"e5": 0.7, "use": 0.3},
    measured={
        "e5": ((-0.019, 0.077), (0.054, 0.069), (0.117, 0.075)),
        "use": ((0.013, 0.074), (0.061, 0.062), (0.106, 0.100)),
    },
    need_from=0.75,
)


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
