"""Activities, registrations for them, and cases."""

import strawberry

from schakel_gateway.schema.enums import (
    ActivityMode,
    ActivityStatus,
    CaseStatus,
    DatePrecision,
    PrivateState,
    RegistrationStatus,
)
from schakel_gateway.schema.scalars import Instant
from schakel_gateway.schema.types.shared import PageInfo, private, private_state


@strawberry.type
class RegistrationContact:
    """Who comes."""

    name: str | None
    email: str | None


@strawberry.type
class Registration:
    """A registration for an activity."""

    id: strawberry.ID
    version: int
    activity_id: strawberry.ID
    status: RegistrationStatus
    registered_at: Instant
    company_id: strawberry.ID | None
    private_state: PrivateState = private_state()
    contact: RegistrationContact | None = private()


@strawberry.type
class Activity:
    """A calendar event."""

    id: strawberry.ID
    version: int
    slug: str
    organiser: str = strawberry.field(description="The scope that owns it, such as `hub:oost`.")
    organiser_name: str | None
    hub: str
    status: ActivityStatus
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    starts_at: str = strawberry.field(description="An instant, a day or a month: see `datePrecision`.")
    date_precision: DatePrecision
    ends_at: str | None
    mode: ActivityMode
    place: str | None
    province: str | None
    municipality_code: str | None
    fieldlabs: list[str]
    themes: list[str]
    capacity: int | None = strawberry.field(description="Null means no limit.")
    seats_taken: int | None
    waiting: int | None
    attendance: int | None
    website: str | None
    sources: list[str]
    my_registration: Registration | None
    registrations: list[Registration] = strawberry.field(
        description="Those that you may see: the organiser's, or yours."
    )


@strawberry.type
class ActivityConnection:
    """One page of activities; the next one to come first, then the past."""

    nodes: list[Activity]
    total_count: int
    page_info: PageInfo


@strawberry.type
class Effect:
    """What it brought; measured only where a source has a count or a test result."""

    text_nl: str
    text_en: str
    measured: bool


@strawberry.type
class Case:
    """A story of a firm."""

    id: strawberry.ID
    version: int
    slug: str
    owner: str
    hub: str
    status: CaseStatus
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    date: str | None
    fieldlab: str | None = strawberry.field(description="Slug.")
    place: str | None
    province: str | None
    municipality_code: str | None
    themes: list[str]
    transformations: list[str]
    sectors: list[str]
    company_names: list[str]
    company_size: str | None
    effect: Effect | None
    sources: list[str]
    verification: str


@strawberry.type
class CaseConnection:
    """One page of cases, newest first."""

    nodes: list[Case]
    total_count: int
    page_info: PageInfo
