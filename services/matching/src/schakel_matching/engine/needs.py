"""Several needs in one text: clauses that speak of different technologies are needs, each with its own best lab."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from schakel_matching.engine.vocabulary import Vocabulary
from schakel_matching.engine.words import content_of, tokens_of

_CLAUSE: Final = re.compile(
    r"(?<=[.!?;])\s+|\n+|,\s+|\s+(?=(?:en|and|maar|but|daarnaast|ook|also|plus)\s)", re.IGNORECASE
)
_STRENGTH_MIN: Final = 0.6
_CLOSE_MIN: Final = 2.8
"""Closeness by meaning from which a clause without a named technology speaks of one."""
_NEEDS_MAX: Final = 3


class Part(msgspec.Struct, frozen=True):
    """One need of a text: an exact piece of it, and the technologies it speaks of (perhaps none, of a whole text)."""

    text: str
    technologies: tuple[str, ...]


def needs_of(
    text: str, vocabulary: Vocabulary, closeness: Callable[[str], Mapping[str, float]] | None = None
) -> tuple[Part, ...]:
    """Return the needs in a text, in order; one when it cannot be told apart.

    A clause without a technology belongs to the need before it; a clause that shares a technology, or the skill of one,
    with the need before it continues that need. More than three needs is a story, and comes back whole.

    Args:
        text: already masked.
        vocabulary: the technologies.
        closeness: of a clause to every technology by meaning (`Meaning.themes`); None goes by words only.
    """
    found: list[tuple[int, int, frozenset[str]]] = []
    for start, end in _clauses(text):
        clause = text[start:end]
        if not content_of(tokens_of(clause)):
            continue
        concepts = [c for c in vocabulary.find(clause, tokens_of(clause)) if c.strength >= _STRENGTH_MIN]
        keys = frozenset(c.key for c in concepts)
        if not keys and closeness is not None and len(content_of(tokens_of(clause))) > 1:
            near = closeness(clause)
            closest = max(near, key=near.__getitem__, default=None)
            keys = frozenset([closest] if closest is not None and near[closest] >= _CLOSE_MIN else [])
        if found and (not keys or not found[-1][2] or _alike(keys, found[-1][2], vocabulary)):
            found[-1] = (found[-1][0], end, found[-1][2] | keys)
        else:
            found.append((start, end, keys))
    if not 1 < len(found) <= _NEEDS_MAX:
        return (Part(text=text, technologies=tuple(sorted({key for *_, keys in found for key in keys}))),)
    return tuple(Part(text=text[a:b].strip(" ,"), technologies=tuple(sorted(keys))) for a, b, keys in found)


def _clauses(text: str) -> list[tuple[int, int]]:
    edges = [0, *(at for match in _CLAUSE.finditer(text) for at in match.span()), len(text)]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if text[a:b].strip()]


def _alike(one: frozenset[str], other: frozenset[str], vocabulary: Vocabulary) -> bool:
    return bool(one & other) or any(vocabulary.kin[key] & other for key in one)
