"""How well the engine answers the judged challenges of ``services/matching/evaluation``.

Run ``python benchmarks/judged_set.py``; ``--worst 10`` names the challenges that came out worst. An ended lab
may not be ranked, so it is left out of the ideal order too; ``with ended`` counts it as if it were missed.
"""

import argparse
import csv
from collections import defaultdict
from datetime import date
from math import log2
from pathlib import Path
from statistics import fmean

from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.ranges import MODEL, MODELS
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", type=int, default=0, help="print so many challenges with the lowest nDCG")
    parser.add_argument("--model", choices=MODELS, default=MODEL, help="which model ranks")
    parser.add_argument("--words-only", action="store_true", help="without the sentence encoders")
    arguments = parser.parse_args()
    reference = load(ROOT / "data")
    encoders = None if arguments.words_only else remembering(load_encoders())
    catalogue = catalogue_of(fieldlabs(ROOT / "data"), reference, encoders, MODELS[arguments.model])
    ended = {lab.state.slug for lab in catalogue.labs if lab.state.status == "ended"}
    judged, found, strict, good = judgements(), {}, [], []
    refused = {True: 0, False: 0}
    told = {True: 0, False: 0}
    for row in rows("queries.tsv"):
        place = row["postcode"] or None
        need = Need(row["text"], "nl" if row["language"] == "nl" else "en", place, row["sbi"][:2] or None)
        slate = rank(catalogue, need, TODAY, shown=100, whole=True, model=MODELS[arguments.model])
        ranked = [match.slug for match in slate.matches]
        grades = judged.get(row["id"], {})
        nobody = max(grades.values(), default=0) < 2
        told[nobody] += 1
        refused[nobody] += slate.no_fit
        open_grades = {slug: grade for slug, grade in grades.items() if slug not in ended}
        if open_grades:
            found[row["id"]] = (ndcg(ranked, open_grades), row["text"], ranked[:3], open_grades)
            strict.append(ndcg(ranked, grades))
        if max(open_grades.values(), default=0) >= 2:
            good.append(any(open_grades.get(slug, 0) >= 2 for slug in ranked[:3]))
    print(f"nDCG@10 {fmean(v[0] for v in found.values()):.3f} ({len(found)}), with ended {fmean(strict):.3f}")
    print(f"grade 2+ in the top 3 {fmean(good):.3f} ({len(good)})")
    print(f"no fit said: {refused[True]} of {told[True]} without a lab, {refused[False]} of {told[False]} with one")
    for key, (value, text, ranked, grades) in sorted(found.items(), key=lambda pair: pair[1][0])[: arguments.worst]:
        print(f"{key} {value:.2f} {text[:110]} | got {ranked} | judged {sorted(grades, key=lambda s: -grades[s])[:4]}")


if __name__ == "__main__":
    main()
