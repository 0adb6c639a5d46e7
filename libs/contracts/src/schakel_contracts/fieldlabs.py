"""A fieldlab as everyone may know it. Recognition and operating status are two axes, each with ``unknown``."""

from typing import Literal
from uuid import UUID

import msgspec

from schakel_contracts.companies import SizeClass

FieldlabStatus = Literal["candidate", "active", "paused", "ended", "unknown"]
RecognitionStatus = Literal["recognised", "withdrawn", "unknown"]
Capacity = Literal["free", "limited", "full", "unknown"]


class Recognition(msgspec.Struct, frozen=True):
    """The steering group's decision; dates keep the precision of their source (YYYY, YYYY-MM or YYYY-MM-DD)."""

    status: RecognitionStatus
    on: str | None = None
    until: str | None = None
    basis: str | None = None


class Confirmation(msgspec.Struct, frozen=True):
    """Who last said that the record is right, and on which day (YYYY-MM-DD)."""

    on: str
    by: str


class FieldlabState(msgspec.Struct, frozen=True):
    """The whole public state of a fieldlab (or a kindred place, see ``kind``).

    Attributes:
        kind: ``fieldlab``, ``test_facility``, ``skillslab``, ...; only ``fieldlab`` counts as one.
        hub: slug of the hub of its region, or ``national``.
        province: ISO 3166-2, or None where it has no one place.
        status_as_of: how far back the status was seen, in the precision of its source.
        themes: keys of the technology vocabulary.
        sectors: SBI 2008 divisions (two digits).
        languages: ISO 639-1; empty means unknown.
        published: False is seen by the national team only.
        succeeded_by: slug of a fieldlab or of a hub.
        company_sizes: size classes of the companies it works for; empty means unknown.
    """

    id: UUID
    slug: str
    name: str
    kind: str
    hub: str
    status: FieldlabStatus
    recognition: Recognition
    published: bool
    description_nl: str
    description_en: str
    province: str | None = None
    municipality_code: str | None = None
    place: str | None = None
    postcode4: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    status_as_of: str | None = None
    started: str | None = None
    ended: str | None = None
    succeeded_by: str | None = None
    type: str | None = None
    themes: list[str] = []
    transformations: list[str] = []
    services: list[str] = []
    sectors: list[str] = []
    partners: list[str] = []
    facilities: list[str] = []
    languages: list[str] = []
    trl_min: int | None = None
    trl_max: int | None = None
    capacity: Capacity = "unknown"
    website: str | None = None
    confirmed: Confirmation | None = None
    verification: str = "unverified"
    sources: list[str] = []
    company_sizes: list[SizeClass] = []
