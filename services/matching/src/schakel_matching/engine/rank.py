"""Ranking: hard rules first, then the parts, then the sum. The parts are the explanation, and they add up."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import fsum

import msgspec
import numpy as np

from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.places import NATIONAL, UNASSIGNED
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.choosing import chosen_from, hard_rule
from schakel_matching.engine.columns import Places
from schakel_matching.engine.endings import endings_of
from schakel_matching.engine.estimates import Estimate, estimated, estimated_again
from schakel_matching.engine.facts import fact_parts
from schakel_matching.engine.meaning import Meaning
from schakel_matching.engine.needs import Piece, pieces_of
from schakel_matching.engine.parts import technology_part, text_part
from schakel_matching.engine.preselect import candidates_of, promising
from schakel_matching.engine.ranges import CURRENT, SHOWN, SHOWN_WITHOUT_FIT, Model
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Ended, FoundConcept, FoundNeed, Match, Need, Served, Slate


class _Ranking(msgspec.Struct, frozen=True):
    """One need against fieldlabs of the catalogue: each scored, best first, and which of them fit."""

    piece: Piece
    order: tuple[tuple[Match, FieldlabState], ...]
    fitting: frozenset[str]

    @property
    def open_fitting(self) -> list[Match]:
        """Those that fit and have not ended, best first."""
        return [match for match, state in self.order if match.slug in self.fitting and hard_rule(state) is None]


class Standing(msgspec.Struct, frozen=True):
    """A need against every fieldlab, for explaining an order.

    Attributes:
        order: all of them, ended ones too, best first, with the needs that each serves.
        pieces: per need the reading, and what each fieldlab scores for it alone.
    """

    order: tuple[tuple[Match, FieldlabState], ...]
    pieces: tuple[tuple[Piece, Mapping[str, Match]], ...]


def standing(catalogue: Catalogue, need: Need, today: date, *, model: Model = CURRENT) -> Standing:
    """Return how every fieldlab stands to a need: what `rank` chooses from."""
    everyone = np.arange(len(catalogue.labs))
    found, estimates, _ = _looked_at(
        pieces_of(catalogue, need, cuts=model.cuts), catalogue, today, model, lambda _: everyone
    )
    rankings = [
        _ranking(piece, estimate, everyone.tolist(), catalogue, today)
        for piece, estimate in zip(found, estimates, strict=True)
    ]
    pieces = tuple((each.piece, {match.slug: match for match, _ in each.order}) for each in rankings)
    return Standing(tuple(_merged(rankings)), pieces)


def rank(
    catalogue: Catalogue, need: Need, today: date, *, shown: int = SHOWN, whole: bool = False, model: Model = CURRENT
) -> Slate:
    """Return the fieldlabs that fit a need, best first, each with its reasons.

    Args:
        catalogue: unpublished fieldlabs are not in it; ended ones are, and are named but never ranked.
        need: its text already masked.
        today: the day on which freshness is judged; the same day gives the same answer.
        shown: how many at most.
        model: the present one, unless the installation went back to the one before.
        whole: also those that do not fit, after the same sum: for measuring the order, not for a company.
    """
    hub = _hub(catalogue, need)
    region = hub if need.postcode4 in catalogue.places else None
    pieces = pieces_of(catalogue, need, cuts=model.cuts)

    def choose(estimates: Sequence[Estimate]) -> Places:
        return candidates_of(estimates, catalogue.columns, shown=shown, whole=whole, region=region)

    found, estimates, looked_at = _looked_at(pieces, catalogue, today, model, choose)
    rankings = [
        _ranking(piece, estimate, looked_at.tolist(), catalogue, today)
        for piece, estimate in zip(found, estimates, strict=True)
    ]
    merged = _merged(rankings)
    no_fit = not any(ranking.open_fitting for ranking in rankings)
    open_ = [(match, state) for match, state in merged if hard_rule(state) is None]
    candidates = open_ if no_fit or whole else [(match, state) for match, state in open_ if match.needs]
    limit = min(shown, SHOWN_WITHOUT_FIT) if no_fit and not whole else shown
    best = [ranking.open_fitting[0].slug for ranking in rankings if ranking.open_fitting]
    chosen = chosen_from(candidates, limit, region, best)
    ended = [match for match, _ in merged if match.ended is not None and match.needs]
    return Slate(
        matches=tuple(msgspec.structs.replace(match, rank=place) for place, match in enumerate(chosen, start=1)),
        ended=tuple(ended[:SHOWN_WITHOUT_FIT]),
        concepts=_concepts([ranking.piece.reading for ranking in rankings], catalogue),
        no_fit=no_fit,
        hub=hub,
        model=model.name,
        needs=tuple(_found_need(ranking) for ranking in rankings),
        endings=endings_of(catalogue, [(each.piece, bool(each.open_fitting)) for each in rankings], hub),
    )


def _looked_at(
    pieces: Sequence[Piece],
    catalogue: Catalogue,
    today: date,
    model: Model,
    choose: Callable[[Sequence[Estimate]], Places],
) -> tuple[Sequence[Piece], Sequence[Estimate], Places]:
    """Return the needs, the points of everybody for them, and who can be in the answer.

    Of a catalogue that is too large to read everybody by its pieces, the most promising are; then those that can be in
    the answer, until all that can be have been.
    """
    estimates = [estimated(piece.reading, catalogue, today, model) for piece in pieces]
    meaning = catalogue.meaning
    if meaning is None or meaning.reads_all:
        return pieces, estimates, choose(estimates)
    labs = [
        promising(estimate, each.reading, catalogue.columns) for each, estimate in zip(pieces, estimates, strict=True)
    ]
    while True:
        pieces = [_closer(piece, meaning, own) for piece, own in zip(pieces, labs, strict=True)]
        estimates = [
            estimated_again(estimate, piece.reading, catalogue, model)
            for piece, estimate in zip(pieces, estimates, strict=True)
        ]
        chosen = choose(estimates)
        if not any(_unread(piece, chosen) for piece in pieces):
            return pieces, estimates, chosen
        labs = [chosen] * len(pieces)


def _unread(piece: Piece, labs: Places) -> bool:
    sense = piece.reading.sense
    return sense is not None and sense.read is not None and not sense.read[labs].all()


def _closer(piece: Piece, meaning: Meaning, labs: Places) -> Piece:
    sense = piece.reading.sense
    closer = sense and meaning.closer(sense, labs if sense.read is None else labs[~sense.read[labs]])
    return Piece(piece.id, msgspec.structs.replace(piece.reading, sense=closer))


def _ranking(piece: Piece, estimate: Estimate, looked_at: Sequence[int], catalogue: Catalogue, today: date) -> _Ranking:
    labs = catalogue.labs
    fit = frozenset(labs[i].state.slug for i in looked_at if estimate.fits[i])
    scored = [(_match(piece.reading, estimate, catalogue, i, today), labs[i].state) for i in looked_at]
    scored.sort(key=lambda pair: (-pair[0].score, pair[0].slug))
    return _Ranking(piece, tuple(scored), fit)


def _merged(rankings: Sequence[_Ranking]) -> list[tuple[Match, FieldlabState]]:
    """Return every fieldlab once, best first: with the reasons of the need that it answers best, and all it serves."""
    best: dict[str, tuple[Match, FieldlabState]] = {}
    serves: dict[str, list[tuple[float, str]]] = {}
    for ranking in rankings:
        for match, state in ranking.order:
            fit = match.slug in ranking.fitting
            known = best.get(match.slug)
            if fit:
                serves.setdefault(match.slug, []).append((-match.score, ranking.piece.id))
            if known is None or match.score > known[0].score:
                best[match.slug] = (match, state)
    merged = [
        (msgspec.structs.replace(match, needs=tuple(key for _, key in sorted(serves.get(slug, ())))), state)
        for slug, (match, state) in best.items()
    ]
    return sorted(merged, key=lambda pair: (-pair[0].score, pair[0].slug))


def _found_need(ranking: _Ranking) -> FoundNeed:
    fitting = ranking.open_fitting
    shown = fitting or [match for match, state in ranking.order if hard_rule(state) is None]
    return FoundNeed(
        id=ranking.piece.id,
        quote=ranking.piece.reading.need.text,
        technologies=tuple(concept.key for concept in ranking.piece.reading.concepts),
        fits=bool(fitting),
        fieldlabs=tuple(
            Served(match.slug, match.name, match.score, match.parts) for match in shown[:SHOWN_WITHOUT_FIT]
        ),
    )


def _match(reading: Reading, estimate: Estimate, catalogue: Catalogue, i: int, today: date) -> Match:
    lab = catalogue.labs[i]
    state = lab.state
    facts = fact_parts(reading, catalogue, lab, today)
    value = {name: float(points[i]) for name, points in estimate.parts.items()}
    found = (
        text_part(reading, catalogue, i, value["text"]),
        technology_part(reading, catalogue, i, value["technology"]),
        *(scored for name, scored in facts.items() if name in value),
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


def _concepts(readings: Sequence[Reading], catalogue: Catalogue) -> tuple[FoundConcept, ...]:
    known = catalogue.vocabulary.technologies
    found = {c.key: c for reading in reversed(readings) for c in reversed(reading.concepts)}
    return tuple(
        FoundConcept(key=c.key, label_nl=known[c.key].label_nl, label_en=known[c.key].label_en, words=c.spans)
        for c in reversed(found.values())
    )


def _hub(catalogue: Catalogue, need: Need) -> str:
    place = catalogue.places.get(need.postcode4 or "")
    hub = place.hub if place else UNASSIGNED
    return NATIONAL if hub == UNASSIGNED else hub
