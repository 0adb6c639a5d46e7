"""What of a long text is encoded: the sentences with its most telling words; all of it stays for words and quotes."""

import re
from typing import Final

from schakel_matching.engine.catalogue import Index
from schakel_matching.engine.words import content_of, tokens_of

ENCODED_MAX: Final = 800
"""Characters of a need that are encoded. A longer text costs a second of processor time, and the mean of so many
sentences is close to everything and nothing; the longest of the judged challenges has 236."""
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
_STRETCH: Final = re.compile(r"\S.{0,190}\S(?=\s|$)|\S.{0,190}", re.DOTALL)
"""A sentence without an end is taken in stretches of at most 192 characters."""


def condensed(text: str, index: Index) -> str:
    """Return a text as it is when it is short, else its most telling sentences, in their order.

    A word counts in the sentence where it comes first, by its rarity among the fieldlabs; one that none of them uses
    counts for nothing, because it brings the need closer to nobody.

    Args:
        text: of a need.
        index: of the words of the catalogue.
    """
    if len(text) <= ENCODED_MAX:
        return text
    pieces = [piece for sentence in _SENTENCE.split(text) for piece in _STRETCH.findall(sentence)]
    seen: set[str] = set()
    worth = []
    for piece in pieces:
        new = {token.stem for token in content_of(tokens_of(piece))} - seen
        seen |= new
        worth.append(sum(index.rarity(stem) for stem in new if stem in index.postings))
    kept: list[int] = []
    room = ENCODED_MAX
    for i in sorted(range(len(pieces)), key=lambda at: (-worth[at], at)):
        if len(pieces[i]) < room and (worth[i] or not kept):
            kept.append(i)
            room -= len(pieces[i]) + 1
    return " ".join(pieces[i] for i in sorted(kept))
