"""The network in figures."""

import strawberry

from schakel_gateway.schema.enums import IndicatorKind, Level
from schakel_gateway.schema.scalars import Instant


@strawberry.type
class HubCount:
    """One region's part of a figure."""

    hub: str
    count: int | None = strawberry.field(description="Null: not known, or hidden from the public because it is small.")


@strawberry.type
class FieldlabCount:
    """One fieldlab's part of a figure, by the fieldlab that serves."""

    fieldlab: str
    count: int | None = strawberry.field(description="Null: not known, or hidden from the public because it is small.")


@strawberry.type
class Indicator:
    """A figure with its parts. ``total`` = the sum of national, unassigned and regions; null means unknown or hidden.

    Split by fieldlab the parts of a UNIQUE indicator can overlap: total = sum of fieldlabs - overlap.
    """

    key: str
    kind: IndicatorKind
    definition_nl: str
    definition_en: str
    measure: str = strawberry.field(description="`stock`: how many at that moment. `flow`: how many until then.")
    version: int = strawberry.field(description="Of the definition.")
    history_begins: Instant | None = strawberry.field(description="Before this the figure is unknown, never 0.")
    known: bool
    reason: str | None = strawberry.field(description="Why it is not known: `before-history` or `month-ends-only`.")
    total: int | None
    national: int | None = strawberry.field(
        description="The leaf of facts that belong to no region but to the country."
    )
    unassigned: int | None = strawberry.field(description="The leaf of facts whose place is not known.")
    regions: list[HubCount]
    fieldlabs: list[FieldlabCount]
    overlap: int | None = strawberry.field(description="What the split by fieldlab counts more than once.")


@strawberry.type
class Network:
    """All figures of one moment in the world, as they were known at one moment."""

    as_of: Instant
    known_at: Instant | None
    watermark: Instant | None = strawberry.field(description="Everything recorded until then has arrived.")
    settled: bool = strawberry.field(description="Asking again with these two moments gives the same figures for ever.")
    position: int
    level: Level
    region: str | None
    indicators: list[Indicator]


@strawberry.type
class WhiteSpot:
    """A technology that companies of a province asked for and no published fieldlab of that province has."""

    technology: str = strawberry.field(description="Key of the technology vocabulary.")
    province: str
    companies: int = strawberry.field(description="Different companies that asked, in open and in past needs.")
    needs: int
    fieldlabs_elsewhere: int = strawberry.field(description="Fieldlabs of other provinces that have it.")


@strawberry.type
class WhiteSpots:
    """Demand without supply, per technology and province, of one moment."""

    as_of: Instant
    position: int
    exact: bool = strawberry.field(
        description="False: the state of the last month end, without cells of fewer than 5 companies."
    )
    region: str | None
    spots: list[WhiteSpot] = strawberry.field(description="Most companies first.")


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
