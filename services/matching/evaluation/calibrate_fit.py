# ruff: noqa: INP001 - a script beside its data, not a package
"""How the weights of ``engine/fit.py`` were found, and what they are worth on challenges that they have not seen.

    python services/matching/evaluation/calibrate_fit.py

A logistic model on four facts of a need and its best fieldlab, with a weight penalty of 1. Each challenge is predicted
by models that were fitted without it (ten folds, five shuffles); the last line has the weights from all 120.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.fit import evidence, told
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.needs import pieces_of
from schakel_matching.engine.ranges import FIT_PROBABILITY
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

HERE: Final = Path(__file__).parent
DATA: Final = HERE.parents[2] / "data"
FOLDS: Final = 10
GOOD: Final = 2
"""Grade from which a fieldlab serves a challenge."""
SHUFFLES: Final = 5
ROUNDS: Final = 4
Doubles = NDArray[np.float64]


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a file of this folder, by column name."""
    with (HERE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def samples() -> tuple[list[Doubles], Doubles]:
    """Return per challenge one row of facts for every need and fieldlab, and whether any fieldlab has grade 2 or 3."""
    reference = load(DATA)
    catalogue = catalogue_of(fieldlabs(DATA), reference, remembering(load_encoders()))
    best: dict[str, int] = defaultdict(int)
    for row in rows("qrels.tsv"):
        best[row["query_id"]] = max(best[row["query_id"]], int(row["grade"]))
    facts, served = [], []
    for row in rows("queries.tsv"):
        need = Need(row["text"], "nl" if row["language"] == "nl" else "en", row["postcode"] or None)
        readings = [piece.reading for piece in pieces_of(catalogue, need)]
        columns = [np.broadcast_arrays(*evidence(r, catalogue), *told(r, catalogue)) for r in readings]
        facts.append(np.concatenate([np.column_stack(each) for each in columns]))
        served.append(float(best[row["id"]] >= GOOD))
    return facts, np.array(served)


def fitted(facts: list[Doubles], served: Doubles) -> Doubles:
    """Return intercept and weights; which fieldlab is the best of a challenge follows from the weights themselves."""
    weights = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    for _ in range(ROUNDS):
        weights = _logistic(np.array([each[(each @ weights[1:]).argmax()] for each in facts]), served)
    return weights


def _logistic(facts: Doubles, served: Doubles) -> Doubles:
    mean, spread = facts.mean(0), facts.std(0) + 1e-9
    scaled = np.c_[np.ones(len(facts)), (facts - mean) / spread]
    penalty = np.diag([0.0, *[1.0] * facts.shape[1]])
    weights = np.zeros(scaled.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-scaled @ weights))
        step = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + penalty
        weights -= np.linalg.solve(step, scaled.T @ (chance - served) + penalty @ weights)
    plain = weights[1:] / spread
    return np.array([weights[0] - plain @ mean, *plain])


def predicted(facts: list[Doubles], weights: Doubles) -> Doubles:
    """Return per challenge the chance that a fieldlab serves it."""
    best = np.array([(each @ weights[1:]).max() for each in facts])
    chance: Doubles = 1 / (1 + np.exp(-(best + weights[0])))
    return chance


def main() -> None:
    """Write what unseen challenges get, and the weights."""
    facts, served = samples()
    chances = np.zeros(len(served))
    random = np.random.default_rng(0)
    for _ in range(SHUFFLES):
        order = random.permutation(len(served))
        for fold in range(FOLDS):
            out = order[fold::FOLDS]
            kept = np.setdiff1d(order, out)
            chances[out] += (
                predicted([facts[i] for i in out], fitted([facts[i] for i in kept], served[kept])) / SHUFFLES
            )
    report: list[Any] = []
    for threshold in sorted({0.6, 0.65, 0.7, 0.75, 0.8, FIT_PROBABILITY}):
        said = chances < threshold
        right = int((said & (served == 0)).sum())
        report.append(
            f"below {threshold}: no fit said {int(said.sum())} times, {right} of {int((served == 0).sum())} right"
        )
    report.append(
        f"Brier score {np.mean((chances - served) ** 2):.3f}, of the mean {np.mean((served.mean() - served) ** 2):.3f}"
    )
    whole = fitted(facts, served)
    report.append("weights from all: " + ", ".join(f"{weight:.2f}" for weight in whole))
    alone = predicted(facts, whole) < FIT_PROBABILITY
    report.append(f"seen by themselves: {int(alone.sum())} times, {int((alone & (served == 0)).sum())} right")
    sys.stdout.write("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
