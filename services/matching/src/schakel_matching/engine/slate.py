"""What the engine is asked and what it answers."""

from typing import Literal

import msgspec

PartName = Literal["text", "technology", "sector", "distance", "status", "freshness"]

Unknown = Literal[
    "technology",
    "company_sector",
    "fieldlab_sector",
    "company_place",
    "fieldlab_place",
    "status",
    "capacity",
    "confirmation",
]
"""Facts that nobody told us; each is neutral, except that no confirmation costs freshness."""


class Need(msgspec.Struct, frozen=True):
    """What a company asks.

    Attributes:
        text: in its own words; masked by the caller, because the answer quotes it.
        language: in which the company reads.
        postcode4: four digits, or None when not told or not known.
        sbi_division: two digits, or None.
    """

    text: str
    language: Literal["nl", "en"] = "nl"
    postcode4: str | None = None
    sbi_division: str | None = None


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """One reason: what it adds to the score, said in both languages.

    Attributes:
        evidence: real quotes only: words of the company's text, then pieces of the fieldlab's record.
    """

    name: PartName
    value: float
    text_nl: str
    text_en: str
    evidence: tuple[str, ...] = ()


class Ended(msgspec.Struct, frozen=True, rename="camel"):
    """When a fieldlab ended and what it went on in: the slug of a fieldlab or a hub."""

    on: str | None
    successor: str | None


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """A fieldlab in the slate; ``score`` is exactly the sum of its parts.

    Attributes:
        rank: 1, 2, 3, ...; 0 of one that has ended.
    """

    slug: str
    name: str
    rank: int
    score: float
    parts: tuple[Part, ...]
    unknown: tuple[Unknown, ...]
    ended: Ended | None = None


class FoundConcept(msgspec.Struct, frozen=True, rename="camel"):
    """A technology recognised in the need, with the company's words for it."""

    key: str
    label_nl: str
    label_en: str
    words: tuple[str, ...]


class Slate(msgspec.Struct, frozen=True, rename="camel"):
    """The answer: the fieldlabs that fit, best first, or, when ``no_fit``, the closest ones.

    Attributes:
        ended: those that would have fitted but have ended; never among the matches.
        hub: the next step when nothing fits: the hub of the company's place, or ``national``.
        model: version of the model that made it.
    """

    matches: tuple[Match, ...]
    ended: tuple[Match, ...]
    concepts: tuple[FoundConcept, ...]
    no_fit: bool
    hub: str
    model: str
