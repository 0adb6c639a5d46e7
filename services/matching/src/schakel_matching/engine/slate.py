"""What the engine is asked and what it answers."""

from typing import Final, Literal

import msgspec

from schakel_contracts.companies import SizeClass

PartName = Literal[
    "text",
    "technology",
    "sector",
    "transformation",
    "service",
    "trl",
    "size",
    "distance",
    "language",
    "capacity",
    "status",
    "freshness",
]

Service = Literal[
    "consultancy",
    "demonstration",
    "networking",
    "piloting",
    "prototyping",
    "shared_facility",
    "test_before_invest",
    "training",
]
"""What a fieldlab can do for a company; the register's words."""

Unknown = Literal[
    "technology",
    "company_sector",
    "fieldlab_sector",
    "company_transformation",
    "fieldlab_transformation",
    "company_service",
    "fieldlab_service",
    "company_trl",
    "fieldlab_trl",
    "company_size",
    "fieldlab_size",
    "fieldlab_language",
    "company_place",
    "fieldlab_place",
    "status",
    "capacity",
    "confirmation",
]
"""Facts that nobody told us; each is neutral, except that no confirmation costs freshness."""


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """What a company told beside its text; it overrules what was recognised.

    Attributes:
        needs: its separate needs, each a piece of the text as written (masked); empty leaves the cutting to the engine.
        right: technologies that it does ask.
        wrong: technologies that it does not ask, whatever its words look like.
        service: what it wants a fieldlab to do.
        trl: technology readiness level, 1 to 9, of what it brings.
        size: size class of the company; ``unknown`` says nothing.
    """

    needs: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    service: Service | None = None
    trl: int | None = None
    size: SizeClass = "unknown"


NOTHING_TOLD: Final = Told()


class Need(msgspec.Struct, frozen=True):
    """What a company asks.

    Attributes:
        text: in its own words; masked by the caller, because the answer quotes it.
        language: in which the company reads.
        postcode4: four digits, or None when not told or not known.
        sbi_division: two digits, or None.
        told: what it told beside its text.
    """

    text: str
    language: Literal["nl", "en"] = "nl"
    postcode4: str | None = None
    sbi_division: str | None = None
    told: Told = NOTHING_TOLD


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
        needs: ids of the needs that it serves; the first is the one that it serves best.
        outside_region: it stands here by the rule that one clearly better fieldlab from another region is shown.
    """

    slug: str
    name: str
    rank: int
    score: float
    parts: tuple[Part, ...]
    unknown: tuple[Unknown, ...]
    ended: Ended | None = None
    needs: tuple[str, ...] = ()
    outside_region: bool = False


class FoundConcept(msgspec.Struct, frozen=True, rename="camel"):
    """A technology recognised in the need, with the company's words for it."""

    key: str
    label_nl: str
    label_en: str
    words: tuple[str, ...]


class Served(msgspec.Struct, frozen=True, rename="camel"):
    """A fieldlab for one of the needs, with the score and the reasons that it has for that need alone."""

    slug: str
    name: str
    score: float
    parts: tuple[Part, ...] = ()


class FoundNeed(msgspec.Struct, frozen=True, rename="camel"):
    """One of the needs in a text.

    Attributes:
        id: ``n1``, ``n2``, ... in the order of the text.
        quote: the piece of the (masked) text that says it, exactly.
        technologies: keys recognised in it, surest first.
        fits: whether a fieldlab answers it.
        fieldlabs: best first; when none fits, the closest.
    """

    id: str
    quote: str
    technologies: tuple[str, ...]
    fits: bool
    fieldlabs: tuple[Served, ...]


class Ending(msgspec.Struct, frozen=True, rename="camel"):
    """Where a need is served better than, or beside, any fieldlab.

    Attributes:
        slug: of a programme or training of the register, or of a hub.
        url: its own page; None when the register knows none.
        quote: the words of the company that led here.
        reason_nl: the register's own words on when to go there.
        reason_en: the same in English.
        needs: ids of the needs that it serves.
    """

    kind: Literal["programme", "training", "hub"]
    slug: str
    name_nl: str
    name_en: str
    url: str | None
    quote: str
    reason_nl: str
    reason_en: str
    needs: tuple[str, ...] = ()


class Slate(msgspec.Struct, frozen=True, rename="camel"):
    """The answer: the fieldlabs that fit, best first, or, when ``no_fit``, the closest ones.

    Attributes:
        ended: those that would have fitted but have ended; never among the matches.
        hub: the next step when nothing fits: the hub of the company's place, or ``national``.
        model: version of the model that made it.
        needs: what is asked, one entry per need; a text with one need has one.
        endings: programmes and trainings that serve a need better than, or beside, a fieldlab; the surest first.
    """

    matches: tuple[Match, ...]
    ended: tuple[Match, ...]
    concepts: tuple[FoundConcept, ...]
    no_fit: bool
    hub: str
    model: str
    needs: tuple[FoundNeed, ...] = ()
    endings: tuple[Ending, ...] = ()
