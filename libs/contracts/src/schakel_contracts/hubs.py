"""A regional hub, or the national programme office."""

from typing import Literal
from uuid import UUID

import msgspec


class HubState(msgspec.Struct, frozen=True):
    """The whole public state of a hub; ``provinces`` (ISO 3166-2) are its region."""

    id: UUID
    slug: str
    kind: Literal["hub", "programme_office"]
    name_nl: str
    name_en: str
    description_nl: str
    description_en: str
    provinces: list[str] = []
    website: str | None = None
    edih: str | None = None
    host: str | None = None
    partners: list[str] = []
    sources: list[str] = []
    verification: str = "unverified"
