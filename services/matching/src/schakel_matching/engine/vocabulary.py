"""The technology vocabulary: which technologies a text speaks of, in Dutch or English, and with which words.

A technology has a label and synonyms in both languages, so it is the bridge between a Dutch need and an English
description; technologies that share a skill of the European classification (ESCO) are kin.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec

from schakel_matching.engine.wordlists import NEVER_ALONE, STOPWORDS, VAGUE
from schakel_matching.engine.words import Token, content_of, tokens_of

_COMPOUND_MIN: Final = 5
"""Letters a word must have to be looked for inside a compound ("trilSENSOR"); shorter ones occur by chance."""
_LONE_MIN: Final = 6
"""Letters a word must have to stand for its phrase alone ("omstellen" for "snel omstellen")."""
_WINDOW: Final = 3
"""Words that may stand between the words of a phrase."""

_EXACT: Final = 1.0
_COMPOUND: Final = 0.75
_LONE: Final = 0.5
_VAGUE: Final = 0.35


class Technology(msgspec.Struct, frozen=True):
    """One entry of the vocabulary; ``skills`` are ESCO addresses, ``skill_labels`` names of those that only it has."""

    key: str
    label_nl: str
    label_en: str
    synonyms_nl: tuple[str, ...] = ()
    synonyms_en: tuple[str, ...] = ()
    skills: frozenset[str] = frozenset()
    skill_labels: tuple[str, ...] = ()
    transformations: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """Everything it is called, in both languages."""
        return (self.label_nl, *self.synonyms_nl, self.label_en, *self.synonyms_en, *self.skill_labels)


class Concept(msgspec.Struct, frozen=True):
    """A technology found in a text.

    Attributes:
        key: of the technology.
        strength: 0..1, how surely the text speaks of it.
        spans: the words it was recognised by, exactly as written.
    """

    key: str
    strength: float
    spans: tuple[str, ...]


class _Hit(msgspec.Struct, frozen=True):
    key: str
    strength: float
    start: int
    end: int


class Vocabulary:
    """The technologies, indexed for finding them in a text. Immutable after construction."""

    def __init__(self, technologies: Sequence[Technology]) -> None:
        self.technologies: Mapping[str, Technology] = {t.key: t for t in technologies}

    @cached_property
    def _phrases(self) -> list[tuple[str, tuple[str, ...]]]:
        found: dict[tuple[str, tuple[str, ...]], None] = {}
        for technology in self.technologies.values():
            for phrase in technology.phrases:
                stems = tuple(t.stem for t in tokens_of(phrase) if t.folded not in STOPWORDS)
                if stems:
                    found[technology.key, stems] = None
        return list(found)

    @cached_property
    def _single(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        for key, stems in self._phrases:
            if len(stems) == 1:
                found[stems[0]].append(key)
        return {stem: tuple(keys) for stem, keys in found.items()}

    @cached_property
    def _several(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """Phrases of several words by each of their stems: "inspect with a camera" is camera inspection."""
        found: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for key, stems in self._phrases:
            for stem in set(stems) if len(stems) > 1 else ():
                found[stem].append((key, stems))
        return dict(found)

    @cached_property
    def _lone(self) -> dict[str, str]:
        """Stems that occur in the phrases of one technology only, and say enough by themselves."""
        owners: dict[str, set[str]] = defaultdict(set)
        never = {t.stem for word in NEVER_ALONE for t in tokens_of(word)}
        for key, stems in self._phrases:
            for stem in stems:
                owners[stem].add(key)
        return {
            stem: next(iter(keys))
            for stem, keys in owners.items()
            if len(keys) == 1 and len(stem) >= _LONE_MIN - 1 and stem not in never and stem not in self._single
        }

    @cached_property
    def stems(self) -> Mapping[str, tuple[str, ...]]:
        """Technology to the telling words of all its names, as often and in the order in which they stand there."""
        return {
            key: tuple(t.stem for phrase in found.phrases for t in tokens_of(phrase) if t.folded not in STOPWORDS)
            for key, found in self.technologies.items()
        }

    @cached_property
    def _vague(self) -> frozenset[str]:
        return frozenset(t.stem for word in VAGUE for t in tokens_of(word))

    @cached_property
    def kin(self) -> Mapping[str, frozenset[str]]:
        """Technology to the technologies that share a skill with it, itself left out."""
        return {
            one.key: frozenset(
                other.key for other in self.technologies.values() if other.key != one.key and one.skills & other.skills
            )
            for one in self.technologies.values()
        }

    def find(self, text: str, tokens: Sequence[Token]) -> list[Concept]:
        """Return the technologies that a text speaks of, surest first, ties by key.

        Args:
            text: as written; the spans are taken from it.
            tokens: its words, stopwords included.
        """
        words = content_of(list(tokens))
        hits = [hit for i, token in enumerate(words) for hit in self._hits_at(words, i, token)]
        by_key: dict[str, list[_Hit]] = defaultdict(list)
        for hit in hits:
            by_key[hit.key].append(hit)
        concepts = [_concept(text, key, found) for key, found in by_key.items()]
        return sorted(concepts, key=lambda c: (-c.strength, c.key))

    def _hits_at(self, words: Sequence[Token], i: int, token: Token) -> list[_Hit]:
        hits = []
        for key, stems in self._several.get(token.stem, ()):
            end = _phrase_end(words, i, stems)
            if end is not None:
                hits.append(_Hit(key, _EXACT, token.start, end))
        strength = _VAGUE if token.stem in self._vague else _EXACT
        hits += [_Hit(key, strength, token.start, token.end) for key in self._single.get(token.stem, ())]
        if not hits and token.stem in self._lone:
            hits.append(_Hit(self._lone[token.stem], _LONE, token.start, token.end))
        if not hits:
            hits = [_Hit(key, _COMPOUND, token.start, token.end) for key in self._inside(token.stem)]
        return hits

    def _inside(self, stem: str) -> list[str]:
        """Technologies whose one-word name begins or ends this compound, the longest name first and alone."""
        for length in range(len(stem) - 2, _COMPOUND_MIN - 1, -1):
            for piece in (stem[-length:], stem[:length]):
                keys = self._single.get(piece)
                if keys and piece not in self._vague:
                    return list(keys)
        return []


def _phrase_end(words: Sequence[Token], i: int, stems: tuple[str, ...]) -> int | None:
    """Return where a phrase, in any order, that starts at word ``i`` ends in the text; None when it is not there."""
    window = words[i : i + len(stems) + _WINDOW]
    ends = []
    for stem in stems:
        found = next((t.end for t in window if t.stem == stem), None)
        if found is None:
            return None
        ends.append(found)
    return max(ends)


def _concept(text: str, key: str, hits: list[_Hit]) -> Concept:
    """Several different words for one technology make it surer; the same word again does not."""
    best: dict[str, tuple[float, str]] = {}
    for hit in hits:
        span = text[hit.start : hit.end]
        name = " ".join(t.stem for t in tokens_of(span))
        if name not in best or hit.strength > best[name][0]:
            best[name] = (hit.strength, span)
    doubt = 1.0
    for strength, _ in best.values():
        doubt *= 1.0 - 0.8 * strength
    spans = [span for _, span in sorted(best.values(), key=lambda pair: -pair[0])]
    return Concept(key=key, strength=1.0 - doubt, spans=tuple(spans[:4]))
