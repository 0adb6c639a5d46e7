"""What is told of a fieldlab in a few lines: the strongest reasons, what speaks against it, near or far."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

LINES: Final = 3
"""Reasons that a company reads per fieldlab; all of them are one click further."""
SHOWN: Final = 3

_OF_SLATE: Final = ("unknown", "outsideRegion")
"""What a fieldlab of one need has only as a place in the whole answer."""

Json = Mapping[str, Any]


def reasons_of(lab: Json) -> list[Json]:
    """Return the strongest reasons for a fieldlab, at most three."""
    helping = [part for part in lab["parts"] if part["value"] > 0]
    return sorted(helping, key=lambda part: -float(part["value"]))[:LINES]


def reason_of(lab: Json, asked: str) -> Json | None:
    """Return the one reason that says most; None when nothing helps.

    Args:
        lab: with its parts.
        asked: what the company wrote; a reason that quotes it comes before one that does not.
    """
    told = [part for part in lab["parts"] if part["value"] > 0 and part["name"] in {"text", "technology"}]
    own = {part["name"] for part in told if any(quote in asked for quote in part["evidence"])}
    return max(told, key=lambda part: (part["name"] in own, float(part["value"])), default=None)


def distance_of(lab: Json) -> Json | None:
    """Return what is said of the distance; None when a place is not known."""
    return next((part for part in lab["parts"] if part["name"] == "distance" and part["value"] != 0), None)


def warning(lab: Json) -> Json | None:
    """Return what a company should know before it asks: not open, or full."""
    closed = [part for part in lab["parts"] if part["name"] in {"status", "capacity"} and part["value"] < 0]
    return min(closed, key=lambda part: float(part["value"]), default=None)


def against(lab: Json) -> list[Json]:
    """Return what costs a fieldlab points, most first."""
    return sorted((part for part in lab["parts"] if part["value"] < 0), key=lambda part: float(part["value"]))


def nearness(lab: Json) -> Literal["near", "far"] | None:
    """Return whether the distance speaks for a fieldlab or against it; None when a place is not known."""
    found = distance_of(lab)
    return None if found is None else "near" if found["value"] > 0 else "far"


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
                {**lab, **{name: known[lab["slug"]][name] if lab["slug"] in known else None for name in _OF_SLATE}}
                for lab in need["fieldlabs"][:SHOWN]
            ],
        }
        for need in draft["needs"]
    ]


def further_but_better(asked: Json, groups: Sequence[Json]) -> list[Json]:
    """Return the fieldlabs from another region that are clearly better, as far as the groups do not show them."""
    shown = {lab["slug"] for group in groups for lab in group["labs"]}
    return [match for match in asked["matches"] if match["outsideRegion"] and match["slug"] not in shown]
