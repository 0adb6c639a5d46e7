"""Ranking: hard rules first, then the parts, then the sum. The parts are the explanation, and they add up."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from math import fsum

import msgspec

from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.places import NATIONAL, UNASSIGNED
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.parts import (
    distance_part,
    fits,
    freshness_part,
    sector_part,
    status_part,
    technology_part,
    text_part,
)
from schakel_matching.engine.ranges import MODEL, PER_CAMPUS, SHOWN, SHOWN_WITHOUT_FIT
from schakel_matching.engine.reading import Reading, read
from schakel_matching.engine.slate import Ended, FoundConcept, Match, Need, Slate


def rank(catalogue: Catalogue, need: Need, today: date, *, shown: int = SHOWN, whole: bool = False) -> Slate:
    """Return the fieldlabs that fit a need, best first, each with its reasons.

    Args:
        catalogue: unpublished fieldlabs are not in it; ended ones are, and are named but never ranked.
        need: its text already masked.
        today: the day on which freshness is judged; the same day gives the same answer.
        shown: how many at most.
        whole: also those that do not fit, after the same sum: for measuring the order, not for a company.
    """
    reading = read(catalogue, need)
    labs = catalogue.labs
    fitting = {i for i in range(len(labs)) if fits(reading, catalogue, i)}
    open_ = [i for i in range(len(labs)) if labs[i].state.status != "ended"]
    no_fit = not fitting.intersection(open_)
    candidates = open_ if no_fit or whole else [i for i in open_ if i in fitting]
    scored = [(_match(reading, catalogue, i, today), labs[i].state) for i in candidates]
    scored.sort(key=lambda pair: (-pair[0].score, pair[0].slug))
    chosen = _spread(scored, min(shown, SHOWN_WITHOUT_FIT) if no_fit and not whole else shown)
    ended = [_match(reading, catalogue, i, today) for i in fitting if labs[i].state.status == "ended"]
    ended.sort(key=lambda match: (-match.score, match.slug))
    return Slate(
        matches=tuple(msgspec.structs.replace(match, rank=place) for place, match in enumerate(chosen, start=1)),
        ended=tuple(ended[:SHOWN_WITHOUT_FIT]),
        concepts=_concepts(reading, catalogue),
        no_fit=no_fit,
        hub=_hub(catalogue, need),
        model=MODEL,
    )


def _spread(scored: Sequence[tuple[Match, FieldlabState]], shown: int) -> list[Match]:
    """Return the best, at most two of one campus: who is sent to a place may as well visit another."""
    seen: Counter[str] = Counter()
    chosen: list[Match] = []
    for match, state in scored:
        campus = state.postcode4 or state.slug
        seen[campus] += 1
        if seen[campus] <= PER_CAMPUS and len(chosen) < shown:
            chosen.append(match)
    return chosen


def _match(reading: Reading, catalogue: Catalogue, i: int, today: date) -> Match:
    lab = catalogue.labs[i]
    need, state = reading.need, lab.state
    found = (
        text_part(reading, catalogue, i),
        technology_part(reading, catalogue, i),
        sector_part(need, catalogue, state),
        distance_part(need, catalogue, lab),
        status_part(state),
        freshness_part(state, today),
    )
    parts = tuple(part for part, _ in found)
    return Match(
        slug=state.slug,
        name=state.name,
        rank=0,
        score=fsum(part.value for part in parts),
        parts=parts,
        unknown=tuple(name for _, names in found for name in names),
        ended=_ended(state),
    )


def _ended(state: FieldlabState) -> Ended | None:
    if state.status != "ended":
        return None
    return Ended(on=state.ended or state.status_as_of, successor=state.succeeded_by)


def _concepts(reading: Reading, catalogue: Catalogue) -> tuple[FoundConcept, ...]:
    known = catalogue.vocabulary.technologies
    return tuple(
        FoundConcept(key=c.key, label_nl=known[c.key].label_nl, label_en=known[c.key].label_en, words=c.spans)
        for c in reading.concepts
    )


def _hub(catalogue: Catalogue, need: Need) -> str:
    place = catalogue.places.get(need.postcode4 or "")
    hub = place.hub if place else UNASSIGNED
    return NATIONAL if hub == UNASSIGNED else hub
