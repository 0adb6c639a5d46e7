"""The life of an activity: planned, described, cancelled; or held, when it is recorded afterwards."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import FieldError, Problem
from schakel_common.use_cases import announce, assign, match_version, refuse
from schakel_contracts.ids import register_id
from schakel_contracts.places import HUB_OF_PROVINCE
from schakel_contracts.topics import ACTIVITIES
from schakel_events.commands._owner import owning_leaf, unknown_fieldlabs
from schakel_events.commands._seats import give_free_seats
from schakel_events.model import (
    capacity_error,
    date_error,
    effective_at,
    moment_errors,
    normal_instant,
    precision_of,
    slug_of,
    unknown_keys,
)
from schakel_events.permissions import demand, roles_of
from schakel_events.reference import Area, ReferenceData
from schakel_events.tables import ActivityRow, Mode, state_of_activity

Line = Annotated[str, Field(min_length=1, max_length=200)]
Paragraph = Annotated[str, Field(max_length=4000)]
Keys = Annotated[list[Annotated[str, Field(min_length=1, max_length=80)]], Field(max_length=40)]
Lines = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=60)]
WebAddress = Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s]+$")]
Seats = Annotated[int, Field(ge=1, le=100_000)]
Moment = Annotated[str, Field(min_length=1, max_length=40)]


class Details(ApiModel):
    """What can be said about an activity beside its texts and its time."""

    mode: Mode = "unknown"
    place: Line | None = None
    organiser_name: Line | None = None
    fieldlabs: Keys = Field(default_factory=list)
    themes: Keys = Field(default_factory=list)
    website: WebAddress | None = None


class PlanActivity(Details):
    """An activity to come; `organiser` is the scope that owns it, `capacity` its seats, None for no limit."""

    organiser: Line
    title_nl: Line
    title_en: Line
    summary_nl: Paragraph
    summary_en: Paragraph
    starts_at: Moment
    ends_at: Moment | None = None
    postcode: str | None = None
    capacity: Seats | None = None


class ChangeActivity(Details):
    """What to change: the fields that are sent and no other, so a default below is never used."""

    title_nl: Line = "-"
    title_en: Line = "-"
    summary_nl: Paragraph = ""
    summary_en: Paragraph = ""
    starts_at: Moment = "-"
    ends_at: Moment | None = None
    postcode: str | None = None
    capacity: Seats | None = None


class DescribeHeldActivity(Details):
    """A past activity of the register; its date keeps the precision of its source, what is unknown stays unknown."""

    organiser: Line
    title_nl: Line
    title_en: Line
    summary_nl: Paragraph
    summary_en: Paragraph
    starts_at: Moment
    province: str | None = None
    municipality_code: str | None = None
    attendance: int | None = None
    sources: Lines = Field(default_factory=list)


class RecordHeldActivity(DescribeHeldActivity):
    """A past activity to record under its slug."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)]


async def plan_activity(
    session: AsyncSession, principal: Principal, command: PlanActivity, clock: Clock, reference: ReferenceData
) -> Changed:
    """Plan an activity, as a scope of the caller.

    Raises:
        Problem: ``forbidden``; ``not-yet-known`` for a fieldlab of which this service has not heard; ``invalid-input``
            with the codes ``without-offset``, ``starts-in-the-past``, ``ends-before-start``, ``postcode-form``,
            ``postcode-unknown``, ``theme-unknown``, ``fieldlab-unknown``.
    """
    demand("plan_activity", roles_of(principal, owner=command.organiser))
    now = clock.now()
    values = command.model_dump()
    errors = await _errors(session, values, reference)
    refuse([*moment_errors(command.starts_at, command.ends_at, now), *errors])
    row_id = uuid4()
    row = ActivityRow(
        id=row_id,
        version=1,
        slug=slug_of(command.title_en or command.title_nl, row_id),
        hub=await owning_leaf(session, command.organiser),
        status="planned",
        date_precision="instant",
        **_stored(values, reference),
    )
    session.add(row)
    return await announced_activity(session, row, "planned", now, status=201)


async def change_activity(
    session: AsyncSession,
    principal: Principal,
    activity_id: UUID,
    command: ChangeActivity,
    *,
    expected_version: int,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Change an activity. More seats go to those who wait, in their order. What is the same already changes nothing.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` for a cancelled one; ``invalid-input``
            with the codes of `plan_activity` or ``capacity-below-taken``.
    """
    row = await locked_activity(session, activity_id)
    demand("change_activity", roles_of(principal, owner=row.organiser))
    match_version(row, expected_version)
    if row.status == "cancelled":
        raise Problem("conflict", "This activity is cancelled.")
    values = command.model_dump(exclude_unset=True)
    now = clock.now()
    errors = [*await _errors(session, values, reference)]
    if values.keys() & {"starts_at", "ends_at"}:
        errors += moment_errors(values.get("starts_at", row.starts_at), values.get("ends_at", row.ends_at), now)
    if "capacity" in values:
        errors.append(capacity_error(values["capacity"], row.seats_taken))
    refuse(errors)
    if not assign(row, _stored(values, reference)):
        return unchanged_activity(row)
    if values.keys() & {"starts_at"}:
        row.date_precision = "instant"
    row.version += 1
    given = await give_free_seats(session, row, now)
    changed = await announced_activity(session, row, "described", now)
    return Changed(body=changed.body, references=[*changed.references, *given], etag_version=changed.etag_version)


async def cancel_activity(
    session: AsyncSession, principal: Principal, activity_id: UUID, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Cancel a planned activity; its registrations stay, because those who come must hear of it.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when it is not planned.
    """
    row = await locked_activity(session, activity_id)
    demand("cancel_activity", roles_of(principal, owner=row.organiser))
    match_version(row, expected_version)
    if row.status != "planned":
        raise Problem("conflict", f"This activity is {row.status}.")
    row.status = "cancelled"
    row.version += 1
    return await announced_activity(session, row, "cancelled", clock.now())


async def record_held_activity(
    session: AsyncSession, principal: Principal, command: RecordHeldActivity, clock: Clock, reference: ReferenceData
) -> Changed:
    """Record a past activity of the register, from the day or month it was held.

    Raises:
        Problem: ``forbidden``; ``slug-taken``; ``invalid-input`` (``date-form``, ``province-unknown``,
            ``theme-unknown``).
    """
    demand("record_held_activity", roles_of(principal, owner=command.organiser))
    refuse(_held_errors(command, reference))
    values = {
        **command.model_dump(exclude={"postcode"}),
        "id": register_id(ACTIVITIES.kind, command.slug),
        "version": 1,
        "hub": await owning_leaf(session, command.organiser),
        "status": "held",
        "date_precision": precision_of(command.starts_at),
        "seats_taken": 0,
        "waiting": 0,
        "registrations": 0,
    }
    statement = insert(ActivityRow).values(**values).on_conflict_do_nothing().returning(ActivityRow)
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        raise Problem("slug-taken")
    return await announced_activity(session, row, "held", effective_at(command.starts_at, clock.now()), status=201)


async def describe_held_activity(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: DescribeHeldActivity,
    *,
    expected_version: int,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Correct what the register says about a past activity. What is the same already changes nothing.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``invalid-input`` as `record_held_activity`.
    """
    demand("record_held_activity", roles_of(principal, owner=command.organiser))
    refuse(_held_errors(command, reference))
    found = await session.exec(select(ActivityRow).where(ActivityRow.slug == slug).with_for_update())
    row = found.one_or_none()
    if row is None:
        raise Problem("not-found", "There is no activity with this slug.")
    match_version(row, expected_version)
    described = command.model_dump(include=set(DescribeHeldActivity.model_fields))
    if not assign(row, {**described, "date_precision": precision_of(command.starts_at)}):
        return unchanged_activity(row)
    row.version += 1
    return await announced_activity(session, row, "described", effective_at(row.starts_at, clock.now()))


async def locked_activity(session: AsyncSession, activity_id: UUID) -> ActivityRow:
    """Lock an activity; everything about its seats happens under this lock. Problem ``not-found``."""
    locking = select(ActivityRow).where(ActivityRow.id == activity_id).with_for_update()
    row = (await session.exec(locking, execution_options={"populate_existing": True})).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no such activity.")
    return row


def unchanged_activity(row: ActivityRow, *, status: int = 200) -> Changed:
    """Return the reply about an activity that was left as it is."""
    body = {"id": str(row.id), "slug": row.slug, "status": row.status, "version": row.version}
    return Changed(body=body, status=status, etag_version=row.version)


async def announced_activity(
    session: AsyncSession, row: ActivityRow, happening: str, effective: datetime, *, status: int = 200
) -> Changed:
    """Announce the version that the row has got."""
    reference = await announce(
        session, ACTIVITIES, happening, state_of_activity(row), version=row.version, effective_at=effective
    )
    reply = unchanged_activity(row, status=status)
    return Changed(body=reply.body, references=[reference], status=status, etag_version=row.version)


async def _errors(
    session: AsyncSession, values: Mapping[str, Any], reference: ReferenceData
) -> list[FieldError | None]:
    area = reference.area(values["postcode"]) if values.get("postcode") else None
    return [
        *unknown_keys("themes", values.get("themes", []), reference.technologies, "theme-unknown"),
        *await unknown_fieldlabs(session, "fieldlabs", values.get("fieldlabs", [])),
        area if isinstance(area, FieldError) else None,
    ]


def _held_errors(command: DescribeHeldActivity, reference: ReferenceData) -> list[FieldError | None]:
    known = command.province is None or command.province in HUB_OF_PROVINCE
    return [
        date_error("startsAt", command.starts_at),
        None if known else FieldError("province", "Give an ISO 3166-2 code such as NL-GR.", "province-unknown"),
        *unknown_keys("themes", command.themes, reference.technologies, "theme-unknown"),
    ]


def _stored(values: Mapping[str, Any], reference: ReferenceData) -> dict[str, Any]:
    """Return the columns of checked input: moments in UTC, and what follows from the postcode."""
    stored = {name: value for name, value in values.items() if name != "postcode"}
    for name in ("starts_at", "ends_at"):
        if stored.get(name):
            stored[name] = normal_instant(stored[name])
    area = reference.area(values["postcode"]) if values.get("postcode") else None
    if isinstance(area, Area):
        stored["province"], stored["municipality_code"] = area.province, area.municipality_code
        stored["place"] = stored.get("place") or area.place
    return stored
