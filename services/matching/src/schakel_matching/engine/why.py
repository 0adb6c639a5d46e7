"""Why a fieldlab stands where it stands in a need's order, and what would change that: recomputed, never guessed.

A missing fact is supposed to be known and to suit; a fact that costs points is supposed to cost none. The part is then
computed by the same functions as ever, and the fieldlab takes its new place in the same order, by the same hard rules.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from schakel_contracts.fieldlabs import Confirmation, FieldlabState
from schakel_matching.engine.catalogue import Catalogue, Lab
from schakel_matching.engine.choosing import campus_of, hard_rule
from schakel_matching.engine.facts import fact_parts
from schakel_matching.engine.ranges import CURRENT, PER_CAMPUS, Model
from schakel_matching.engine.rank import Standing, standing
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.slate import Match, Need, PartName

TOP: Final = 3
"""Places that a company looks at first."""

Fact = Literal[
    "confirmation",
    "capacity",
    "status",
    "fieldlab_trl",
    "fieldlab_sector",
    "fieldlab_transformation",
    "fieldlab_service",
    "fieldlab_size",
    "fieldlab_language",
]
"""What a fieldlab can say of itself so that it stands elsewhere."""

Kept = Literal["ended", "abroad", "campus", "no_fit"]
"""What keeps it out: it has ended; it lies abroad; two better ones of its campus are shown; or it does not answer the
need while others do."""

_PART_OF: Final[Mapping[Fact, PartName]] = {
    "confirmation": "freshness",
    "capacity": "capacity",
    "status": "status",
    "fieldlab_trl": "trl",
    "fieldlab_sector": "sector",
    "fieldlab_transformation": "transformation",
    "fieldlab_service": "service",
    "fieldlab_size": "size",
    "fieldlab_language": "language",
}
_CAN_HAPPEN: Final[frozenset[Fact]] = frozenset({"confirmation", "capacity", "status"})
"""What can become better by an act (confirm, room, open); of the others only what is missing is supposed to suit."""


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """What would change the order.

    Attributes:
        fact: what would be known, or would cost nothing any more.
        missing: nobody told it; otherwise it costs points now.
        gain: points at most, to one decimal more than a reader needs.
        rank: the place that it alone would give.
    """

    fact: Fact
    missing: bool
    gain: float
    rank: int


class Why(msgspec.Struct, frozen=True, rename="camel"):
    """One fieldlab in the whole order of a need.

    Attributes:
        match: with all its parts; its ``rank`` is the place in the whole order, 0 where a hard rule keeps it out.
        of: how many fieldlabs are in the order.
        kept_out: by which hard rule, if any.
        campus: names of those that take the places of its campus.
        short: points that it lacks for the third place; 0 when it has one of the first three or cannot get there.
        changes: most points first.
        enough: the fewest of these facts, most points first, that together bring it to the first three; or none.
    """

    match: Match
    of: int
    kept_out: Kept | None
    campus: tuple[str, ...]
    short: float
    changes: tuple[Change, ...]
    enough: tuple[Fact, ...]


class Order:
    """The order of a need in which one fieldlab can be moved.

    Args:
        found: every fieldlab against the need.
    """

    def __init__(self, found: Standing) -> None:
        self._open = {match.slug: (match, state) for match, state in found.order if hard_rule(state) is None}
        self._some_fit = any(match.needs for match, _ in self._open.values())
        self.places = self._places({})

    def place(self, slug: str, gain: float = 0.0) -> int:
        """Return the place of a fieldlab with so many points more; 0 when the rule of the campus keeps it out."""
        places = self.places if not gain else self._places({slug: gain})
        return places.index(slug) + 1 if slug in places else 0

    def score_of(self, place: int) -> float:
        """Return the score at a place (from 1); below the last one nothing is needed."""
        return self._open[self.places[place - 1]][0].score if place <= len(self.places) else float("-inf")

    def fits(self, slug: str) -> bool:
        """Whether a fieldlab answers the need, or nobody does."""
        return bool(self._open[slug][0].needs) or not self._some_fit

    def answering(self) -> tuple[Match, ...]:
        """Return those that answer the need, each with its place; none when nobody does."""
        found = ((place, self._open[slug][0]) for place, slug in enumerate(self.places, start=1))
        return tuple(msgspec.structs.replace(match, rank=place) for place, match in found if match.needs)

    def campus_of(self, slug: str) -> tuple[str, ...]:
        """Return the names of those of the same campus that stand in the order."""
        campus = campus_of(self._open[slug][1])
        return tuple(
            self._open[each][0].name
            for each in self.places
            if each != slug and campus_of(self._open[each][1]) == campus
        )

    def _places(self, gains: Mapping[str, float]) -> list[str]:
        """Return the slugs in order: those that fit first, then by score; at most two of one campus."""
        ordered = sorted(
            self._open.values(),
            key=lambda pair: (
                self._some_fit and not pair[0].needs,
                -(pair[0].score + gains.get(pair[0].slug, 0.0)),
                pair[0].slug,
            ),
        )
        seen: Counter[str] = Counter()
        chosen = []
        for match, state in ordered:
            seen[campus_of(state)] += 1
            if seen[campus_of(state)] <= PER_CAMPUS:
                chosen.append(match.slug)
        return chosen


def why(catalogue: Catalogue, need: Need, slug: str, today: date, *, model: Model = CURRENT) -> Why | None:
    """Return why a fieldlab stands where it stands; None when the catalogue has no such fieldlab (or not published).

    Args:
        catalogue: published fieldlabs.
        need: its text already masked.
        slug: of the fieldlab.
        today: the day on which freshness is judged.
        model: of the installation.
    """
    return why_in(standing(catalogue, need, today, model=model), catalogue, slug, today)


def why_in(found: Standing, catalogue: Catalogue, slug: str, today: date) -> Why | None:
    """Return the same from an order that was made before, such as for a second fieldlab."""
    match, state = next((pair for pair in found.order if pair[0].slug == slug), (None, None))
    if match is None or state is None:
        return None
    order = Order(found)
    rule = hard_rule(state)
    if rule is not None:
        return Why(match, len(order.places), "abroad" if rule == "abroad" else "ended", (), 0.0, (), ())
    place = order.place(slug)
    kept: Kept | None = "no_fit" if not order.fits(slug) else "campus" if place == 0 else None
    shown = msgspec.structs.replace(match, rank=place)
    if kept == "no_fit":
        return Why(shown, len(order.places), kept, (), 0.0, (), ())
    gains = _gains(found, catalogue, slug, today)
    top = 1 <= place <= TOP
    return Why(
        match=shown,
        of=len(order.places),
        kept_out=kept,
        campus=order.campus_of(slug) if kept == "campus" else (),
        short=0.0 if top else max(0.0, order.score_of(TOP) - match.score),
        changes=tuple(
            Change(fact, missing=missing, gain=gain, rank=order.place(slug, gain))
            for fact, (missing, gain) in gains.items()
        ),
        enough=() if top else _enough(order, slug, gains),
    )


def _gains(found: Standing, catalogue: Catalogue, slug: str, today: date) -> dict[Fact, tuple[bool, float]]:
    """Return per fact whether it is missing and what it would add to the score, most first."""
    lab = next(each for each in catalogue.labs if each.state.slug == slug)
    now = max(scores[slug].score for _, scores in found.pieces)
    gains: dict[Fact, tuple[bool, float]] = {}
    for fact, part in _PART_OF.items():
        missing, best = False, now
        for piece, scores in found.pieces:
            match = scores[slug]
            value = next((each.value for each in match.parts if each.name == part), None)
            if value is None:  # the model in use has no such part
                continue
            unknown = fact in match.unknown
            better = _better(fact, piece.reading, catalogue, lab, today, unknown=unknown, value=value)
            if match.score + better > best:
                missing, best = unknown, match.score + better
        if best > now:
            gains[fact] = (missing, best - now)
    return dict(sorted(gains.items(), key=lambda item: (-item[1][1], item[0])))


def _better(
    fact: Fact, reading: Reading, catalogue: Catalogue, lab: Lab, today: date, *, unknown: bool, value: float
) -> float:
    """Return the points that a fact would add to one need's score."""
    if not unknown and fact not in _CAN_HAPPEN:
        return max(0.0, -value)
    supposed = _SUPPOSED[fact](reading, lab.state, today)
    if supposed is None:
        return 0.0
    changed = Lab(supposed, catalogue.places)
    return max(0.0, fact_parts(reading, catalogue, changed, today)[_PART_OF[fact]][0].value - value)


def _enough(order: Order, slug: str, gains: Mapping[Fact, tuple[bool, float]]) -> tuple[Fact, ...]:
    together: list[Fact] = []
    points = 0.0
    for fact, (_, gain) in gains.items():
        together.append(fact)
        points += gain
        if 1 <= order.place(slug, points) <= TOP:
            return tuple(together)
    return ()


Supposing = Callable[[Reading, FieldlabState, date], FieldlabState | None]
"""Suppose that a fieldlab's fact is known and suits the need; None when the need says nothing that it could suit."""


def _confirmed(_reading: Reading, state: FieldlabState, today: date) -> FieldlabState:
    return msgspec.structs.replace(state, confirmed=Confirmation(on=today.isoformat(), by="supposed"))


def _with_room(_reading: Reading, state: FieldlabState, _today: date) -> FieldlabState:
    return msgspec.structs.replace(state, capacity="free")


def _open_now(_reading: Reading, state: FieldlabState, _today: date) -> FieldlabState:
    return msgspec.structs.replace(state, status="active")


def _of_this_level(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState | None:
    level = reading.need.told.trl
    return None if level is None else msgspec.structs.replace(state, trl_min=level, trl_max=level)


def _of_this_sector(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState | None:
    division = reading.need.sbi_division
    return None if division is None else msgspec.structs.replace(state, sectors=[division])


def _of_this_change(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState | None:
    asked = list(reading.transformations)
    return msgspec.structs.replace(state, transformations=asked) if asked else None


def _with_this_service(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState | None:
    wanted = reading.service
    return None if wanted is None else msgspec.structs.replace(state, services=[wanted.service])


def _for_this_size(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState | None:
    size = reading.need.told.size
    return None if size == "unknown" else msgspec.structs.replace(state, company_sizes=[size])


def _in_this_language(reading: Reading, state: FieldlabState, _today: date) -> FieldlabState:
    return msgspec.structs.replace(state, languages=[reading.need.language])


_SUPPOSED: Final[Mapping[Fact, Supposing]] = {
    "confirmation": _confirmed,
    "capacity": _with_room,
    "status": _open_now,
    "fieldlab_trl": _of_this_level,
    "fieldlab_sector": _of_this_sector,
    "fieldlab_transformation": _of_this_change,
    "fieldlab_service": _with_this_service,
    "fieldlab_size": _for_this_size,
    "fieldlab_language": _in_this_language,
}
