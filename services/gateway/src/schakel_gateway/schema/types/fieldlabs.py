"""Fieldlabs and hubs, as everyone may know them."""

import strawberry

from schakel_gateway.schema.enums import Capacity, FieldlabStatus, RecognitionStatus, SizeClass
from schakel_gateway.schema.types.shared import PageInfo


@strawberry.type
class Recognition:
    """The steering group's decision; dates keep the precision of their source."""

    status: RecognitionStatus
    on: str | None
    until: str | None
    basis: str | None


@strawberry.type
class Confirmation:
    """Who last said that the record is right, and when."""

    on: str
    by: str


@strawberry.type
class Fieldlab:
    """A fieldlab or a kindred place; what is not known is null, empty or UNKNOWN, never guessed."""

    id: strawberry.ID
    version: int = strawberry.field(description="Pass it as `ifVersion` when changing this.")
    slug: str
    name: str
    kind: str = strawberry.field(description="Only `fieldlab` counts as one.")
    hub: str = strawberry.field(description="Slug of the hub of its region, or `national`.")
    status: FieldlabStatus
    status_as_of: str | None
    recognition: Recognition
    published: bool
    description_nl: str
    description_en: str
    province: str | None = strawberry.field(description="ISO 3166-2.")
    municipality_code: str | None
    place: str | None
    postcode4: str | None
    latitude: float | None
    longitude: float | None
    started: str | None
    ended: str | None
    succeeded_by: str | None = strawberry.field(description="Slug of a fieldlab or of a hub.")
    type: str | None
    themes: list[str] = strawberry.field(description="Keys of `technologies`.")
    transformations: list[str]
    services: list[str]
    sectors: list[str] = strawberry.field(description="SBI 2008 divisions.")
    partners: list[str]
    facilities: list[str]
    languages: list[str]
    trl_min: int | None
    trl_max: int | None
    capacity: Capacity
    website: str | None
    confirmed: Confirmation | None
    verification: str
    sources: list[str]
    company_sizes: list[SizeClass] | None = strawberry.field(description="Of companies it works for; none is unknown.")


@strawberry.type
class FieldlabConnection:
    """One page of fieldlabs, by name."""

    nodes: list[Fieldlab]
    total_count: int
    page_info: PageInfo


@strawberry.type
class Hub:
    """A regional hub, or the national programme office (kind ``programme_office``)."""

    id: strawberry.ID
    version: int
    slug: str
    kind: str
    name_nl: str
    name_en: str
    description_nl: str
    description_en: str
    provinces: list[str] = strawberry.field(description="ISO 3166-2; its region.")
    website: str | None
    edih: str | None
    host: str | None
    partners: list[str]
    sources: list[str]
    verification: str
