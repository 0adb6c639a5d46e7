"""How far the two passes of judgement agree: python agreement.py, standard library only."""

# ruff: noqa: INP001 - a script beside its data, not part of a package

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
TOP_GRADE = 3
Grades = Mapping[tuple[str, str], int]


def read(name: str) -> list[dict[str, str]]:
    """Rows of a file of this folder, by column name."""
    with (HERE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def grades(name: str) -> dict[tuple[str, str], int]:
    """Grade 1 to 3 of each (challenge, fieldlab) of a pass; a pair that is not there was judged 0."""
    return {(row["query_id"], row["slug"]): int(row["grade"]) for row in read(name)}


def weighted_kappa(pairs: Iterable[tuple[int, int]]) -> float:
    """Cohen's kappa with quadratic weights over (first, second) grades: 1 is full agreement, 0 is chance."""
    both = list(pairs)
    observed = sum((a - b) ** 2 for a, b in both) / len(both)
    first = [sum(a == g for a, _ in both) / len(both) for g in range(TOP_GRADE + 1)]
    second = [sum(b == g for _, b in both) / len(both) for g in range(TOP_GRADE + 1)]
    chance = sum(p * q * (i - j) ** 2 for i, p in enumerate(first) for j, q in enumerate(second))
    return 1 - observed / chance


def agreement(first: Grades, second: Grades, pool_size: int) -> dict[str, float]:
    """Kappa over all pairs (`pool_size` of them) and, harsher, over those that a pass graded above 0; share equal."""
    named = [(first.get(pair, 0), second.get(pair, 0)) for pair in {*first, *second}]
    unnamed = [(0, 0)] * (pool_size - len(named))
    return {
        "pairs": pool_size,
        "kappa": weighted_kappa(named + unnamed),
        "named_pairs": len(named),
        "named_kappa": weighted_kappa(named),
        "named_equal": sum(a == b for a, b in named) / len(named),
    }


def main() -> None:
    """Write the agreement, one figure a line."""
    first, second = grades("qrels.tsv"), grades("qrels_second.tsv")
    labs = {slug for _, slug in {*first, *second}}
    for name, value in agreement(first, second, len(read("queries.tsv")) * len(labs)).items():
        sys.stdout.write(f"{name}\t{value:.3f}\n")


if __name__ == "__main__":
    main()
