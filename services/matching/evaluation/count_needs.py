# ruff: noqa: INP001 - a script beside its data, not a package
"""How many texts with two needs are cut, and how many with one: python services/matching/evaluation/count_needs.py."""

import csv
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Final

from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

HERE: Final = Path(__file__).parent
DATA: Final = HERE.parents[2] / "data"
TODAY: Final = date(2026, 11, 24)


def main() -> None:
    """Write a line per set: the judged challenges, and the two sets of ``needs.tsv``."""
    reference = load(DATA)
    catalogue = catalogue_of(fieldlabs(DATA), reference, remembering(load_encoders()))
    found: Counter[tuple[str, bool, bool]] = Counter()
    for name in ("queries.tsv", "needs.tsv"):
        with (HERE / name).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                two = "two_needs" in row.get("kind", "").split() or row.get("needs") == "2"
                need = Need(row["text"], "nl" if row["language"] == "nl" else "en")
                found[row.get("set", "judged"), two, len(rank(catalogue, need, TODAY).needs) > 1] += 1
    for name in ("judged", "development", "unseen"):
        two, one = (found[name, many, True] for many in (True, False))
        of_two, of_one = (found[name, many, True] + found[name, many, False] for many in (True, False))
        sys.stdout.write(f"{name}: cut {two} of {of_two} with two needs, {one} of {of_one} with one\n")


if __name__ == "__main__":
    main()
