# ruff: noqa: INP001 - a script beside its data, not a package
"""How `centres.npz` and `vectors.npz` of the engine were made: run it again after a change of encoder or of texts.

    python services/matching/evaluation/make_vectors.py [--cache FILE]

A *centre* is the mean vector of a language, per encoder and per use as a query or a passage. It is the mean of two
means: of 600 product names of the CPV vocabulary (seed 4) and of the longer texts of the register that are no
fieldlab's, so no text that is ranked or measured takes part. The *alignment* of e5 is fitted on pairs that say the same
in both languages: 2,000 names of the CPV, those of the SBI, and the register's texts, none of a fieldlab; directions
in which translations agree count more, others less. The *kinship* of both encoders is the same, with as much weight for
relatives as for translations: each name of the CPV and the SBI and the heading that it stands under, each in another
language. `vectors.npz` holds the first encoder's vectors of the
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
from schakel_matching.engine.ranges import UNALIGNED
from schakel_matching.engine.space import KINDRED, centred
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

ROOT: Final = Path(__file__).parents[3]
DATA: Final = ROOT / "data"
ENGINE: Final = ROOT / "services/matching/src/schakel_matching/engine"
LANGUAGES: Final = ("nl", "en")
Doubles = NDArray[np.float64]
CPV_NAMES: Final = 600
CPV_PAIRS: Final = 2_000
SEED: Final = 4
SHRUNK: Final = 1.0
"""How much of the mean variance is added to each direction: little evidence moves little."""
KEPT: Final = 0.3
"""Share of the plain product that stays beside the aligned one."""
KEPT_BESIDE_KIN: Final = 0.5
"""The same, where relatives count too."""
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


def relatives() -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return names of the CPV and the SBI by language, each with the heading above it, where they differ."""
    found = []
    for table, key in ((rows("vocabulary/cpv_nl_en.csv"), "cpv"), (rows("sectors/sbi2008.csv"), "code")):
        named = {row[key]: {spoken: row[f"name_{spoken}"].strip() for spoken in LANGUAGES} for row in table}
        found += [(named[row[key]], named[row["parent"]]) for row in table if row["parent"] in named]
    return [(own, heading) for own, heading in found if own != heading]


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
    """Return the matrix that brings translations together."""
    dutch, own, together = translations("e5", e5)
    return turned(dutch, own, together, KEPT)


def kinship(label: str, encoder: encoders.TextEncoder) -> encoders.Floats:
    """Return the matrix that brings translations and relatives together, each for one half."""
    dutch, own, together = translations(label, encoder)
    lower, upper = zip(*relatives(), strict=True)
    kin = np.zeros_like(together)
    for spoken, other in (LANGUAGES, LANGUAGES[::-1]):
        a = passages(label, encoder, spoken, [name[spoken] for name in lower])
        b = passages(label, encoder, other, [name[other] for name in upper])
        kin += (a.T @ b + b.T @ a) / (4 * len(a))
    return turned(dutch, own, (together + kin) / 2, KEPT_BESIDE_KIN)


def translations(label: str, encoder: encoders.TextEncoder) -> tuple[Doubles, Doubles, Doubles]:
    """Return the covariance of the Dutch side of the pairs, of both sides, and their symmetrised cross-covariance."""
    sides = zip(LANGUAGES, zip(*pairs(), strict=True), strict=True)
    a, b = (passages(label, encoder, spoken, each) for spoken, each in sides)
    dutch, own, together = a.T @ a, a.T @ a + b.T @ b, a.T @ b + b.T @ a
    return dutch / len(a), own / (2 * len(a)), together / (2 * len(a))


def turned(dutch: Doubles, own: Doubles, together: Doubles, kept: float) -> encoders.Floats:
    """Return a symmetric matrix by which vectors are turned: shrunk canonical correlation.

    With C the covariance and X the cross-covariance, products are taken in ``C^-1/2 (C^-1/2 X C^-1/2)+ C^-1/2``,
    C shrunk, mixed with the plain product.
    """
    size = len(own)
    whiten = powered(own + SHRUNK * np.trace(own) / size * np.eye(size), -0.5)
    product = whiten @ powered(whiten @ together @ whiten, 1.0) @ whiten
    product /= np.trace(product @ dutch)  # a text is as close to itself as in the plain product
    return powered(kept * np.eye(size) + (1 - kept) * product, 0.5).astype(np.float32)


def passages(label: str, encoder: encoders.TextEncoder, language: str, asked: Sequence[str]) -> Doubles:
    """Return the centred vectors of texts of one language."""
    return centred(label, "passage", language, encode_all(encoder, asked)).astype(float)


def powered(matrix: Doubles, power: float) -> Doubles:
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
    np.savez(ENGINE / "centres.npz", **found)  # the matrices are fitted on vectors that are centred by these
    turns: dict[str, Any] = {
        "e5_alignment": alignment(e5),
        "e5_kinship": kinship("e5", e5),
        "use_kinship": kinship("use", use),
    }
    np.savez(ENGINE / "centres.npz", **(found | turns))
    noting = Noting(e5)
    reference = load(DATA)
    catalogue_of(fieldlabs(DATA), reference, (noting, use), UNALIGNED)  # what is encoded is the same in every space
    with (Path(__file__).parent / "queries.tsv").open(encoding="utf-8", newline="") as file:
        judged = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    noting.encode(KINDRED.asked(judged), "query")
    np.savez_compressed(
        ENGINE / "vectors.npz",
        keys=np.array([np.frombuffer(key, np.uint8) for key in noting.noted]),
        vectors=np.array(list(noting.noted.values()), np.float16),
    )


if __name__ == "__main__":
    main()
