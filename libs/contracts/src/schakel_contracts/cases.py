"""A story of a firm, tied to a fieldlab and, where there is one, a measured effect."""

from typing import Literal
from uuid import UUID

import msgspec


class Effect(msgspec.Struct, frozen=True):
    """What it brought; ``measured`` only for a count or a test result in a source, never for a hope."""

    text_nl: str
    text_en: str
    measured: bool


class CaseState(msgspec.Struct, frozen=True):
    """The whole public state of a case; ``owner`` is a scope, ``hub`` the leaf it counts at."""

    id: UUID
    slug: str
    owner: str
    hub: str
    status: Literal["published", "withdrawn"]
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    date: str | None = None
    fieldlab: str | None = None
    place: str | None = None
    province: str | None = None
    municipality_code: str | None = None
    themes: list[str] = []
    transformations: list[str] = []
    sectors: list[str] = []
    company_names: list[str] = []
    company_size: str | None = None
    effect: Effect | None = None
    sources: list[str] = []
    verification: str = "unverified"
