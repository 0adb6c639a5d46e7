"""The life of a fieldlab: registered, described, confirmed, recognised, active, paused, ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

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
from schakel_contracts.fieldlabs import Capacity
from schakel_contracts.ids import register_id
from schakel_contracts.places import HUB_OF_PROVINCE, HUBS, NATIONAL
from schakel_contracts.topics import FIELDLABS
from schakel_registry.model import (
    AMSTERDAM,
    Step,
    date_error,
    effective_at,
    recognition_after,
    slug_error,
    status_after,
    unknown_keys,
)
from schakel_registry.permissions import demand, fieldlab_roles
from schakel_registry.reference import ReferenceData
from schakel_registry.tables import FieldlabRow, HubRow, state_of_fieldlab

Line = Annotated[str, Field(min_length=1, max_length=200)]
Paragraph = Annotated[str, Field(max_length=4000)]
Keys = Annotated[list[Annotated[str, Field(min_length=1, max_length=80)]], Field(max_length=40)]
Lines = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=60)]
WebAddress = Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s]+$")]

SET_BY_THE_OFFICE: Final = frozenset({"hub", "kind", "published", "recognition_basis", "verification", "sources"})
"""What a fieldlab is to the network, which it does not decide about itself."""


class Profile(ApiModel):
    """What can be said about a fieldlab; what is not known is left out, never guessed."""

    province: str | None = None
    municipality_code: Annotated[str, Field(pattern=r"^GM[0-9]{4}$")] | None = None
    place: Line | None = None
    postcode4: str | None = None
    latitude: Annotated[float, Field(ge=50, le=54)] | None = None
    longitude: Annotated[float, Field(ge=3, le=8)] | None = None
    status_as_of: str | None = None
    started: str | None = None
    type: Line | None = None
    recognition_basis: Line | None = None
    themes: Keys = Field(default_factory=list)
    transformations: Keys = Field(default_factory=list)
    services: Keys = Field(default_factory=list)
    sectors: Keys = Field(default_factory=list)
    partners: Lines = Field(default_factory=list)
    facilities: Lines = Field(default_factory=list)
    languages: Keys = Field(default_factory=list)
    trl_min: Annotated[int, Field(ge=1, le=9)] | None = None
    trl_max: Annotated[int, Field(ge=1, le=9)] | None = None
    capacity: Capacity = "unknown"
    website: WebAddress | None = None
    verification: Literal["sourced", "partly", "unverified"] = "unverified"
    sources: Lines = Field(default_factory=list)
    company_sizes: Annotated[list[Literal["micro", "small", "medium", "large"]], Field(max_length=4)] = Field(
        default_factory=list
    )


class RegisterFieldlab(Profile):
    """A fieldlab to register; its slug is a scope key, fixed for ever and never used again."""

    slug: str
    name: Line
    kind: Line = "fieldlab"
    hub: str
    status: Literal["candidate", "active", "unknown"] = "candidate"
    published: bool = True
    description_nl: Paragraph = ""
    description_en: Paragraph = ""


class ChangeFieldlab(Profile):
    """What to change: the fields that are sent and no other, so a default below is never used."""

    name: Line = "-"
    kind: Line = "fieldlab"
    hub: str = NATIONAL
    published: bool = True
    description_nl: Paragraph = ""
    description_en: Paragraph = ""


class Recognise(ApiModel):
    """A decision of the steering group; `on` and `until` in the precision that is known."""

    on: str | None = None
    until: str | None = None
    basis: Line | None = None


class StepFieldlab(ApiModel):
    """A step of the life cycle: the day from which it holds, or where that is unknown a day on which it was so."""

    on: str | None = None
    as_of: str | None = None


class EndFieldlab(StepFieldlab):
    """The end, and what goes on in its place: the slug of a fieldlab or of a hub."""

    succeeded_by: str | None = None


async def register_fieldlab(
    session: AsyncSession, principal: Principal, command: RegisterFieldlab, clock: Clock, reference: ReferenceData
) -> Changed:
    """Register a fieldlab, from the year or day it started as far as that is known.

    Raises:
        Problem: ``forbidden``; ``slug-taken``, also by a fieldlab that has ended; ``invalid-input`` with the codes
            ``slug-form``, ``province-unknown``, ``postcode-unknown``, ``theme-unknown``, ``sbi-unknown``,
            ``trl-order``, ``date-form``.
    """
    demand("register_fieldlab", fieldlab_roles(principal, slug=command.slug, hub=command.hub))
    values = _located(command.model_dump(), reference)
    refuse([slug_error(command.slug), *_errors(values, reference)])
    row_id = register_id(FIELDLABS.kind, command.slug)
    statement = insert(FieldlabRow).values(id=row_id, version=1, recognition="unknown", **values)
    inserted = await session.execute(statement.on_conflict_do_nothing().returning(FieldlabRow))
    row = inserted.scalar_one_or_none()
    if row is None:
        raise Problem("slug-taken")
    return await _announced(session, row, "registered", effective_at(command.started, clock.now()), status=201)


async def change_fieldlab(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: ChangeFieldlab,
    *,
    expected_version: int,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Change what is said about a fieldlab. What is the same already changes nothing: no version, no event.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``invalid-input``.
    """
    row = await _locked(session, slug)
    roles = fieldlab_roles(principal, slug=slug, hub=row.hub)
    demand("change_fieldlab", roles)
    values = command.model_dump(exclude_unset=True)
    if any(getattr(row, name) != values[name] for name in SET_BY_THE_OFFICE & values.keys()):
        demand("register_fieldlab", roles)
    match_version(row, expected_version)
    values = _located(values, reference)
    refuse(_errors(_with(row, values), reference))
    capacity_only = values.get("capacity", row.capacity) != row.capacity and not any(
        getattr(row, name) != value for name, value in values.items() if name != "capacity"
    )
    if not assign(row, values):
        return _unchanged(row)
    row.version += 1
    return await _announced(session, row, "capacity-changed" if capacity_only else "described", clock.now())


async def confirm_fieldlab(
    session: AsyncSession, principal: Principal, slug: str, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Say that the record is right today; kept is in which capacity somebody said so, not who it was.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``.
    """
    row = await _locked(session, slug)
    roles = fieldlab_roles(principal, slug=slug, hub=row.hub)
    demand("confirm_fieldlab", roles)
    match_version(row, expected_version)
    today = clock.now().astimezone(AMSTERDAM).date().isoformat()
    said_by = f"fieldlab:{slug}" if "fieldlab" in roles else f"hub:{row.hub}" if "fieldlab_hub" in roles else NATIONAL
    row.confirmed_on, row.confirmed_by = today, said_by
    if row.status != "unknown":
        row.status_as_of = today
    row.version += 1
    return await _announced(session, row, "confirmed", clock.now())


async def recognise_fieldlab(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: Recognise,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Record that the steering group recognised a fieldlab, on the day it did where that is known.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``conflict``, ``invalid-input`` (``date-form``).
    """
    row = await _for_decision(session, principal, slug, command, expected_version)
    row.recognition = recognition_after("recognise", row.recognition)
    row.recognised_on, row.recognised_until = command.on, command.until
    row.recognition_basis = command.basis or row.recognition_basis
    row.version += 1
    return await _announced(session, row, "recognised", effective_at(command.on, clock.now()))


async def withdraw_recognition(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: Recognise,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Record that the recognition was withdrawn; the day it was given stays, `on` becomes its end.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``conflict``, ``invalid-input`` (``date-form``).
    """
    row = await _for_decision(session, principal, slug, command, expected_version)
    row.recognition = recognition_after("withdraw", row.recognition)
    row.recognised_until = command.on or command.until
    row.recognition_basis = command.basis or row.recognition_basis
    row.version += 1
    return await _announced(session, row, "recognition-withdrawn", effective_at(command.on, clock.now()))


async def activate_fieldlab(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: StepFieldlab,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Say that a fieldlab works, from that day. Raises as `end_fieldlab`."""
    row = await _for_step(session, principal, slug, command, expected_version)
    return await _stepped(session, row, "activate", "activated", command=command, clock=clock)


async def pause_fieldlab(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: StepFieldlab,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Say that a fieldlab does not work for a time, from that day. Raises as `end_fieldlab`."""
    row = await _for_step(session, principal, slug, command, expected_version)
    return await _stepped(session, row, "pause", "paused", command=command, clock=clock)


async def end_fieldlab(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: EndFieldlab,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Say that a fieldlab ended, and what went on in its place; there is no way back.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``fieldlab-ended``, ``conflict``, ``invalid-input``
            with ``date-form``, ``successor-unknown`` or ``successor-circle``.
    """
    row = await _for_step(session, principal, slug, command, expected_version)
    await _check_successor(session, slug, command.succeeded_by)
    row.succeeded_by = command.succeeded_by or row.succeeded_by
    row.ended = command.on or row.ended
    return await _stepped(session, row, "end", "ended", command=command, clock=clock)


async def _locked(session: AsyncSession, slug: str) -> FieldlabRow:
    found = await session.exec(select(FieldlabRow).where(FieldlabRow.slug == slug).with_for_update())
    row = found.one_or_none()
    if row is None:
        raise Problem("not-found", "There is no fieldlab with this slug.")
    return row


async def _for_decision(
    session: AsyncSession, principal: Principal, slug: str, command: Recognise, expected_version: int | None
) -> FieldlabRow:
    row = await _locked(session, slug)
    demand("recognise_fieldlab", fieldlab_roles(principal, slug=slug, hub=row.hub))
    match_version(row, expected_version)
    refuse([date_error("on", command.on), date_error("until", command.until)])
    return row


async def _for_step(
    session: AsyncSession, principal: Principal, slug: str, command: StepFieldlab, expected_version: int | None
) -> FieldlabRow:
    row = await _locked(session, slug)
    demand("step_fieldlab", fieldlab_roles(principal, slug=slug, hub=row.hub))
    match_version(row, expected_version)
    refuse([date_error("on", command.on), date_error("asOf", command.as_of)])
    return row


async def _stepped(
    session: AsyncSession, row: FieldlabRow, step: Step, happening: str, *, command: StepFieldlab, clock: Clock
) -> Changed:
    row.status = status_after(step, row.status)
    since = command.on or command.as_of
    row.status_as_of = since or clock.now().astimezone(AMSTERDAM).date().isoformat()
    row.version += 1
    return await _announced(session, row, happening, effective_at(since, clock.now()))


async def _check_successor(session: AsyncSession, slug: str, successor: str | None) -> None:
    """Refuse a successor that is not there, or one that went on, at some remove, in this very fieldlab."""
    after, seen = successor, {slug}
    while after is not None:
        if after in seen:
            refuse([FieldError("succeededBy", "Its successors lead back to this fieldlab.", "successor-circle")])
        seen.add(after)
        row = (await session.exec(select(FieldlabRow).where(FieldlabRow.slug == after))).one_or_none()
        if row is None and after == successor:
            is_hub = (await session.exec(select(HubRow.id).where(HubRow.slug == after))).one_or_none()
            unknown = FieldError("succeededBy", "Give the slug of a fieldlab or of a hub.", "successor-unknown")
            refuse([None if is_hub else unknown])
        after = row.succeeded_by if row else None


def _located(values: Mapping[str, Any], reference: ReferenceData) -> dict[str, Any]:
    """Fill in what follows from the postcode where it was not said."""
    area = reference.postcodes.get(values.get("postcode4") or "")
    if area is None:
        return dict(values)
    derived = {"province": area.province, "municipality_code": area.municipality_code, "place": area.place}
    return {**values, **{name: values.get(name) or value for name, value in derived.items()}}


def _with(row: FieldlabRow, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**row.model_dump(), **values}


def _errors(values: Mapping[str, Any], reference: ReferenceData) -> list[FieldError | None]:
    """Check a whole profile; `values` has the names of the columns, the errors those of the API."""
    errors: list[FieldError | None] = [
        *unknown_keys("themes", values["themes"], reference.technologies, "theme-unknown"),
        *unknown_keys("sectors", values["sectors"], reference.sbi, "sbi-unknown"),
        date_error("started", values["started"]),
        date_error("statusAsOf", values["status_as_of"]),
    ]
    if values["hub"] not in (NATIONAL, *HUBS):
        errors.append(FieldError("hub", "Give the slug of a hub, or national.", "hub-unknown"))
    if values["province"] is not None and values["province"] not in HUB_OF_PROVINCE:
        errors.append(FieldError("province", "Give an ISO 3166-2 code such as NL-GR.", "province-unknown"))
    if values["postcode4"] is not None and values["postcode4"] not in reference.postcodes:
        errors.append(FieldError("postcode4", "This postcode does not exist; check the digits.", "postcode-unknown"))
    if values["trl_min"] and values["trl_max"] and values["trl_min"] > values["trl_max"]:
        errors.append(FieldError("trlMax", "Give a level that is not below trlMin.", "trl-order"))
    return errors


def _unchanged(row: FieldlabRow, status: int = 200) -> Changed:
    body = {"id": str(row.id), "slug": row.slug, "status": row.status, "version": row.version}
    return Changed(body=body, status=status, etag_version=row.version)


async def _announced(
    session: AsyncSession, row: FieldlabRow, happening: str, effective: datetime, *, status: int = 200
) -> Changed:
    reference = await announce(
        session, FIELDLABS, happening, state_of_fieldlab(row), version=row.version, effective_at=effective
    )
    changed = _unchanged(row, status)
    return Changed(body=changed.body, references=[reference], status=status, etag_version=row.version)
