"""A SentencePiece unigram tokenizer: the most probable division of a text into known pieces.

It reads pieces, scores and the normalisation of characters from the weight file of the encoder (``e5.py``), so that no
tokenizer library and no second file is needed.
"""

from collections.abc import Mapping
from typing import Final

_SPACE: Final = "\u2581"
_UNKNOWN_COSTS: Final = 10.0
"""An unknown character scores this much below the rarest piece, as SentencePiece does."""
_WORDS_KEPT: Final = 50_000
_WORD_MAX: Final = 40
_IMPOSSIBLE: Final = -1e30


class Unigram:
    """Divides texts. Safe in several threads: what it remembers never changes an answer.

    Args:
        pieces: piece, in UTF-8, to its id.
        scores: log probability by id.
        unknown: id of what no piece covers.
        normal: character to what it is replaced by before dividing.
    """

    def __init__(
        self, pieces: Mapping[bytes, int], scores: list[float], unknown: int, normal: Mapping[int, str]
    ) -> None:
        self._pieces = pieces
        self._scores = scores
        self._unknown = unknown
        self._unknown_score = min(scores) - _UNKNOWN_COSTS
        self._normal = normal
        self._words: dict[str, tuple[int, ...]] = {}
        if any(_SPACE.encode() in piece[1:] for piece in pieces):
            raise ValueError("A piece of this tokenizer crosses a space: its texts cannot be divided by the word.")
        self._longest = max(len(piece.decode("utf-8", "replace")) for piece in pieces)

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text, without those that mark its beginning and end."""
        plain = text.translate(self._normal)
        while "  " in plain:
            plain = plain.replace("  ", " ")
        spaced = plain if plain.startswith(" ") else f" {plain}"
        # No piece crosses a space, so every word is divided by itself, and a known one is not divided again.
        return [piece for word in spaced[1:].split(" ") for piece in self._word(_SPACE + word)]

    def _word(self, word: str) -> tuple[int, ...]:
        found = self._words.get(word)
        if found is None:
            found = tuple(self._best(word))
            if len(self._words) < _WORDS_KEPT and len(word) <= _WORD_MAX:
                self._words[word] = found
        return found

    def _best(self, text: str) -> list[int]:
        """Viterbi: the best division up to every character, then back from the end."""
        size = len(text)
        best = [0.0] + [_IMPOSSIBLE] * size
        came: list[tuple[int, int]] = [(0, 0)] * (size + 1)
        find = self._pieces.get
        scores = self._scores
        for start in range(size):
            base = best[start]
            for end in range(start + 1, min(size, start + self._longest) + 1):
                piece = find(text[start:end].encode("utf-8", "replace"))
                if piece is not None and piece != self._unknown and base + scores[piece] > best[end]:
                    best[end] = base + scores[piece]
                    came[end] = (start, piece)
            if base + self._unknown_score > best[start + 1]:
                best[start + 1] = base + self._unknown_score
                came[start + 1] = (start, self._unknown)
        found = []
        at = size
        while at > 0:
            at, piece_id = came[at]
            found.append(piece_id)
        return found[::-1]
