"""What is told of a fieldlab in a few lines: the strongest reasons, what speaks against it, near or far."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

LINES: Final = 3
"""Reasons that a company reads per fieldlab; all of them are one click further."""
SHOWN: Final = 3

Json = Mapping[str, Any]


def reasons_of(lab: Json) -> list[Json]:
    """Return the strongest reasons for a fieldlab, at most three."""
    helping = [part for part in lab["parts"] if part["value"] > 0]
    return sorted(helping, key=lambda part: -float(part["value"]))[:LINES]


def against(lab: Json) -> list[Json]:
    """Return what costs a fieldlab points, most first."""
    return sorted((part for part in lab["parts"] if part["value"] < 0), key=lambda part: float(part["value"]))


def nearness(lab: Json) -> Literal["near", "far"] | None:
    """Return whether the distance speaks for a fieldlab or against it; None when a place is not known."""
    value = next((float(part["value"]) for part in lab["parts"] if part["name"] == "distance"), 0.0)
    return None if value == 0 else "near" if value > 0 else "far"


def by_need(draft: Json) -> Sequence[Json]:
    """Return the needs of a text, each with its own fieldlabs, best first.

    A text with one need has the fieldlabs of the whole answer, where at most two are of one campus.
    """
    known = {match["slug"]: match for match in draft["matches"]}
    open_ones = [match for match in draft["matches"] if not match["ended"]]
    if len(draft["needs"]) <= 1:
        need = draft["needs"][0] if draft["needs"] else None
        return [{"need": need, "fits": not draft["noFit"], "labs": open_ones[:SHOWN]}]
    return [
        {
            "need": need,
            "fits": need["fits"],
            "labs": [
                {**lab, "unknown": known[lab["slug"]]["unknown"] if lab["slug"] in known else []}
                for lab in need["fieldlabs"][:SHOWN]
            ],
        }
        for need in draft["needs"]
    ]
