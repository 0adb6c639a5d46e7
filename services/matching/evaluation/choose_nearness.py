# ruff: noqa: INP001 - a script beside its data, not a package
"""How close two needs that share one technology must be for one session: what each threshold lets through.

Two sets: pairs of judged needs, labelled by hand whether one session could serve both (`session_pairs.tsv`: mostly no,
because that set was written to differ), and eight subjects asked in three ways (`session_needs.tsv`: yes within one).

    python services/matching/evaluation/choose_nearness.py
"""

import csv
import sys
from pathlib import Path
from typing import Final
from uuid import uuid4

from schakel_matching.bundles import SharedNeed, closeness_of
from schakel_matching.engine.encoders import load_encoders

HERE: Final = Path(__file__).parent
THRESHOLDS: Final = (0.0, 0.10, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45)


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a table beside this file."""
    with (HERE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def need_of(text: str, language: str) -> SharedNeed:
    """Return a need as bundles compare it."""
    return SharedNeed(uuid4(), uuid4(), "en" if language == "en" else "nl", text, {})


def main() -> None:
    """Print, per threshold, how many labelled pairs are proposed, how many rightly, and which true ones are found."""
    encoders = load_encoders(threads=1)
    judged = {row["id"]: need_of(row["text"], row["language"]) for row in rows_of("queries.tsv")}
    order = {key: at for at, key in enumerate(judged)}
    close = closeness_of(list(judged.values()), encoders)
    pairs = [
        (float(close[order[row["first"]], order[row["second"]]]), row["one_session"] == "1")
        for row in rows_of("session_pairs.tsv")
    ]
    asked = rows_of("session_needs.tsv")
    same = closeness_of([need_of(row["text"], row["language"]) for row in asked], encoders)
    within = [
        float(same[i, j]) for i in range(len(asked)) for j in range(i) if asked[i]["subject"] == asked[j]["subject"]
    ]
    sys.stdout.write("threshold  judged pairs: proposed, of these right  one subject asked anew: found\n")
    for threshold in THRESHOLDS:
        proposed = [right for closeness, right in pairs if closeness >= threshold]
        found = sum(closeness >= threshold for closeness in within)
        sys.stdout.write(
            f"{threshold:9.2f}  {len(proposed):3d} of {len(pairs)}, {sum(proposed)} right"
            f"{'':20s}{found} of {len(within)}\n"
        )


if __name__ == "__main__":
    main()
