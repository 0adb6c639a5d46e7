"""How well the engine answers the judged challenges of ``services/matching/evaluation``: nDCG@10, a good lab in the top 3, no fit.

Run ``python benchmarks/judged_set.py`` from the repository; ``--worst 10`` names the challenges that came out worst. An ended lab
may not be ranked, so it is left out of the ideal order too; ``with ended`` counts it as if it were missed.
"""

import argparse
import csv
import sys
from collections import defaultdict
from datetime import date
from math import log2
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
EVALUATION = ROOT / "services" / "matching" / "evaluation"
TODAY = date(2026, 11, 24)


def rows(name: str) -> list[dict[str, str]]:
    with (EVALUATION / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def judgements() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows("qrels.tsv"):
        found[row["query_id"]][row["slug"]] = int(row["grade"])
    return found


def ndcg(ranked: list[str], grades: dict[str, int], depth: int = 10) -> float:
    """Return nDCG with gain 2^grade - 1, over the first ``depth``."""
    gained = sum((2 ** grades.get(slug, 0) - 1) / log2(i + 2) for i, slug in enumerate(ranked[:depth]))
    best = sum((2**grade - 1) / log2(i + 2) for i, grade in enumerate(sorted(grades.values(), reverse=True)[:depth]))
    return gained / best if best else 0.0
