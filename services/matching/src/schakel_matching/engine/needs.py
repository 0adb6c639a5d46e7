"""The needs in one text: where it is cut, and each need read by itself."""

from collections.abc import Sequence
from itertools import starmap

import msgspec

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.reading import Reading, read
from schakel_matching.engine.slate import Need


class Piece(msgspec.Struct, frozen=True):
    """One need: its id (``n1``, ``n2``, ...) and its text, read by itself."""

    id: str
    reading: Reading


def pieces_of(catalogue: Catalogue, need: Need, whole: Reading) -> tuple[Piece, ...]:
    """Return the needs in a text, in its order; a text with one need is read as a whole.

    Args:
        catalogue: what it is read against.
        need: with the company's own cutting, if it told one.
        whole: the text, read.
    """
    quotes = need.told.needs or _cut(need)
    if len(quotes) < 2:  # noqa: PLR2004  one need: nothing to cut
        return (Piece("n1", whole),)
    return tuple(starmap(Piece, ((f"n{at}", read(catalogue, _only(need, q))) for at, q in enumerate(quotes, start=1))))


def _only(need: Need, quote: str) -> Need:
    return msgspec.structs.replace(need, text=quote)


def _cut(need: Need) -> Sequence[str]:
    return (need.text,)
