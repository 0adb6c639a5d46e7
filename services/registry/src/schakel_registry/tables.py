"""The tables of the register, and the one way from their rows to the public state of each aggregate.

Names, KvK numbers, addresses and contacts are in `CompanyRow`, `EstablishmentRow` and `MemberRow` and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from schakel_common.database import service_registry
from schakel_contracts.companies import CompanyState, CompanyStatus, Establishment, Member, MemberStatus, SizeClass
from schakel_contracts.fieldlabs import (
    Capacity,
    Confirmation,
    FieldlabState,
    FieldlabStatus,
    Recognition,
    RecognitionStatus,
)
from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_contracts.places import UNASSIGNED
from schakel_registry.model import published_sbi, withholds_detail

TEXTS: Final = ARRAY(Text)


def _one_of(column: str, literal: object) -> CheckConstraint:
    """Let a column hold only the values of a Literal."""
    values = ", ".join(f"'{value}'" for value in get_args(literal))
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_is_known")


class Base(SQLModel, registry=service_registry("registry")):
    """The tables of this service, apart from those of any other in the same process."""

    __abstract__ = True


class FieldlabRow(Base, table=True):
    """A fieldlab or a kindred place; all of it is public."""

    __tablename__ = "fieldlab"
    __table_args__ = (_one_of("status", FieldlabStatus), _one_of("recognition", RecognitionStatus))

    id: UUID = Field(primary_key=True)
    version: int
    slug: str = Field(unique=True)
    name: str
    kind: str
    hub: str = Field(index=True)
    status: FieldlabStatus = Field(sa_type=Text)
    recognition: RecognitionStatus = Field(default="unknown", sa_type=Text)
    recognised_on: str | None = None
    recognised_until: str | None = None
    recognition_basis: str | None = None
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
    themes: list[str] = Field(default_factory=list, sa_type=TEXTS)
    transformations: list[str] = Field(default_factory=list, sa_type=TEXTS)
    services: list[str] = Field(default_factory=list, sa_type=TEXTS)
    sectors: list[str] = Field(default_factory=list, sa_type=TEXTS)
    partners: list[str] = Field(default_factory=list, sa_type=TEXTS)
    facilities: list[str] = Field(default_factory=list, sa_type=TEXTS)
    languages: list[str] = Field(default_factory=list, sa_type=TEXTS)
    trl_min: int | None = None
    trl_max: int | None = None
    capacity: Capacity = Field(default="unknown", sa_type=Text)
    website: str | None = None
    confirmed_on: str | None = None
    confirmed_by: str | None = None
    verification: str = "unverified"
    sources: list[str] = Field(default_factory=list, sa_type=TEXTS)
    company_sizes: list[str] = Field(default_factory=list, sa_type=TEXTS)


class HubRow(Base, table=True):
    """A hub, or the programme office."""

    __tablename__ = "hub"

    id: UUID = Field(primary_key=True)
    version: int
    slug: str = Field(unique=True)
    kind: str
    name_nl: str
    name_en: str
    description_nl: str
    description_en: str
    provinces: list[str] = Field(default_factory=list, sa_type=TEXTS)
    website: str | None = None
    edih: str | None = None
    host: str | None = None
    partners: list[str] = Field(default_factory=list, sa_type=TEXTS)
    sources: list[str] = Field(default_factory=list, sa_type=TEXTS)
    verification: str = "unverified"


class FigureRow(Base, table=True):
    """A published figure."""

    __tablename__ = "figure"

    id: UUID = Field(primary_key=True)
    version: int
    key: str = Field(unique=True)
    level: str
    subject: str
    label_nl: str
    label_en: str
    value: float
    unit: str
    qualifier: str
    kind: str
    source: str
    as_of: str | None = None
    published: str | None = None
    verification: str = "unverified"
    note: str | None = None


class CompanyRow(Base, table=True):
    """A company. A merged one keeps its number, so that it stays known; an erased one has neither number nor name."""

    __tablename__ = "company"
    __table_args__ = (
        _one_of("status", CompanyStatus),
        _one_of("size_class", SizeClass),
        CheckConstraint("status <> 'erased' OR coalesce(kvk_number, name) IS NULL", name="erased_is_empty"),
        CheckConstraint("(status = 'merged') = (merged_into IS NOT NULL)", name="merged_has_target"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    status: CompanyStatus = Field(sa_type=Text)
    kvk_number: str | None = Field(default=None, unique=True)
    name: str | None = None
    size_class: SizeClass = Field(default="unknown", sa_type=Text)
    sole_trader: bool = False
    sbi: list[str] = Field(default_factory=list, sa_type=TEXTS)
    merged_into: UUID | None = Field(default=None, foreign_key="company.id", index=True)
    registered_at: datetime


class EstablishmentRow(Base, table=True):
    """A place where a company works."""

    __tablename__ = "establishment"
    __table_args__ = (
        Index("one_primary_establishment", "company_id", unique=True, postgresql_where=text('"primary"')),
        Index("establishment_of_company", "company_id"),
    )

    id: UUID = Field(primary_key=True)
    company_id: UUID = Field(foreign_key="company.id")
    primary: bool
    hub: str
    province: str
    municipality_code: str | None = None
    place: str
    postcode: str
    house_number: str | None = None


class MemberRow(Base, table=True):
    """A person of a company, by the identity provider's random subject, with what it wants to be called by."""

    __tablename__ = "member"
    __table_args__ = (_one_of("status", MemberStatus), Index("member_by_sub", "sub"))

    company_id: UUID = Field(primary_key=True, foreign_key="company.id")
    sub: str = Field(primary_key=True)
    status: MemberStatus = Field(sa_type=Text)
    name: str
    phone: str | None = None
    asked_at: datetime


class AccountRow(Base, table=True):
    """An account at the identity provider that is to be deleted; gone with the account (`accounts.py`)."""

    __tablename__ = "account_to_delete"

    sub: str = Field(primary_key=True)
    asked_at: datetime


class LoadedRow(Base, table=True):
    """What the loader last made of a record of the register: the record's digest, and the version it left behind."""

    __tablename__ = "loaded"

    kind: str = Field(primary_key=True)
    slug: str = Field(primary_key=True)
    digest: str
    version: int


_FIELDLAB_SAME: Final = tuple(
    name for name in FieldlabState.__struct_fields__ if name not in ("recognition", "confirmed")
)


def state_of_fieldlab(row: FieldlabRow) -> FieldlabState:
    """Return the public state of a fieldlab."""
    confirmed = None
    if row.confirmed_on and row.confirmed_by:
        confirmed = Confirmation(on=row.confirmed_on, by=row.confirmed_by)
    return FieldlabState(
        **_values(row, _FIELDLAB_SAME),
        recognition=Recognition(
            status=row.recognition, on=row.recognised_on, until=row.recognised_until, basis=row.recognition_basis
        ),
        confirmed=confirmed,
    )


def state_of_hub(row: HubRow) -> HubState:
    """Return the public state of a hub."""
    return HubState(**_values(row, HubState.__struct_fields__))


def state_of_figure(row: FigureRow) -> FigureState:
    """Return the public state of a figure."""
    return FigureState(**_values(row, FigureState.__struct_fields__))


@dataclass
class Company:
    """A company as an aggregate: its row with the rows that belong to it."""

    row: CompanyRow
    establishments: list[EstablishmentRow]
    members: list[MemberRow]

    @property
    def home_hub(self) -> str:
        """Hub of the primary establishment; ``unassigned`` without one."""
        return next((each.hub for each in self.establishments if each.primary), UNASSIGNED)

    @property
    def active_members(self) -> list[MemberRow]:
        """The members that may speak for it."""
        return [each for each in self.members if each.status == "active"]


def state_of_company(company: Company) -> CompanyState:
    """Return what everyone may know of a company: of a small firm no more than municipality and SBI division.

    A merged or erased company has no establishment and no member left; an erased one has no content at all.
    """
    row = company.row
    coarse = withholds_detail(row.size_class, sole_trader=row.sole_trader)
    public = [_public_establishment(each, coarse=coarse) for each in sorted(company.establishments, key=_by_id)]
    primary = next((each for each in public if each.primary), None)
    return CompanyState(
        id=row.id,
        status=row.status,
        home_hub=company.home_hub,
        size_class=row.size_class,
        province=primary.province if primary else None,
        municipality_code=primary.municipality_code if primary else None,
        postcode4=primary.postcode4 if primary else None,
        sbi=published_sbi(row.sbi, coarse=coarse),
        establishments=public,
        members=[Member(sub=each.sub, status=each.status) for each in sorted(company.members, key=_by_sub)],
        merged_into=row.merged_into,
    )


def _by_id(row: EstablishmentRow) -> UUID:
    return row.id


def _by_sub(row: MemberRow) -> str:
    return row.sub


def _public_establishment(row: EstablishmentRow, *, coarse: bool) -> Establishment:
    return Establishment(
        id=row.id,
        hub=row.hub,
        primary=row.primary,
        province=row.province,
        municipality_code=row.municipality_code,
        postcode4=None if coarse else row.postcode[:4],
    )


def _values(row: SQLModel, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
