"""Where a text may be cut into needs: at clauses that begin with who or what they are about.

Structure alone; whether the pieces are needs of their own is for the catalogue to say (``needs.py``). Closeness of
the clauses turned out to say nothing here: two sentences about one need lie as far apart as two about two.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from schakel_matching.engine.wordlists import (
    ADDITIONS,
    ADDS_ALL,
    BACKWARD,
    CONNECTIVES,
    CONTRASTS,
    DOINGS,
    OURSELVES,
    PREPOSITIONS,
    SUBJECTS,
    WISHES,
)
from schakel_matching.engine.words import Token, content_of, tokens_of

_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+")
_ITEM: Final = re.compile(r"(?:^|\n)\s*(?:[-*•]|\d{1,2}[.)])\s+")
_CLAUSE_END: Final = re.compile(r"[,.;:!?](?:\s|$)|\s(?:en|and)\s(?=het\s|the\s|de\s)")
_TELLING_MIN: Final = 2
"""Content words that a clause needs to be about something."""
_WORDS_MIN: Final = 4
"""Words that it needs to say something about it: "the climate sensors" is a name, no clause."""
_INTRODUCED_WITHIN: Final = 6
"""Words of a clause in which "wij maken" makes it an introduction of the company."""
_CUT_WITHIN: Final = 2_000
"""Characters in which cuts are looked for: each is weighed against all that stands before it, and whoever needs more
room than that for a first need has told a story, not a list."""
_ADDED_WITHIN: Final = 4
"""Words of a sentence in which "ook" or "daarnaast" says that all of it is added."""


def cuts_of(text: str) -> list[tuple[int, int]]:
    """Return the places where a text may be cut: where the piece before ends and the piece after starts.

    Args:
        text: as written; pieces are taken from it exactly.
    """
    looked_at = text[:_CUT_WITHIN]
    tokens = tokens_of(looked_at)
    found = sorted({*_at_items(looked_at), *_at_additions(looked_at, tokens), *_at_connectives(looked_at, tokens)})
    kept: list[tuple[int, int]] = []
    for end, start in found:
        if _telling(text[kept[-1][1] if kept else 0 : end]) and _telling(text[start:]):
            kept.append((end, start))
    return kept


def pieces_at(text: str, cuts: list[tuple[int, int]]) -> list[str]:
    """Return the pieces of a text between cuts, exactly as written, without the marks around them."""
    starts = [0, *(start for _, start in cuts)]
    ends = [*(end for end, _ in cuts), len(text)]
    return [text[start:end].strip(" \n-*•").rstrip(",;") for start, end in zip(starts, ends, strict=True)]


def _at_items(text: str) -> Iterator[tuple[int, int]]:
    """Cut between the items of a list."""
    for match in _ITEM.finditer(text):
        yield match.start(), match.end()


def _at_additions(text: str, tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Cut before a sentence that says in its first words that it adds a wish."""
    for match in _SENTENCE.finditer(text):
        end = _clause_end(text, match.end())
        words = [t.folded for t in tokens if match.end() <= t.start < end]
        if ADDITIONS & set(words[:_ADDED_WITHIN]) and (WISHES & set(words) or words[0] in ADDS_ALL):
            yield match.start(), match.end()


def _at_connectives(text: str, tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Cut before "en", "and", "maar": when a subject or a second wish follows."""
    for i, token in enumerate(tokens):
        if token.folded not in CONNECTIVES or i == 0 or i + 2 >= len(tokens):
            continue
        after = tokens[i + 1]
        subject = tokens[i + 2] if after.folded in PREPOSITIONS else after
        clause = text[after.start : _clause_end(text, after.start)]
        before = text[: token.start]
        sentence = text[_sentence_start(text, token.start) : token.start]
        second_wish = after.folded in WISHES and WISHES & {t.folded for t in tokens_of(sentence)}
        condition = token.folded in CONTRASTS and subject.folded in OURSELVES
        if (
            (subject.folded in SUBJECTS or second_wish)
            and not condition
            and len(tokens_of(clause)) >= _WORDS_MIN
            and _telling(clause) >= _TELLING_MIN
            and _asks(before)
            and not _back(before, clause)
        ):
            yield tokens[i - 1].end + _mark(text, tokens[i - 1].end), after.start


def _asks(before: str) -> bool:
    """Return whether a text says more than who the company is: "wij maken vezelplaten" asks nothing yet."""
    clauses = [clause for clause in _CLAUSE_END.split(before) if clause.strip()]
    return sum(_telling(clause) for clause in clauses if not _introduces(clause)) >= _TELLING_MIN


@lru_cache(maxsize=1024)
def _introduces(clause: str) -> bool:
    words = [t.folded for t in tokens_of(clause)]
    who = OURSELVES & set(words[:_INTRODUCED_WITHIN])
    return bool(who and DOINGS & set(words[:_INTRODUCED_WITHIN]) and not WISHES & set(words))


def _back(before: str, clause: str) -> bool:
    """Return whether a clause speaks of what the text before it named: "the part slips" after "picks up the part"."""
    words = tokens_of(clause)
    named = {t.stem for t in content_of(tokens_of(before))}
    about = next((t.stem for t in words if t.folded not in SUBJECTS), "")
    return about in named or bool({t.folded for t in words} & BACKWARD)


def _mark(text: str, end: int) -> int:
    """Return 1 when the sentence ends right after a word: its full stop belongs to the piece before."""
    return int(text[end : end + 1] in ".!?" and text[end : end + 1] != "")


def _sentence_start(text: str, at: int) -> int:
    starts = [match.end() for match in _SENTENCE.finditer(text, 0, at)]
    return starts[-1] if starts else 0


def _clause_end(text: str, start: int) -> int:
    match = _CLAUSE_END.search(text, start)
    return match.start() if match else len(text)


@lru_cache(maxsize=1024)
def _telling(piece: str) -> int:
    return len(content_of(tokens_of(piece)))
