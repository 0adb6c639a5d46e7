"""The network in figures."""

import strawberry

from schakel_gateway.schema.enums import IndicatorKind, Level
from schakel_gateway.schema.scalars import Instant


@strawberry.type
class HubCount:
    """One region's part of a figure."""

    hub: str
    count: int


@strawberry.type
class FieldlabCount:
    """One fieldlab's part of a figure, by the fieldlab that serves."""

    fieldlab: str
    count: int


@strawberry.type
class Indicator:
    """A figure with its parts. ``total`` = the sum of national, unassigned and regions; null means unknown, never 0.

    Split by fieldlab the parts of a UNIQUE indicator can overlap: total = sum of fieldlabs - overlap.
    """

    key: str
    kind: IndicatorKind
    definition_nl: str
    definition_en: str
    version: int = strawberry.field(description="Of the definition.")
    history_begins: str | None = strawberry.field(description="Before this day the figure is unknown.")
    total: int | None
    national: int | None = strawberry.field(description="The leaf of facts that belong to no region but to the country.")
    unassigned: int | None = strawberry.field(description="The leaf of facts whose place is not known.")
    regions: list[HubCount]
    fieldlabs: list[FieldlabCount]
    overlap: int | None = strawberry.field(description="What the split by fieldlab counts more than once.")


@strawberry.type
class Network:
    """All figures of one moment in the world, as they were known at one moment."""

    as_of: Instant
    known_at: Instant
    position: int
    level: Level
    region: str | None
    indicators: list[Indicator]


@strawberry.type
class PublishedFigure:
    """A figure from a letter or a monitor, with its source: shown beside computed figures, never added to them."""

    id: strawberry.ID
    version: int
    key: str
    level: Level
    subject: str
    label_nl: str
    label_en: str
    value: float
    unit: str
    qualifier: str
    kind: str
    source: str
    as_of: str | None
    published: str | None
    verification: str


@strawberry.type
class Technology:
    """A word of the technology vocabulary; ``themes`` and ``concepts`` elsewhere hold its key."""

    key: str
    name_nl: str
    name_en: str
    fieldlabs: int = strawberry.field(description="How many fieldlabs that have not ended name it as a theme.")
