"""Which fieldlabs are shown: hard rules first, by name, then three rules on the slate as a whole."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine.ranges import OUTSIDE_MARGIN, PER_CAMPUS
from schakel_matching.engine.slate import Match

Candidate = tuple[Match, FieldlabState]
HardRule = Literal["unpublished", "ended", "abroad"]

_NETHERLANDS: Final = ((50.7, 53.7), (3.2, 7.3))
"""Degrees of latitude and longitude between which the European Netherlands lie."""


def hard_rule(state: FieldlabState) -> HardRule | None:
    """Return why a fieldlab may never be ranked, whatever its score; None when it may.

    What is not published is not in the catalogue at all. What has ended is named beside the slate when it would have
    fitted. What lies abroad is no part of the network.
    """
    if not state.published:
        return "unpublished"
    if state.status == "ended":
        return "ended"
    point = (state.latitude, state.longitude)
    inside = (value is None or low <= value <= high for value, (low, high) in zip(point, _NETHERLANDS, strict=True))
    return None if all(inside) else "abroad"


def campus_of(state: FieldlabState) -> str:
    """Return what places share with each other: their postcode; a fieldlab without one stands alone."""
    return state.postcode4 or state.slug


def chosen_from(
    candidates: Sequence[Candidate], shown: int, region: str | None, needed: Sequence[str] = ()
) -> list[Match]:
    """Return the slate, best first.

    Args:
        candidates: those that may be ranked, best first.
        shown: how many at most.
        region: hub of the company's place; None when it is not known.
        needed: slugs that must be there, one per need: its best fieldlab.
    """
    spread = _two_per_campus(candidates)
    kept = spread[:shown]
    for slug in needed[:shown]:
        kept = _with_needed(kept, spread, slug, needed, shown)
    kept = _with_one_outside(kept, spread, region, needed)
    return [match for match, _ in sorted(kept, key=lambda pair: (-pair[0].score, pair[0].slug))]


def _two_per_campus(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep at most two of one campus: who is sent to a place may as well visit another."""
    seen: Counter[str] = Counter()
    spread = []
    for match, state in candidates:
        campus = campus_of(state)
        seen[campus] += 1
        if seen[campus] <= PER_CAMPUS:
            spread.append((match, state))
    return spread


def _with_needed(
    kept: list[Candidate], spread: Sequence[Candidate], slug: str, needed: Sequence[str], shown: int
) -> list[Candidate]:
    """Give a need's best fieldlab a place, that of the lowest one which no need depends on."""
    wanted = next((pair for pair in spread if pair[0].slug == slug), None)
    if wanted is None or any(match.slug == slug for match, _ in kept):
        return kept
    if len(kept) < shown:
        return [*kept, wanted]
    at = _lowest_free(kept, needed)
    return kept if at is None else [*kept[:at], *kept[at + 1 :], wanted]


def _with_one_outside(
    kept: list[Candidate], spread: Sequence[Candidate], region: str | None, needed: Sequence[str]
) -> list[Candidate]:
    """Give the best fieldlab of another region a place when all are near and it is clearly better on the rest."""
    at = _lowest_free(kept, needed)
    if region is None or at is None or any(state.hub != region for _, state in kept):
        return kept
    outside = [pair for pair in spread if pair[1].hub != region]
    best = max(outside, key=lambda pair: (_without_distance(pair[0]), pair[0].slug), default=None)
    if best is None or _without_distance(best[0]) < _without_distance(kept[at][0]) + OUTSIDE_MARGIN:
        return kept
    marked = (msgspec.structs.replace(best[0], outside_region=True), best[1])
    return [*kept[:at], *kept[at + 1 :], marked]


def _lowest_free(kept: Sequence[Candidate], needed: Sequence[str]) -> int | None:
    free = [at for at, (match, _) in enumerate(kept) if match.slug not in needed]
    return free[-1] if free else None


def _without_distance(match: Match) -> float:
    return match.score - sum(part.value for part in match.parts if part.name == "distance")
