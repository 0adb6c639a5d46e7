"""Words of Dutch and English texts: tokens that remember where they stood, light stems, and 4-grams of letters.

One stemmer serves both languages on purpose: companies mix them ("onze welding cell"), and a company does not tell us
which word is of which language. Dutch compounds are what the 4-grams are for.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import msgspec

from schakel_matching.engine.wordlists import STOPWORDS

_WORD: Final = re.compile(r"[^\W_]+(?:[-/'&][^\W_]+)*")
_PIECE: Final = re.compile(r"[^\W_]+")
_STEM_MIN: Final = 3
_ENDINGS: Final = (("eren", 5), ("ion", 5), ("ie", 5), ("ing", 3), ("en", 3), ("ed", 3), ("e", 3))
"""Endings of both languages, longest first, each with the letters that must remain before it."""
_WHOLE: Final = frozenset({"machining", "mess"})
"""Words that would become another word: machining is no machine, a mess is no MES."""
GRAM: Final = 4
"""Letters per gram: 4-grams beat stemming and decompounding on Dutch needs (docs/matching.md)."""


class Token(msgspec.Struct, frozen=True):
    """A word of a text.

    Attributes:
        stem: folded and stemmed, to compare with.
        folded: lower case without accents, not stemmed.
        start: where it starts in the text.
        end: where it ends; ``text[start:end]`` is the word as it was written.
    """

    stem: str
    folded: str
    start: int
    end: int


def fold(text: str) -> str:
    """Return the text in lower case without accents, so "Productie-één" equals "productie-een"."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


@lru_cache(maxsize=65_536)
def stem_of(folded: str) -> str:
    """Return the light stem of one folded word: plural, verb and spelling endings of both languages taken off.

    "robots" and "robot", "series" and "serie", "frezen" and "frees", "printing" and "prints" meet; words of three
    letters (CNC, ERP) stay as they are.
    """
    word = folded
    if len(word) <= _STEM_MIN or word in _WHOLE or any(c.isdigit() for c in word):
        return word
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1].rstrip("'") if len(word) > _STEM_MIN else word
    for ending, remaining in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= remaining:
            word = word[: -len(ending)]
            break
    if len(word) > _STEM_MIN and word[-1] == word[-2]:
        word = word[:-1]
    word = word[:-1] + {"z": "s", "v": "f"}.get(word[-1], word[-1])
    if len(word) > _STEM_MIN and word[-2] == word[-3] and word[-2] in "aeou":
        word = word[:-2] + word[-1]
    return word


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text in order; "MIG/MAG-robot" gives its pieces, stopwords included."""
    found = []
    for match in _WORD.finditer(text):
        for piece in _PIECE.finditer(match.group()):
            folded = fold(piece.group())
            start = match.start() + piece.start()
            found.append(Token(stem=stem_of(folded), folded=folded, start=start, end=start + len(piece.group())))
    return found


def content_of(tokens: list[Token]) -> list[Token]:
    """Return the tokens that say what a text is about: no stopwords, no single letters, no numbers."""
    return [t for t in tokens if t.folded not in STOPWORDS and len(t.folded) > 1 and not t.folded.isdigit()]


@lru_cache(maxsize=65_536)
def grams_of(stem: str) -> frozenset[str]:
    """Return the 4-grams of letters in one stem; none of a stem shorter than five, where they occur by chance."""
    if len(stem) <= GRAM:
        return frozenset()
    return frozenset(stem[i : i + GRAM] for i in range(len(stem) - GRAM + 1))
