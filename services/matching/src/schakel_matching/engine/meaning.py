"""What a need means: its closeness to every fieldlab and technology by the two sentence encoders, fused by score.

Scores are standardised before they are added: over the catalogue when it is large enough to have a spread, else by what
was measured on the register. Where vectors are compared is the rule of ``space.py``.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schakel_matching.engine.encoders import Floats, Remembering, TextEncoder
from schakel_matching.engine.groups import Doubles, Groups, Places
from schakel_matching.engine.space import KINDRED, LANGUAGES, Measured, Space

_ENOUGH: Final = 20
"""Fieldlabs from which the spread over the catalogue says more than the measured one."""
_READ_ALL: Final = 1_000
"""Fieldlabs that are all read by their pieces. Of more, a sample says what spread pieces have, and only those that can
be in an answer are read (ADR 32): every piece of ten thousand is half a gigabyte."""
_SAMPLE: Final = 200
_CLOSEST_READ: Final = 32
_SENTENCES: Final = 3
_PHRASES: Final = 2
_THEMES: Final = 2
_SPREAD_OF_SUM: Final = 1.73
_MEASURED_THEMES: Final = (0.27, 0.93)
_OWN: Final = 0.4
"""Weight of a fieldlab's own technologies beside its texts, on the measured scale."""


class LabTexts(msgspec.Struct, frozen=True):
    """What of one fieldlab is compared.

    Attributes:
        whole: all of it, per language.
        pieces: its sentences, per language; the labels of its technologies count as pieces behind them.
        themes: keys of its technologies.
    """

    whole: dict[str, str]
    pieces: dict[str, tuple[str, ...]]
    themes: tuple[str, ...]


class Sense(msgspec.Struct, frozen=True):
    """A need against a catalogue, one number per fieldlab.

    Attributes:
        text: closeness of the texts, standardised over the catalogue.
        technology: closeness to the fieldlab's own technologies, standardised over the catalogue.
        own: closeness to the fieldlab's own technologies, by the measured scale.
        absolute: closeness of texts and technologies by the measured scale: comparable between needs.
        themes: per technology key, how close the need is, by the measured scale.
        best: per language and fieldlab, the place of its closest piece.
        sights: of a large catalogue, what is needed to read more fieldlabs by their pieces.
        read: of a large catalogue, which were; the numbers of the others are what their whole texts let expect.
    """

    text: Doubles
    technology: Doubles
    own: Doubles
    absolute: Doubles
    themes: dict[str, float]
    best: dict[str, Places]
    sights: tuple["Sight", ...] = ()
    read: NDArray[np.bool_] | None = None


class Sight(msgspec.Struct, frozen=True):
    """What one encoder saw of a large catalogue: the whole texts of all, and of a sample of them the pieces.

    Attributes:
        query: the need.
        labels: closeness to the labels of technologies, per language.
        whole: closeness to whole texts.
        level: the same, standardised over the catalogue.
        pieces: mean and spread of the closeness of the pieces, over the sample.
        both: mean and spread of the sum of both, standardised, over the sample.
    """

    query: Floats
    labels: dict[str, Floats]
    whole: Doubles
    level: Doubles
    pieces: tuple[float, float]
    both: tuple[float, float]


class _Side(msgspec.Struct, frozen=True):
    """The vectors of one encoder, its weight and what is measured of it in the space where they lie.

    Those of a large catalogue that are compared with every need stand by column: a product takes half the time so.
    """

    encoder: TextEncoder
    short: str
    weight: float
    measured: tuple[Measured, Measured, Measured]
    whole: tuple[Floats, ...]
    pieces: dict[str, Floats]
    phrases: Floats


class Meaning:
    """A catalogue in vectors. Immutable after construction.

    Args:
        encoders: e5, then the universal sentence encoder.
        labs: in the catalogue's order.
        phrases: technology key to what it is called, per language, its label first.
        space: where vectors are compared.
    """

    def __init__(
        self,
        encoders: tuple[TextEncoder, TextEncoder],
        labs: Sequence[LabTexts],
        phrases: dict[str, dict[str, tuple[str, ...]]],
        space: Space = KINDRED,
    ) -> None:
        self._labs = labs
        self._space = space
        self._keys = list(phrases)
        flat = [(k, language, p) for k, found in phrases.items() for language in LANGUAGES for p in found[language]]
        owners = [self._keys.index(key) for key, _, _ in flat]
        self._phrases_of = Groups([np.flatnonzero(np.array(owners) == i).tolist() for i in range(len(self._keys))])
        self._labels = {
            language: np.array([flat.index((k, language, phrases[k][language][0])) for k in phrases], dtype=np.int64)
            for language in LANGUAGES
        }
        places = {key: i for i, key in enumerate(self._keys)}
        themes = [[places[theme] for theme in lab.themes if theme in places] for lab in labs]
        self._themes_of = Groups(themes)
        self._pieces_of = {language: _pieces_of(language, labs, themes, len(places)) for language in LANGUAGES}
        self._sides = [_side(encoder, labs, flat, space) for encoder in encoders]
        self._sample = np.linspace(0, len(labs) - 1, _SAMPLE).astype(np.int64) if len(labs) > _READ_ALL else None
        if self._sample is not None:
            parts = {language: found.part(self._sample) for language, found in self._pieces_of.items()}
            self._sampled = {language: found for language, (_, found) in parts.items()}
            self._samples = [
                {language: np.asfortranarray(side.pieces[language][places]) for language, (places, _) in parts.items()}
                for side in self._sides
            ]

    @property
    def reads_all(self) -> bool:
        """Whether the catalogue is small enough for reading all of it by its pieces."""
        return self._sample is None

    def read(self, texts: Sequence[str], language: str) -> list[Sense]:
        """Return, for each text, how close it is to every fieldlab; all are encoded in one call."""
        if not texts:
            return []
        written = self._space.asked(texts)
        asked = [
            self._space.vectors(side.short, "query", language, side.encoder.encode(written, "query"))
            for side in self._sides
        ]
        return [self._sense(queries) for queries in zip(*asked, strict=True)]

    def _sense(self, queries: Sequence[Floats]) -> Sense:
        named = [side.phrases @ query for side, query in zip(self._sides, queries, strict=True)]
        labels = [{language: close[self._labels[language]] for language in LANGUAGES} for close in named]
        themes, own = self._technologies(named)
        look = self._all_read if self._sample is None else self._at_first_sight
        sense = look(queries, labels)
        return msgspec.structs.replace(
            sense,
            technology=_standard(own, _MEASURED_THEMES),
            own=own,
            absolute=sense.absolute + _OWN * _scaled(own, _MEASURED_THEMES),
            themes=themes,
        )

    def _technologies(self, named: Sequence[Floats]) -> tuple[dict[str, float], Doubles]:
        """Return the closeness to every technology, and to each fieldlab's own, of that to all names."""
        closest = np.zeros(len(self._keys))
        for side, close in zip(self._sides, named, strict=True):
            closest += side.weight * _scaled(self._phrases_of.mean_top(close, _PHRASES), side.measured[2])
        return dict(zip(self._keys, closest.tolist(), strict=True)), self._themes_of.mean_top(closest, _THEMES)

    def _all_read(self, queries: Sequence[Floats], labels: Sequence[dict[str, Floats]]) -> Sense:
        size = len(self._labs)
        texts, absolute = np.zeros(size), np.zeros(size)
        best: dict[str, Places] = {}
        for side, query, labelled in zip(self._sides, queries, labels, strict=True):
            whole = np.mean([vectors @ query for vectors in side.whole], axis=0)
            piece, scores = _pieces(side.pieces, self._pieces_of, query, labelled)
            best = best or {language: self._pieces_of[language].closest(scores[language]) for language in LANGUAGES}
            of_whole, of_piece, _ = side.measured
            absolute += side.weight * (_scaled(whole, of_whole) + _scaled(piece, of_piece)) / _SPREAD_OF_SUM
            texts += side.weight * standard(_standard(whole, of_whole) + _standard(piece, of_piece), _SPREAD_OF_SUM)
        return Sense(texts, texts, texts, absolute, {}, best)

    def _at_first_sight(self, queries: Sequence[Floats], labels: Sequence[dict[str, Floats]]) -> Sense:
        """Read the whole texts of all, and suppose that the pieces of each are as close as those of the sample are."""
        size = len(self._labs)
        texts, absolute = np.zeros(size), np.zeros(size)
        sights = []
        for side, sample, query, labelled in zip(self._sides, self._samples, queries, labels, strict=True):
            whole = np.asarray(side.whole[0] @ query, dtype=np.float64)
            piece, _ = _pieces(sample, self._sampled, query, labelled)
            level = standard(whole)
            sight, slope = _sight((query, labelled), whole, level, level[self._sample], piece)
            text, fixed = _seen(sight, side.measured, whole, level, slope * level)
            texts += side.weight * text
            absolute += side.weight * fixed
            sights.append(sight)
        best = {language: np.zeros(size, dtype=np.int64) for language in LANGUAGES}
        read = np.zeros(size, dtype=bool)
        return Sense(texts, texts, texts, absolute, {}, best, tuple(sights), read)

    def closest(self, sense: Sense) -> float:
        """Return how close the closest fieldlab is, on the measured scale; of none, infinitely far."""
        expected = np.argsort(-sense.absolute)[:_CLOSEST_READ]
        return float(self.closer(sense, expected).absolute.max(initial=-np.inf))

    def stands(self, sense: Sense) -> bool:
        """Return whether a piece of a text comes close enough to some fieldlab to be a need of its own."""
        return self.closest(sense) >= self._space.need_from

    def closer(self, sense: Sense, labs: Places) -> Sense:
        """Return what is known of a need when some fieldlabs more are read by their pieces.

        Args:
            sense: of a need against this catalogue.
            labs: places in the catalogue.
        """
        if sense.read is None or not len(labs):
            return sense
        text, absolute = np.zeros(len(labs)), np.zeros(len(labs))
        parts = {language: self._pieces_of[language].part(labs) for language in LANGUAGES}
        groups = {language: found for language, (_, found) in parts.items()}
        closest: dict[str, Places] = {}
        for side, sight in zip(self._sides, sense.sights, strict=True):
            own = {language: side.pieces[language].take(places, axis=0) for language, (places, _) in parts.items()}
            piece, scores = _pieces(own, groups, sight.query, sight.labels)
            closest = closest or {language: groups[language].closest(scores[language]) for language in LANGUAGES}
            expected = _scaled(piece, sight.pieces)
            seen = _seen(sight, side.measured, sight.whole[labs], sight.level[labs], expected)
            text += side.weight * seen[0]
            absolute += side.weight * seen[1]
        after = {"text": sense.text.copy(), "absolute": sense.absolute.copy(), "read": sense.read.copy()}
        after["text"][labs] = text
        after["absolute"][labs] = absolute + _OWN * _scaled(sense.own[labs], _MEASURED_THEMES)
        after["read"][labs] = True
        best = {language: places.copy() for language, places in sense.best.items()}
        for language, places in closest.items():
            best[language][labs] = places
        return msgspec.structs.replace(sense, **after, best=best)


def standard(scores: Doubles, measured: float = 1.0) -> Doubles:
    """Return scores less their mean, in their own spread; in the measured spread when they are few."""
    if len(scores) < _ENOUGH:
        return np.asarray(scores / measured)
    return np.asarray((scores - scores.mean()) / (scores.std() + 1e-9))


def _standard(scores: Doubles, measured: tuple[float, float]) -> Doubles:
    return _scaled(scores, measured) if len(scores) < _ENOUGH else standard(scores)


def _scaled(scores: Doubles, measured: tuple[float, float]) -> Doubles:
    return np.asarray((scores - measured[0]) / measured[1])


def _pieces_of(language: str, labs: Sequence[LabTexts], themes: Sequence[Sequence[int]], labels: int) -> Groups:
    """Return whose a piece is: labels first, which many share, then the sentences of all fieldlabs."""
    ends = np.cumsum([labels, *(len(lab.pieces[language]) for lab in labs)]).tolist()
    runs = zip(itertools.pairwise(ends), themes, strict=True)
    return Groups([[*range(start, end), *own] for (start, end), own in runs], labels)


def _pieces(
    vectors: Mapping[str, Floats], groups: Mapping[str, Groups], query: Floats, labels: Mapping[str, Floats]
) -> tuple[Doubles, dict[str, Floats]]:
    """Return per fieldlab how close its closest pieces are, over the languages, and per language all pieces."""
    scores = {spoken: np.concatenate((labels[spoken], vectors[spoken] @ query)) for spoken in LANGUAGES}
    first, second = (groups[spoken].mean_top(scores[spoken], _SENTENCES) for spoken in LANGUAGES)
    return (first + second) / len(LANGUAGES), scores


def _sight(
    asked: tuple[Floats, dict[str, Floats]], whole: Doubles, level: Doubles, sampled: Doubles, piece: Doubles
) -> tuple[Sight, float]:
    """Return what a sample says of the pieces of all, and how much of a level of the whole text they share.

    Pieces are close where whole texts are: the line through the sample, and the spread around it, say more of all
    fieldlabs, whose levels are known (mean 0, spread 1), than the sample's own mean and spread.

    Args:
        asked: the need, and its closeness to labels.
        whole: closeness of whole texts.
        level: the same, standardised.
        sampled: of the sample alone.
        piece: closeness of the sample's pieces.
    """
    off = sampled - sampled.mean()
    slope = float(off @ (piece - piece.mean()) / (off @ off + 1e-9))
    around = float((piece - piece.mean() - slope * off).std())
    mean, spread = float(piece.mean() - slope * sampled.mean()), float(np.hypot(slope, around)) + 1e-9
    both = float(np.hypot(1 + slope / spread, around / spread)) + 1e-9
    return Sight(*asked, whole, level, (mean, spread), (0.0, both)), slope / spread


def _seen(
    sight: Sight, measured: tuple[Measured, Measured, Measured], whole: Doubles, level: Doubles, pieces: Doubles
) -> tuple[Doubles, Doubles]:
    """Return closeness of texts on the catalogue's scale and on the measured one.

    Args:
        sight: of one encoder.
        measured: of that encoder.
        whole: closeness to whole texts.
        level: the same, standardised.
        pieces: closeness of pieces, standardised.
    """
    of_whole, of_piece, _ = measured
    mean, spread = sight.pieces
    fixed = (_scaled(whole, of_whole) + _scaled(mean + spread * pieces, of_piece)) / _SPREAD_OF_SUM
    return _scaled(level + pieces, sight.both), fixed


def _side(
    encoder: TextEncoder, labs: Sequence[LabTexts], phrases: Sequence[tuple[str, str, str]], space: Space
) -> _Side:
    short = encoder.name.split("-")[0]

    def of(texts: list[str], language: str) -> Floats:
        width = encoder.encode(["x"], "passage").shape[1]
        rows = [encoder.encode(texts[at : at + 64], "passage") for at in range(0, len(texts), 64)]
        encoded = np.concatenate(rows) if rows else np.zeros((0, width), np.float32)
        return space.vectors(short, "passage", language, encoded)

    whole = tuple(of([lab.whole[language] for lab in labs], language) for language in LANGUAGES)
    if len(labs) > _READ_ALL:  # the mean of two products is the product with the mean, at half the price
        whole = (np.asfortranarray(np.mean(whole, axis=0)),)
    pieces = {language: of([p for lab in labs for p in lab.pieces[language]], language) for language in LANGUAGES}
    rows = {language: iter(of([p for _, at, p in phrases if at == language], language)) for language in LANGUAGES}
    stacked = [next(rows[language]) for _, language, _ in phrases]
    return _Side(
        encoder,
        short,
        space.weights[short],
        space.measured[short],
        whole,
        pieces,
        np.asfortranarray(np.array(stacked, dtype=np.float32).reshape(len(phrases), -1)),
    )


@cache
def _seeds() -> dict[bytes, Floats]:
    """Return the vectors that were computed beforehand, for the register as it is shipped (``vectors.npz``)."""
    with np.load(Path(__file__).with_name("vectors.npz")) as found:
        return {bytes(key): vector for key, vector in zip(found["keys"], found["vectors"], strict=True)}


def remembering(encoders: tuple[TextEncoder, TextEncoder], file: Path | None = None) -> tuple[TextEncoder, TextEncoder]:
    """Return the encoders with a memory: of what is shipped, what was asked lately, and a file if one is given."""
    first, second = encoders
    return Remembering(first, file=file, seeds=_seeds(), kept=8192), Remembering(second, file=file, kept=8192)
