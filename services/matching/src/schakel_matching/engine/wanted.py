"""Which service a company wants: what it told, or what its verbs say ("leren", "uitproberen", "advies")."""

from collections.abc import Sequence
from typing import Final

import msgspec

from schakel_matching.engine.slate import Need, Service
from schakel_matching.engine.words import Token, stem_of

_WORDS: Final[dict[Service, str]] = {
    "training": "leren leert opleiden opleiding cursus bijscholen training trainen inleren studie learn"
    " learning course courses train study teach lessons lessen",
    "test_before_invest": "proberen uitproberen uittesten uitprobeer",
    "prototyping": "prototype prototypes proefmodel proefstuk proefopstelling proefopstellingen",
    "shared_facility": "testveld testlocatie testruimte cleanroom bassin basin werkplaats",
    "consultancy": "advies advice meedenken doorlichten",
    "piloting": "pilot proefproject praktijkproef",
}
"""Words that say it by themselves. Words that people also use for something else ("zien", "samen") are not here."""
_OF_STEM: Final = {stem_of(word): service for service, words in _WORDS.items() for word in words.split()}
_LESSONS: Final = ("cursus", "cursussen", "opleiding", "opleidingen", "training", "trainingen")
"""Ends of compounds: a "robotcursus" is a course."""


class Wanted(msgspec.Struct, frozen=True):
    """A service, and the company's word for it; None when it was told."""

    service: Service
    span: str | None


def wanted_of(need: Need, tokens: Sequence[Token]) -> Wanted | None:
    """Return the service that a company wants; of several that its words say, the first."""
    if need.told.service is not None:
        return Wanted(need.told.service, None)
    for token in tokens:
        service = _OF_STEM.get(token.stem) or ("training" if token.folded.endswith(_LESSONS) else None)
        if service is not None:
            return Wanted(service, need.text[token.start : token.end])
    return None
