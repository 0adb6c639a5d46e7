"""Reading a need once: its words, its technologies, and how much of it each fieldlab's words answer."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np

from schakel_matching.engine.catalogue import Catalogue, Index
from schakel_matching.engine.columns import Doubles
from schakel_matching.engine.condensing import condensed
from schakel_matching.engine.elsewhere import Asked, asked_of
from schakel_matching.engine.meaning import Sense, standard
from schakel_matching.engine.slate import Need, Told
from schakel_matching.engine.vocabulary import Concept
from schakel_matching.engine.wanted import Wanted, wanted_of
from schakel_matching.engine.words import Token, content_of, tokens_of

_CONCEPTS_MAX: Final = 5
_CONCEPT_STRENGTH_MIN: Final = 0.25
_EXPANSION: Final = 0.25
"""Weight of a word that the vocabulary adds (the other language's name for what was asked) beside the company's own."""
_INFORMATIVE: Final = 8
"""A long need is measured by its most telling units: no fieldlab answers all three hundred words of a story."""
_COVERAGE_SPREAD: Final = 0.09
"""Spread of the coverage as measured on the register, for catalogues too small to have one."""
_NEAR: Final = 0.7
"""Weight of a word that is like one of the company's, such as a part of a compound."""


class Reading(msgspec.Struct, frozen=True):
    """A need, read.

    Attributes:
        words: the content words as they stand in the text.
        weights: stem to its weight in the comparison: the company's own words, those like them, and the
            vocabulary's additions.
        near: a word of the company to the words of the catalogue that are like it.
        concepts: technologies, surest first.
        coverage: per fieldlab of the catalogue, 0..1: how much of the need its words answer.
        telling: the same, standardised over the catalogue.
        sense: closeness by meaning; None when the catalogue has no encoders.
        transformations: changes that the technologies asked belong to, and how surely; the surest first.
        service: what the company wants a fieldlab to do, if it is known.
        elsewhere: what it asks that no fieldlab does.
    """

    need: Need
    words: tuple[Token, ...]
    weights: Mapping[str, float]
    near: Mapping[str, frozenset[str]]
    concepts: tuple[Concept, ...]
    coverage: Doubles
    telling: Doubles
    sense: Sense | None = None
    transformations: Mapping[str, float] = MappingProxyType({})
    service: Wanted | None = None
    elsewhere: tuple[Asked, ...] = ()


def read(catalogue: Catalogue, need: Need) -> Reading:
    """Read a need against a catalogue."""
    return read_all(catalogue, [need])[0]


def read_all(catalogue: Catalogue, needs: Sequence[Need]) -> list[Reading]:
    """Read needs of one company against a catalogue; their texts are encoded in one call."""
    return sensed(catalogue, [read_words(catalogue, need) for need in needs])


def sensed(catalogue: Catalogue, readings: Sequence[Reading], *, doubtful: bool = False) -> list[Reading]:
    """Return readings with what they mean, each text encoded once.

    Args:
        catalogue: against which they were read.
        readings: those that have it already keep it; without a telling word there is nothing to encode.
        doubtful: only of those in which no technology was recognised.
    """
    meaning = catalogue.meaning
    asked = [
        i for i, each in enumerate(readings) if each.words and each.sense is None and not (doubtful and each.concepts)
    ]
    if meaning is None or not asked:
        return list(readings)
    texts = [condensed(readings[i].need.text, catalogue.words) for i in asked]
    senses = dict(zip(asked, meaning.read(texts, readings[0].need.language), strict=True))
    return [msgspec.structs.replace(each, sense=senses[i]) if i in senses else each for i, each in enumerate(readings)]


def read_words(catalogue: Catalogue, need: Need) -> Reading:
    """Read the words and technologies of a need, without encoding it."""
    tokens = tokens_of(need.text)
    words = content_of(tokens)
    concepts = corrected(catalogue.vocabulary.find(need.text, tokens), need.told)
    concepts = [c for c in concepts if c.strength >= _CONCEPT_STRENGTH_MIN]
    concepts = sorted(concepts, key=lambda c: (-c.strength * catalogue.rarity_of(c.key), c.key))[:_CONCEPTS_MAX]
    index = catalogue.words
    own = list(dict.fromkeys(t.stem for t in words))
    near = {stem: index.near(stem) for stem in own}
    weights = {
        added: _EXPANSION * concept.strength
        for concept in concepts
        for added in catalogue.vocabulary.stems[concept.key]
    }
    additions = {stem: weight for stem, weight in weights.items() if stem not in near}
    weights.update((unit, _NEAR * likeness) for likes in near.values() for unit, likeness in likes)
    weights.update(dict.fromkeys(own, 1.0))
    coverage = _coverage(index, near, additions)
    return Reading(
        need=need,
        words=tuple(words),
        weights=weights,
        near={stem: frozenset(unit for unit, _ in likes) for stem, likes in near.items()},
        concepts=tuple(concepts),
        coverage=coverage,
        telling=standard(coverage, _COVERAGE_SPREAD),
        transformations=_transformations(catalogue, concepts),
        service=wanted_of(need, tokens),
        elsewhere=asked_of(need.text, tokens),
    )


def corrected(found: Sequence[Concept], told: Told) -> list[Concept]:
    """Return the technologies that count: what the company calls wrong goes, what it calls right is sure."""
    kept = {concept.key: concept for concept in found if concept.key not in told.wrong}
    for key in told.right:
        kept[key] = Concept(key=key, strength=1.0, spans=kept[key].spans if key in kept else ())
    return list(kept.values())


def _transformations(catalogue: Catalogue, concepts: Sequence[Concept]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for concept in concepts:
        for key in catalogue.vocabulary.technologies[concept.key].transformations:
            found[key] = max(found.get(key, 0.0), concept.strength)
    return MappingProxyType(dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))))


def _coverage(index: Index, own: Mapping[str, Sequence[tuple[str, float]]], additions: Mapping[str, float]) -> Doubles:
    """Return per fieldlab the share, 0..1, of the need's most telling words that it answers.

    The rarity is squared, so that "onderhoud" outweighs ten words that every second fieldlab uses. Of the words that
    are like one word, only the best answers it.
    """
    worth = {stem: index.rarity(stem) ** 2 for stem in own}
    whole = sum(sorted(worth.values(), reverse=True)[:_INFORMATIVE])
    scores = np.zeros(index.size)
    if whole == 0.0:
        return scores
    for stem, likes in own.items():
        labs, saturations = index.using(stem)
        best = np.zeros(index.size)
        best[labs] = worth[stem] * saturations
        for unit, likeness in likes:
            value = _NEAR * likeness * min(worth[stem], index.rarity(unit) ** 2)
            labs, saturations = index.using(unit)
            best[labs] = np.maximum(best[labs], value * saturations)
        scores += best
    for stem, weight in additions.items():
        labs, saturations = index.using(stem)
        scores[labs] += weight * index.rarity(stem) ** 2 * saturations
    return np.minimum(1.0, scores / whole)
