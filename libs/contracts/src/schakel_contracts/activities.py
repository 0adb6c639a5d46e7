"""Activities (calendar events; "event" means a domain event in this code) and registrations for them."""

from typing import Literal
from uuid import UUID

import msgspec


class ActivityState(msgspec.Struct, frozen=True):
    """The whole public state of an activity.

    Attributes:
        organiser: the scope that owns it: ``national``, ``hub:<slug>`` or ``fieldlab:<slug>``.
        hub: the leaf it counts at: a hub's slug or ``national``.
        starts_at: RFC 3339 in UTC, or a day or month where the source is no more precise (see ``date_precision``).
        capacity: seats; None means no limit.
        seats_taken: registrations that hold a seat; of imported past activities None.
    """

    id: UUID
    slug: str
    organiser: str
    hub: str
    status: Literal["planned", "held", "cancelled"]
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    starts_at: str
    date_precision: Literal["instant", "day", "month"]
    ends_at: str | None = None
    mode: Literal["on_site", "online", "hybrid", "unknown"] = "unknown"
    place: str | None = None
    province: str | None = None
    municipality_code: str | None = None
    organiser_name: str | None = None
    fieldlabs: list[str] = []
    themes: list[str] = []
    capacity: int | None = None
    seats_taken: int | None = None
    waiting: int | None = None
    attendance: int | None = None
    website: str | None = None
    sources: list[str] = []


class RegistrationState(msgspec.Struct, frozen=True):
    """A registration, without the person: only the identity provider's random subject.

    Attributes:
        activity_hub: the leaf of the activity.
        home_hub: of the person's company, or ``unassigned``.
    """

    id: UUID
    activity_id: UUID
    activity_hub: str
    sub: str | None
    status: Literal["registered", "waiting", "cancelled", "attended", "erased"]
    registered_at: str
    home_hub: str = "unassigned"
    company_id: UUID | None = None
