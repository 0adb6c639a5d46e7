"""How often the first look at a large catalogue changes an answer: every judged challenge, beside reading everybody.

    python benchmarks/first_look.py [--labs 2000]

The same made fieldlabs (``many_fieldlabs.py``) three times: as the engine reads so many; with all of them read by their
pieces, on the same scale; and with the scale too taken from the pieces of all, not of a sample. An answer differs when
other fieldlabs are shown, or the same in another order. What it costs is the points, by the scores of that reading,
between who should stand at a place and who does.
"""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median
from unittest.mock import patch

import msgspec
import numpy as np
from judged_set import rows
from many_fieldlabs import Composed, many, pieces_of

from schakel_matching.engine import meaning
from schakel_matching.engine import rank as module
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.columns import Columns, Places
from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.estimates import Estimate
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.preselect import candidates_of
from schakel_matching.engine.rank import rank
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

DATA = Path(__file__).resolve().parents[1] / "data"
TODAY = date(2026, 11, 24)


class Answer(msgspec.Struct, frozen=True):
    """What is shown for a need, and the points of every fieldlab, by slug, of who read them all."""

    shown: tuple[str, ...]
    no_fit: bool
    points: dict[str, float]


def answers(catalogue: Catalogue, asked: Sequence[Need]) -> list[Answer]:
    """Return the answers of a catalogue, with the points that the last look gave."""
    slugs = [lab.state.slug for lab in catalogue.labs]
    found = []
    for need in asked:
        seen: list[Sequence[Estimate]] = []

        def kept(
            estimates: Sequence[Estimate],
            columns: Columns,
            *,
            shown: int,
            whole: bool,
            region: str | None,
            seen: list[Sequence[Estimate]] = seen,
        ) -> Places:
            seen.append(estimates)
            return candidates_of(estimates, columns, shown=shown, whole=whole, region=region)

        with patch.object(module, "candidates_of", kept):
            slate = rank(catalogue, need, TODAY)
        scores = np.max([each.scores for each in seen[-1]], axis=0)
        shown = tuple(match.slug for match in slate.matches)
        found.append(Answer(shown, slate.no_fit, dict(zip(slugs, scores.tolist(), strict=True))))
    return found


def compare(what: str, expected: Sequence[Answer], got: Sequence[Answer]) -> None:
    """Write in how many answers two readings differ, and what the second loses."""
    pairs = list(zip(expected, got, strict=True))
    others = sum(set(should.shown) != set(does.shown) for should, does in pairs)
    differ = [(should, does) for should, does in pairs if should.shown != does.shown]
    costs = [_lost(should, does) for should, does in differ] or [0.0]
    print(f"{what}: {len(pairs)} answers, other fieldlabs in {others}, another order in {len(differ) - others}")
    print(f"  another first {sum(a.shown[:1] != b.shown[:1] for a, b in pairs)}", end=", ")
    print(f"fit and no fit changed {sum(a.no_fit != b.no_fit for a, b in pairs)}", end=", ")
    print(f"points lost where they differ: median {median(costs):.2f}, at most {max(costs):.2f}")


def _lost(expected: Answer, got: Answer) -> float:
    pairs = zip(expected.shown, got.shown, strict=False)
    return max((expected.points[should] - expected.points[does] for should, does in pairs), default=0.0)


def _everybody(_estimate: Estimate, _reading: Reading, columns: Columns) -> Places:
    return np.arange(len(columns.open))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labs", type=int, default=2_000, help="how many fieldlabs are made")
    arguments = parser.parse_args()
    asked = [
        Need(row["text"], "nl" if row["language"] == "nl" else "en", row["postcode"] or None, row["sbi"][:2] or None)
        for row in rows("queries.tsv")
    ]
    reference, register = load(DATA), fieldlabs(DATA)
    encoders = remembering(load_encoders())
    pieces = pieces_of(register, reference)
    known = [name for found in reference.vocabulary.technologies.values() for name in found.phrases]
    first, second = (Composed(encoder, pieces, known) for encoder in encoders)
    states = many(register, reference, arguments.labs)
    large = catalogue_of(states, reference, (first, second))
    got = answers(large, asked)
    with patch.object(module, "promising", _everybody):
        compare(f"{len(states)} fieldlabs, all read", answers(large, asked), got)
    del large
    with patch.object(meaning, "_READ_ALL", len(states)):
        compare("and all in the scale", answers(catalogue_of(states, reference, (first, second)), asked), got)


if __name__ == "__main__":
    main()
