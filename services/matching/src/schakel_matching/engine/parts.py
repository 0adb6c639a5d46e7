"""The two parts of a score that come from the text: points of all fieldlabs at once, and for one of them the reason.

Points lie within the published range of their part.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from schakel_matching.engine import sentences
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.columns import Doubles
from schakel_matching.engine.ranges import RANGES
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Part, Unknown
from schakel_matching.engine.vocabulary import Concept
from schakel_matching.engine.words import Token

_KIN: Final = 0.3
"""Credit for a technology that shares a skill with the one asked."""
_TEXT_FULL: Final = 0.6
"""The coverage at which the text part is full: nobody answers every word."""
_MEANING: Final = 6.0
"""Points for one standard deviation of closeness by meaning."""
_WORDS: Final = 2.0
"""Points for one standard deviation of shared words, and how many deviations count."""
_WORDS_MAX: Final = 5.0
_ASKED_WORTH: Final = 35.0
"""Points for all technologies asked, where there are no encoders."""
_ASKED: Final = 15.0
"""The same beside the encoders, and points for one standard deviation of closeness to its technologies."""
_THEMES: Final = 4.0
Scored = tuple[Part, tuple[Unknown, ...]]
"""A part and the facts that were missing for it."""


def covered(reading: Reading) -> Doubles:
    """Return per fieldlab how full the words of a need are answered, 0..1."""
    return np.minimum(1.0, reading.coverage / _TEXT_FULL)


def text_points(reading: Reading) -> Doubles:
    """Return the points of every fieldlab by meaning, with the shared words beside it; by words without encoders."""
    if reading.sense is None:
        return np.clip(RANGES["text"][1] * reading.coverage / _TEXT_FULL, *RANGES["text"])
    points = _MEANING * reading.sense.text + _WORDS * np.minimum(_WORDS_MAX, reading.telling)
    return np.clip(points, *RANGES["text"])


def technology_points(reading: Reading, catalogue: Catalogue) -> Doubles:
    """Return the points of every fieldlab for the technologies asked, with its closeness to its own beside it."""
    share = asked(reading, catalogue)
    if reading.sense is None:
        return np.clip(_ASKED_WORTH * share, *RANGES["technology"])
    return np.clip(_ASKED * share + _THEMES * reading.sense.technology, *RANGES["technology"])


def asked(reading: Reading, catalogue: Catalogue) -> Doubles:
    """Return per fieldlab the share, 0..1, of the technologies asked that it has, the rare ones counting more."""
    gained = np.zeros(len(catalogue.labs))
    if not reading.concepts:
        return gained
    whole = 0.0
    for concept in reading.concepts:
        worth = concept.strength * catalogue.rarity_of(concept.key)
        whole += worth
        kin = catalogue.columns.themes.having(catalogue.vocabulary.kin[concept.key])
        gained += np.where(catalogue.columns.themes.having([concept.key]), worth, np.where(kin, _KIN * worth, 0.0))
    return max(c.strength for c in reading.concepts) * gained / whole


def text_part(reading: Reading, catalogue: Catalogue, i: int, value: float) -> Scored:
    """How much of the company's words the fieldlab's own words answer; the quotes come from both."""
    lab = catalogue.labs[i]
    quotes = {language: sentences.best_quote(lab, language, reading, catalogue, i) for language in ("nl", "en")}
    need = {language: _shared_words(reading, catalogue, i, quotes[language]) for language in ("nl", "en")}
    evidence = tuple(dict.fromkeys((*need["nl"], *need["en"], *(quote for quote in quotes.values() if quote))))
    about = {language: sentences.closest_technology(lab, language, reading, catalogue, i) for language in ("nl", "en")}
    text_nl, text_en = sentences.text(
        (need["nl"], need["en"]), (quotes["nl"], quotes["en"]), (about["nl"], about["en"])
    )
    return Part(name="text", value=value, text_nl=text_nl, text_en=text_en, evidence=evidence), ()


def technology_part(reading: Reading, catalogue: Catalogue, i: int, value: float) -> Scored:
    """Which of the technologies asked the fieldlab works with, the rare ones counting more."""
    themes = set(catalogue.labs[i].state.themes)
    if not reading.concepts:
        known = themes & catalogue.vocabulary.technologies.keys()
        closest = (
            max(sorted(known), key=reading.sense.themes.__getitem__) if reading.sense and known and value else None
        )
        text_nl, text_en = sentences.no_technology(catalogue.vocabulary, closest)
        return Part(name="technology", value=value, text_nl=text_nl, text_en=text_en), ("technology",)
    shared = [c for c in reading.concepts if c.key in themes]
    near = [c for c in reading.concepts if c.key not in themes and catalogue.vocabulary.kin[c.key] & themes]
    text_nl, text_en = sentences.technology(catalogue.vocabulary, reading.concepts, shared, near)
    told = (*shared, *near)
    return Part(name="technology", value=value, text_nl=text_nl, text_en=text_en, evidence=_spans(told)), ()


def _spans(concepts: Sequence[Concept]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(span for concept in concepts for span in concept.spans[:2]))


def _shared_words(reading: Reading, catalogue: Catalogue, i: int, quote: str | None) -> tuple[str, ...]:
    """Return the company's words that the quote has too, or else the fieldlab: the most telling three, as written."""
    stems = catalogue.stems[i] if quote is None else frozenset(token.stem for token in sentences.tokens_of_quote(quote))
    found: dict[str, Token] = {}
    for token in reading.words:
        if token.stem in stems or reading.near[token.stem] & stems:
            found.setdefault(token.stem, token)
    telling = sorted(found, key=lambda stem: (-catalogue.words.rarity(stem), stem))[:3]
    pieces: list[tuple[int, int]] = []
    for token in sorted((found[stem] for stem in telling), key=lambda each: each.start):
        if pieces and not reading.need.text[pieces[-1][1] : token.start].strip():
            pieces[-1] = (pieces[-1][0], token.end)
        else:
            pieces.append((token.start, token.end))
    return tuple(reading.need.text[start:end] for start, end in pieces)
