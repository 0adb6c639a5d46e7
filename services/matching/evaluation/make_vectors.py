# ruff: noqa: INP001 - a script beside its data, not a package
"""How `centres.npz` and `vectors.npz` of the engine were made: run it again after a change of encoder or of texts.

    python services/matching/evaluation/make_vectors.py

A *centre* is the mean vector of a language, per encoder and per use as a query or a passage. It is the mean of two
means: of 600 product names of the CPV vocabulary (seed 4) and of the longer texts of the register that are no
fieldlab's, so no text that is ranked or measured takes part. `vectors.npz` holds the first encoder's vectors of the
register's fieldlabs and of the judged challenges, by a digest of encoder, use and text, so that a start is quick.
"""

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from schakel_matching.engine import encoders
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

ROOT: Final = Path(__file__).parents[3]
DATA: Final = ROOT / "data"
ENGINE: Final = ROOT / "services/matching/src/schakel_matching/engine"
LANGUAGES: Final = ("nl", "en")
CPV_NAMES: Final = 600
SEED: Final = 4
CHARACTERS_MIN: Final = 40
"""Characters that a text of the register has at least to count as one."""


def names() -> dict[str, list[str]]:
    """Return product names of the CPV vocabulary by language."""
    with (DATA / "vocabulary/cpv_nl_en.csv").open(encoding="utf-8", newline="") as file:
        chosen = random.Random(SEED).sample(list(csv.DictReader(file)), CPV_NAMES)
    return {language: [row[f"name_{language}"] for row in chosen] for language in LANGUAGES}


def texts() -> dict[str, list[str]]:
    """Return the longer texts of the register that are no fieldlab's, by language."""
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for file in ("hubs", "programmes", "trainings", "cases", "events", "technologies"):
        records: list[dict[str, Any]] = yaml.safe_load((DATA / f"register/{file}.yaml").read_text(encoding="utf-8"))
        for record in records:
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
    e5, use = encoders.load_encoders()
    np.savez(ENGINE / "centres.npz", **centres(e5, use))
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
