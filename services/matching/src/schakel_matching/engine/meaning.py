"""What a need means: its closeness to every fieldlab and technology by the two sentence encoders, fused by score.

Vectors are centred per language (``centres.npz``: the mean of texts that are no fieldlab and no test), because an
encoder puts texts of one language together whatever they say. Scores are standardised before they are added: over the
catalogue when it is large enough to have a spread, else by what was measured on the register.
"""

import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schakel_matching.engine.encoders import Floats, Kind, Remembering, TextEncoder

LANGUAGES: Final = ("nl", "en")
_ENOUGH: Final = 20
"""Fieldlabs from which the spread over the catalogue says more than the measured one."""
_SENTENCES: Final = 3
_READ_MAX: Final = 5_000
"""Characters of a need that are encoded: what the service takes at most."""
_PHRASES: Final = 2
_THEMES: Final = 2
_SPREAD_OF_SUM: Final = 1.73
_MEASURED_THEMES: Final = (0.27, 0.93)

Doubles = NDArray[np.float64]
Measured = tuple[float, float]
"""Mean and spread."""


class Space(msgspec.Struct, frozen=True):
    """Where texts of two languages are compared: how vectors are turned, and what is measured there.

    Attributes:
        aligned: whether e5's vectors are turned so that translations come together (``evaluation/make_vectors.py``).
        weights: of the encoders, by short name.
        measured: per encoder, of the closeness of a need to whole texts, best sentences and technologies.
    """

    aligned: bool
    weights: dict[str, float]
    measured: dict[str, tuple[Measured, Measured, Measured]]

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
)
"""The space of the models before, and of needs that are compared with each other (``bundles.py``)."""
ALIGNED: Final = Space(
    aligned=True,
    weights={"e5": 0.7, "use": 0.3},
    measured={
        "e5": ((-0.019, 0.077), (0.054, 0.069), (0.117, 0.075)),
        "use": ((0.013, 0.074), (0.061, 0.062), (0.106, 0.100)),
    },
)


class LabTexts(msgspec.Struct, frozen=True):
    """What of one fieldlab is compared, per language: the whole, its pieces (quotable ones first), its technologies."""

    whole: dict[str, str]
    pieces: dict[str, tuple[str, ...]]
    themes: tuple[str, ...]


class Sense(msgspec.Struct, frozen=True):
    """A need against a catalogue, one number per fieldlab.

    Attributes:
        text: closeness of the texts, standardised over the catalogue.
        technology: closeness to the fieldlab's own technologies, standardised over the catalogue.
        absolute: closeness of texts and technologies by the measured scale: comparable between needs.
        themes: per technology key, how close the need is, by the measured scale.
        best: per language and fieldlab, the place of its closest piece.
    """

    text: Doubles
    technology: Doubles
    absolute: Doubles
    themes: dict[str, float]
    best: dict[str, NDArray[np.int64]]


class _Side(msgspec.Struct, frozen=True):
    """The vectors of one encoder."""

    encoder: TextEncoder
    short: str
    whole: dict[str, Floats]
    pieces: dict[str, Floats]
    phrases: Floats


class _Groups:
    """Which scores belong to whom: places in an array of scores, per owner; an owner may have none."""

    def __init__(self, places: Sequence[Sequence[int]]) -> None:
        self._counts = np.array([len(own) for own in places], dtype=np.int64)
        # Every owner has a row of the same width; what is not there points behind the last score.
        self._rows = np.full((len(places), int(self._counts.max(initial=1))), -1, dtype=np.int64)
        for row, own in zip(self._rows, places, strict=True):
            row[: len(own)] = own

    def mean_top(self, scores: NDArray[np.floating], many: int) -> Doubles:
        """Return, per owner, the mean of its highest scores; 0 without any."""
        top = np.sort(self._spread(scores), axis=1)[:, -many:]
        counted = np.minimum(self._counts, many)
        top[np.isneginf(top)] = 0
        return np.asarray(top.sum(axis=1) / np.maximum(counted, 1).astype(scores.dtype), dtype=np.float64)

    def closest(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return, per owner, which of its own scores is the highest."""
        return np.asarray(self._spread(scores).argmax(axis=1), dtype=np.int64)

    def _spread(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.append(scores, scores.dtype.type(-np.inf))[self._rows]


class Meaning:
    """A catalogue in vectors. Immutable after construction.

    Args:
        encoders: e5, then the universal sentence encoder.
        labs: in the catalogue's order.
        phrases: technology key to what it is called, per language.
        space: where vectors are compared.
    """

    def __init__(
        self,
        encoders: tuple[TextEncoder, TextEncoder],
        labs: Sequence[LabTexts],
        phrases: dict[str, dict[str, tuple[str, ...]]],
        space: Space = ALIGNED,
    ) -> None:
        self._labs = labs
        self._space = space
        self._keys = list(phrases)
        self._pieces_of = {
            language: _Groups(_in_a_row([len(lab.pieces[language]) for lab in labs])) for language in LANGUAGES
        }
        flat = [(k, language, p) for k, found in phrases.items() for language in LANGUAGES for p in found[language]]
        owners = [self._keys.index(key) for key, _, _ in flat]
        self._phrases_of = _Groups([np.flatnonzero(np.array(owners) == i).tolist() for i in range(len(self._keys))])
        self._sides = [_side(encoder, labs, flat, space) for encoder in encoders]
        places = {key: i for i, key in enumerate(self._keys)}
        self._themes_of = _Groups([[places[theme] for theme in lab.themes if theme in places] for lab in labs])

    def read(self, texts: Sequence[str], language: str) -> list[Sense]:
        """Return, for each text, how close it is to every fieldlab; all are encoded in one call.

        Of a text longer than the service takes, the beginning counts.
        """
        if not texts:
            return []
        texts = [text[:_READ_MAX] for text in texts]
        asked = [
            self._space.vectors(side.short, "query", language, side.encoder.encode(texts, "query"))
            for side in self._sides
        ]
        return [self._sense(queries) for queries in zip(*asked, strict=True)]

    def _sense(self, queries: Sequence[Floats]) -> Sense:
        size = len(self._labs)
        texts, absolute = np.zeros(size), np.zeros(size)
        closest = np.zeros(len(self._keys))
        best: dict[str, NDArray[np.int64]] = {}
        for side, query in zip(self._sides, queries, strict=True):
            weight = self._space.weights[side.short]
            whole = np.mean([side.whole[spoken] @ query for spoken in LANGUAGES], axis=0)
            piece = np.zeros(size)
            for spoken in LANGUAGES:
                scores = side.pieces[spoken] @ query
                piece += self._pieces_of[spoken].mean_top(scores, _SENTENCES) / len(LANGUAGES)
                if spoken not in best:
                    best[spoken] = self._pieces_of[spoken].closest(scores)
            of_whole, of_piece, of_theme = self._space.measured[side.short]
            absolute += weight * (_scaled(whole, of_whole) + _scaled(piece, of_piece)) / _SPREAD_OF_SUM
            texts += weight * standard(_standard(whole, of_whole) + _standard(piece, of_piece), _SPREAD_OF_SUM)
            named = self._phrases_of.mean_top(side.phrases @ query, _PHRASES)
            closest += weight * _scaled(named, of_theme)
        own = self._themes_of.mean_top(closest, _THEMES)
        technology = _standard(own, _MEASURED_THEMES)
        absolute += 0.4 * _scaled(own, _MEASURED_THEMES)
        themes = dict(zip(self._keys, closest.tolist(), strict=True))
        return Sense(text=texts, technology=technology, absolute=absolute, themes=themes, best=best)


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


def standard(scores: Doubles, measured: float = 1.0) -> Doubles:
    """Return scores less their mean, in their own spread; in the measured spread when they are few."""
    if len(scores) < _ENOUGH:
        return np.asarray(scores / measured)
    return np.asarray((scores - scores.mean()) / (scores.std() + 1e-9))


def _standard(scores: Doubles, measured: tuple[float, float]) -> Doubles:
    return _scaled(scores, measured) if len(scores) < _ENOUGH else standard(scores)


def _scaled(scores: Doubles, measured: tuple[float, float]) -> Doubles:
    return np.asarray((scores - measured[0]) / measured[1])


def _in_a_row(lengths: Sequence[int]) -> list[list[int]]:
    """Return the places of things that stand behind each other, per owner."""
    ends = np.cumsum([0, *lengths]).tolist()
    return [list(range(start, end)) for start, end in itertools.pairwise(ends)]


def _side(
    encoder: TextEncoder, labs: Sequence[LabTexts], phrases: Sequence[tuple[str, str, str]], space: Space
) -> _Side:
    short = encoder.name.split("-")[0]

    def of(texts: list[str], language: str) -> Floats:
        width = encoder.encode(["x"], "passage").shape[1]
        rows = [encoder.encode(texts[at : at + 64], "passage") for at in range(0, len(texts), 64)]
        encoded = np.concatenate(rows) if rows else np.zeros((0, width), np.float32)
        return space.vectors(short, "passage", language, encoded)

    whole = {language: of([lab.whole[language] for lab in labs], language) for language in LANGUAGES}
    pieces = {language: of([p for lab in labs for p in lab.pieces[language]], language) for language in LANGUAGES}
    rows = {language: iter(of([p for _, at, p in phrases if at == language], language)) for language in LANGUAGES}
    stacked = [next(rows[language]) for _, language, _ in phrases]
    return _Side(encoder, short, whole, pieces, np.array(stacked, dtype=np.float32).reshape(len(phrases), -1))


@cache
def _centres() -> dict[str, Floats]:
    with np.load(Path(__file__).with_name("centres.npz")) as found:
        return {name: found[name] for name in found.files}


@cache
def _seeds() -> dict[bytes, Floats]:
    """Return the vectors that were computed beforehand, for the register as it is shipped (``vectors.npz``)."""
    with np.load(Path(__file__).with_name("vectors.npz")) as found:
        return {bytes(key): vector for key, vector in zip(found["keys"], found["vectors"], strict=True)}


def remembering(encoders: tuple[TextEncoder, TextEncoder], file: Path | None = None) -> tuple[TextEncoder, TextEncoder]:
    """Return the encoders with a memory: of what is shipped, what was asked lately, and a file if one is given."""
    first, second = encoders
    return Remembering(first, file=file, seeds=_seeds(), kept=8192), Remembering(second, file=file, kept=8192)
