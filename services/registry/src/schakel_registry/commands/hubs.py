"""The hubs and the programme office. They come from the register: a new region is a decision, not a form."""

from datetime import datetime
from typing import Literal

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
from schakel_contracts.places import HUBS, NATIONAL
from schakel_contracts.topics import HUBS as HUBS_TOPIC
from schakel_registry.commands.fieldlabs import Line, Lines, Paragraph, WebAddress
from schakel_registry.model import date_error, effective_at
from schakel_registry.permissions import demand, general_roles
from schakel_registry.tables import HubRow, state_of_hub


class DescribeHub(ApiModel):
    """What is said about a hub; which provinces are its region is fixed, because figures are counted by it."""

    name_nl: Line
    name_en: Line
    description_nl: Paragraph
    description_en: Paragraph
    website: WebAddress | None = None
    edih: Line | None = None
    host: Line | None = None
    partners: Lines = Field(default_factory=list)
    sources: Lines = Field(default_factory=list)
    verification: Literal["sourced", "partly", "unverified"] = "unverified"


class RegisterHub(DescribeHub):
    """A hub to register; `started` in the precision that is known."""

    slug: str
    kind: Literal["hub", "programme_office"]
    provinces: Lines
    started: str | None = None


async def register_hub(session: AsyncSession, principal: Principal, command: RegisterHub, clock: Clock) -> Changed:
    """Register a hub whose slug the contracts know, from the day it started.

    Raises:
        Problem: ``forbidden``; ``slug-taken``; ``invalid-input`` (``hub-unknown``, ``date-form``).
    """
    demand("register_hub", general_roles(principal))
    unknown = FieldError("slug", "A hub must be in the contracts first.", "hub-unknown")
    refuse([None if command.slug in (NATIONAL, *HUBS) else unknown, date_error("started", command.started)])
    values = command.model_dump(exclude={"started"})
    row_id = register_id(HUBS_TOPIC.kind, command.slug)
    statement = insert(HubRow).values(id=row_id, version=1, **values).on_conflict_do_nothing()
    row = (await session.execute(statement.returning(HubRow))).scalar_one_or_none()
    if row is None:
        raise Problem("slug-taken")
    return await _announced(session, row, "registered", effective_at(command.started, clock.now()))


async def describe_hub(
    session: AsyncSession,
    principal: Principal,
    slug: str,
    command: DescribeHub,
    *,
    expected_version: int,
    clock: Clock,
) -> Changed:
    """Change what is said about a hub. What is the same already changes nothing.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``.
    """
    demand("register_hub", general_roles(principal))
    row = (await session.exec(select(HubRow).where(HubRow.slug == slug).with_for_update())).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no hub with this slug.")
    match_version(row, expected_version)
    if not assign(row, command.model_dump(include=set(DescribeHub.model_fields))):
        return Changed(body={"slug": slug, "version": row.version}, etag_version=row.version)
    row.version += 1
    return await _announced(session, row, "described", clock.now())


async def _announced(session: AsyncSession, row: HubRow, happening: str, effective: datetime) -> Changed:
    reference = await announce(
        session, HUBS_TOPIC, happening, state_of_hub(row), version=row.version, effective_at=effective
    )
    return Changed(body={"slug": row.slug, "version": row.version}, references=[reference], etag_version=row.version)
