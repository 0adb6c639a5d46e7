# ruff: noqa: INP001 - a script beside its data, not a package
"""How `centres.npz` and `vectors.npz` of the engine were made: run it again after a change of encoder or of texts.

    python services/matching/evaluation/make_vectors.py [--cache FILE]

A *centre* is the mean vector of a language, per encoder and per use as a query or a passage. It is the mean of two
means: of 600 product names of the CPV vocabulary (seed 4) and of the longer texts of the register that are no
fieldlab's, so no text that is ranked or measured takes part. The *alignment* of e5 is fitted on pairs that say the same
in both languages: 2,000 names of the CPV, those of the SBI, and the register's texts, none of a fieldlab; directions
in which translations agree count more, others less. `vectors.npz` holds the first encoder's vectors of the
register's fieldlabs and of the judged challenges, by a digest of encoder, use and text, so that a start is quick.
"""

import argparse
import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from schakel_matching.engine import encoders
from schakel_matching.engine.meaning import centred
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

ROOT: Final = Path(__file__).parents[3]
DATA: Final = ROOT / "data"
ENGINE: Final = ROOT / "services/matching/src/schakel_matching/engine"
LANGUAGES: Final = ("nl", "en")
CPV_NAMES: Final = 600
CPV_PAIRS: Final = 2_000
SEED: Final = 4
SHRUNK: Final = 1.0
"""How much of the mean variance is added to each direction: little evidence moves little."""
KEPT: Final = 0.3
"""Share of the plain product that stays beside the aligned one."""
CHARACTERS_MIN: Final = 40
"""Characters that a text of the register has at least to count as one."""


def rows(file: str) -> list[dict[str, str]]:
    """Return the rows of a table of ``data``."""
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def names() -> dict[str, list[str]]:
    """Return product names of the CPV vocabulary by language."""
    chosen = random.Random(SEED).sample(rows("vocabulary/cpv_nl_en.csv"), CPV_NAMES)
    return {language: [row[f"name_{language}"] for row in chosen] for language in LANGUAGES}


def records() -> list[dict[str, Any]]:
    """Return the records of the register that are no fieldlab's."""
    files = ("hubs", "programmes", "trainings", "cases", "events", "technologies")
    found = [yaml.safe_load((DATA / f"register/{file}.yaml").read_text(encoding="utf-8")) for file in files]
    return [record for each in found for record in each]


def pairs() -> list[tuple[str, str]]:
    """Return Dutch and English texts that say the same, each pair once."""
    named = random.Random(SEED).sample(rows("vocabulary/cpv_nl_en.csv"), CPV_PAIRS) + rows("sectors/sbi2008.csv")
    found = [(row["name_nl"], row["name_en"]) for row in named]
    for record in records():
        for name in record:
            nl, en = record[name], record.get(f"{name.removesuffix('_nl')}_en")
            if name.endswith("_nl") and isinstance(nl, str) and isinstance(en, str):
                found.append((nl, en))
    stripped = ((nl.strip(), en.strip()) for nl, en in found)
    return [pair for pair in dict.fromkeys(stripped) if all(pair) and pair[0] != pair[1]]


def texts() -> dict[str, list[str]]:
    """Return the longer texts of the register that are no fieldlab's, by language."""
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for record in records():
        for language in LANGUAGES:
            found[language] += [
                value
                for name, value in record.items()
                if name.endswith(f"_{language}") and isinstance(value, str) and len(value) > CHARACTERS_MIN
            ]
    return found


def centres(e5: encoders.TextEncoder, use: encoders.TextEncoder) -> dict[str, Any]:
    """Return the centre of each encoder, use and language."""
    vocabulary, register = names(), texts()
    result = {}
    for label, encoder in (("e5", e5), ("use", use)):
        for kind in encoders.KINDS:
            for language in LANGUAGES:
                means = [encoder.encode(each[language], kind).mean(0) for each in (vocabulary, register)]
                result[f"{label}_{kind}_{language}"] = np.mean(means, axis=0).astype(np.float32)
    return result


def alignment(e5: encoders.TextEncoder) -> encoders.Floats:
    """Return the symmetric matrix that brings translations together: shrunk canonical correlation of the pairs.

    With A and B the centred vectors of both sides, C their mean covariance and X their symmetrised cross-covariance,
    products are taken in ``C^-1/2 (C^-1/2 X C^-1/2)+ C^-1/2``, C shrunk, mixed with the plain product.
    """
    sides = zip(LANGUAGES, zip(*pairs(), strict=True), strict=True)
    a, b = (centred("e5", "passage", spoken, encode_all(e5, each)).astype(float) for spoken, each in sides)
    own, cross = (a.T @ a + b.T @ b) / (2 * len(a)), (a.T @ b + b.T @ a) / (2 * len(a))
    size = len(own)
    whiten = powered(own + SHRUNK * np.trace(own) / size * np.eye(size), -0.5)
    product = whiten @ powered(whiten @ cross @ whiten, 1.0) @ whiten
    product /= np.einsum("nd,de,ne->n", a, product, a).mean()
    return powered(KEPT * np.eye(size) + (1 - KEPT) * product, 0.5).astype(np.float32)


def powered(matrix: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Return a symmetric matrix to a power; what is negative in it counts as nothing."""
    values, directions = np.linalg.eigh(matrix)
    raised = np.where(values > 0, np.abs(values), 1.0) ** power * (values > 0)
    return np.asarray((directions * raised) @ directions.T)


def encode_all(encoder: encoders.TextEncoder, asked: Sequence[str]) -> encoders.Floats:
    """Encode many short texts, a few at a time."""
    return np.concatenate([encoder.encode(asked[at : at + 64], "passage") for at in range(0, len(asked), 64)])


class Noting:
    """An encoder that notes what it was asked, by key."""

    def __init__(self, encoder: encoders.TextEncoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self.noted: dict[bytes, encoders.Floats] = {}

    def encode(self, asked: Sequence[str], kind: encoders.Kind) -> encoders.Floats:
        """Encode, and note each row."""
        rows = self._encoder.encode(asked, kind)
        for text, row in zip(asked, rows, strict=True):
            self.noted[encoders.key_of(self.name, kind, text)[: encoders.SEED_KEY]] = row
        return rows


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="a database that keeps vectors across runs")
    cache = parser.parse_args().cache
    e5, use = (encoders.Remembering(each, file=cache, every_kind=True) for each in encoders.load_encoders())
    found = centres(e5, use)
    np.savez(ENGINE / "centres.npz", **found)  # the alignment is fitted on vectors that are centred by these
    np.savez(ENGINE / "centres.npz", **found, e5_alignment=alignment(e5))
    noting = Noting(e5)
    reference = load(DATA)
    catalogue_of(fieldlabs(DATA), reference, (noting, use))
    with (Path(__file__).parent / "queries.tsv").open(encoding="utf-8", newline="") as file:
        judged = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    noting.encode(judged, "query")
    np.savez_compressed(
        ENGINE / "vectors.npz",
        keys=np.array([np.frombuffer(key, np.uint8) for key in noting.noted]),
        vectors=np.array(list(noting.noted.values()), np.float16),
    )


if __name__ == "__main__":
    main()
