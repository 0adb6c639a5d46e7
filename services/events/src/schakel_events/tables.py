"""The tables of events, and the one way from their rows to the public state of each aggregate.

Who comes, by name and mail address, is in `RegistrationRow` and nowhere else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from schakel_common.database import service_registry
from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState, Effect
from schakel_contracts.envelope import instant_text

TEXTS: Final = ARRAY(Text)

ActivityStatus = Literal["planned", "held", "cancelled"]
RegistrationStatus = Literal["registered", "waiting", "cancelled", "attended", "erased"]
CaseStatus = Literal["published", "withdrawn"]
Mode = Literal["on_site", "online", "hybrid", "unknown"]


def _one_of(column: str, literal: object) -> CheckConstraint:
    """Let a column hold only the values of a Literal."""
    values = ", ".join(f"'{value}'" for value in get_args(literal))
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_is_known")


class Base(SQLModel, registry=service_registry("events")):
    """The tables of this service, apart from those of any other in the same process."""

    __abstract__ = True


class ActivityRow(Base, table=True):
    """An activity. Seats are counted here, under the lock of this row; the check is the last word.

    `registrations` are all there ever were: the next one's number, which orders the waiting list.
    """

    __tablename__ = "activity"
    __table_args__ = (
        _one_of("status", ActivityStatus),
        CheckConstraint("seats_taken >= 0 AND waiting >= 0", name="counts_are_not_negative"),
        CheckConstraint("capacity IS NULL OR seats_taken <= capacity", name="seats_within_capacity"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    slug: str = Field(unique=True)
    organiser: str = Field(index=True)
    hub: str
    status: ActivityStatus = Field(sa_type=Text)
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    starts_at: str
    date_precision: Literal["instant", "day", "month"] = Field(sa_type=Text)
    ends_at: str | None = None
    mode: Mode = Field(default="unknown", sa_type=Text)
    place: str | None = None
    province: str | None = None
    municipality_code: str | None = None
    organiser_name: str | None = None
    fieldlabs: list[str] = Field(default_factory=list, sa_type=TEXTS)
    themes: list[str] = Field(default_factory=list, sa_type=TEXTS)
    capacity: int | None = None
    seats_taken: int = 0
    waiting: int = 0
    registrations: int = 0
    attendance: int | None = None
    website: str | None = None
    sources: list[str] = Field(default_factory=list, sa_type=TEXTS)


class RegistrationRow(Base, table=True):
    """A registration; the waiting list is in the order of `number`. A person has at most one that still counts."""

    __tablename__ = "registration"
    __table_args__ = (
        _one_of("status", RegistrationStatus),
        Index(
            "one_per_person",
            "activity_id",
            "sub",
            unique=True,
            postgresql_where=text("status IN ('registered', 'waiting', 'attended')"),
        ),
        UniqueConstraint("activity_id", "number"),
        Index("registration_of_company", "company_id"),
        CheckConstraint("status <> 'erased' OR coalesce(sub, name, email) IS NULL", name="erased_is_empty"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    number: int
    activity_id: UUID = Field(foreign_key="activity.id")
    activity_hub: str
    sub: str | None
    company_id: UUID | None = None
    home_hub: str
    status: RegistrationStatus = Field(sa_type=Text)
    registered_at: datetime
    name: str | None
    email: str | None


class CaseRow(Base, table=True):
    """A story of a firm."""

    __tablename__ = "story"
    __table_args__ = (_one_of("status", CaseStatus),)

    id: UUID = Field(primary_key=True)
    version: int
    slug: str = Field(unique=True)
    owner: str = Field(index=True)
    hub: str
    status: CaseStatus = Field(sa_type=Text)
    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    date: str | None = None
    fieldlab: str | None = None
    place: str | None = None
    province: str | None = None
    municipality_code: str | None = None
    themes: list[str] = Field(default_factory=list, sa_type=TEXTS)
    transformations: list[str] = Field(default_factory=list, sa_type=TEXTS)
    sectors: list[str] = Field(default_factory=list, sa_type=TEXTS)
    company_names: list[str] = Field(default_factory=list, sa_type=TEXTS)
    company_size: str | None = None
    effect_nl: str | None = None
    effect_en: str | None = None
    effect_measured: bool | None = None
    sources: list[str] = Field(default_factory=list, sa_type=TEXTS)
    verification: str = "unverified"


class LoadedRow(Base, table=True):
    """What the loader last made of a record of the register: the record's digest, and the version it left behind."""

    __tablename__ = "loaded"

    kind: str = Field(primary_key=True)
    slug: str = Field(primary_key=True)
    digest: str
    version: int


_CASE_SAME: Final = tuple(name for name in CaseState.__struct_fields__ if name != "effect")
_ACTIVITY_SAME: Final = tuple(
    name for name in ActivityState.__struct_fields__ if name not in ("seats_taken", "waiting")
)


def state_of_activity(row: ActivityRow) -> ActivityState:
    """Return the public state of an activity; of one that was only recorded the seats are unknown, not 0."""
    counted = row.date_precision == "instant"
    return ActivityState(
        **_values(row, _ACTIVITY_SAME),
        seats_taken=row.seats_taken if counted else None,
        waiting=row.waiting if counted else None,
    )


def state_of_registration(row: RegistrationRow) -> RegistrationState:
    """Return the public state of a registration: no name, no address."""
    return RegistrationState(
        id=row.id,
        activity_id=row.activity_id,
        activity_hub=row.activity_hub,
        sub=row.sub,
        status=row.status,
        registered_at=instant_text(row.registered_at),
        home_hub=row.home_hub,
        company_id=row.company_id,
    )


def state_of_case(row: CaseRow) -> CaseState:
    """Return the public state of a case."""
    effect = None
    if row.effect_nl is not None and row.effect_en is not None:
        effect = Effect(text_nl=row.effect_nl, text_en=row.effect_en, measured=bool(row.effect_measured))
    return CaseState(**_values(row, _CASE_SAME), effect=effect)


def _values(row: SQLModel, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
