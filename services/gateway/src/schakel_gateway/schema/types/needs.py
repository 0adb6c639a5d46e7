"""What is read in a need: its parts in the company's words, where else it is served, and what the company told."""

import strawberry

from schakel_gateway.schema.enums import EndingKind, SizeClass, SlateNews


@strawberry.type
class MatchPart:
    """One reason; the values of all parts add up to the score."""

    name: str
    value: float
    text_nl: str
    text_en: str
    evidence: list[str] = strawberry.field(description="The words or facts it rests on; they can quote the need.")


@strawberry.type
class ServingFieldlab:
    """A fieldlab for one of the needs, with the score and the reasons that it has for that need alone."""

    slug: str
    name: str
    score: float
    parts: list[MatchPart]


@strawberry.type
class FoundNeed:
    """One of the needs in a text; a text with one need has one."""

    id: str = strawberry.field(description="Of this text only: `n1`, `n2`, ...")
    quote: str = strawberry.field(description="The piece of the text that says it, word for word.")
    technologies: list[str]
    fits: bool = strawberry.field(description="Whether a fieldlab answers it; otherwise the closest are given.")
    fieldlabs: list[ServingFieldlab]


@strawberry.type
class Ending:
    """A programme, training or hub that serves a need better than, or beside, a fieldlab."""

    kind: EndingKind
    slug: str
    name_nl: str
    name_en: str
    url: str | None
    quote: str = strawberry.field(description="The company's words that led here.")
    reason_nl: str
    reason_en: str
    needs: list[str]


@strawberry.type
class ToldTechnologies:
    """Technologies that the company says it asks, and those that it does not, whatever was read."""

    right: list[str]
    wrong: list[str]


@strawberry.type
class Told:
    """What a company told beside its text; it overrules what was read."""

    needs: list[str]
    technologies: ToldTechnologies
    service_wanted: str | None
    trl: int | None
    size_class: SizeClass


@strawberry.type
class FieldlabNews:
    """What became of one fieldlab in a slate."""

    fieldlab: str
    fieldlab_name: str
    what: SlateNews


@strawberry.type
class ChallengeNews:
    """What a company should hear of a slate that changed by itself."""

    on: str
    fieldlabs: list[FieldlabNews]
