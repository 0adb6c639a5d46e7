"""The judged set gates each change: it may not fall below what `docs/matching.md` reports, less chance."""

import csv
from collections import defaultdict
from datetime import date
from math import log2
from pathlib import Path
from statistics import fmean

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need

EVALUATION = Path(__file__).parents[2] / "evaluation"
TODAY = date(2026, 11, 24)


def _rows(name: str) -> list[dict[str, str]]:
    with (EVALUATION / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_judged_set_does_not_fall(register: Catalogue) -> None:
    open_labs = {lab.state.slug for lab in register.labs if lab.state.status != "ended"}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for row in _rows("qrels.tsv"):
        if row["slug"] in open_labs:
            grades[row["query_id"]][row["slug"]] = int(row["grade"])
    values, good = [], []
    for row in _rows("queries.tsv"):
        judged = grades.get(row["id"])
        if not judged:
            continue
        need = Need(
            row["text"], "nl" if row["language"] == "nl" else "en", row["postcode"] or None, row["sbi"][:2] or None
        )
        ranked = [match.slug for match in rank(register, need, TODAY, shown=10, whole=True).matches]
        best = sum((2**g - 1) / log2(i + 2) for i, g in enumerate(sorted(judged.values(), reverse=True)[:10]))
        values.append(sum((2 ** judged.get(slug, 0) - 1) / log2(i + 2) for i, slug in enumerate(ranked)) / best)
        if max(judged.values()) > 1:
            good.append(any(judged.get(slug, 0) > 1 for slug in ranked[:3]))
    assert fmean(values) >= 0.72
    assert fmean(good) >= 0.82
