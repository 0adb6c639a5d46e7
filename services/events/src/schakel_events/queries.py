"""What can be read from events. Activities and cases for everyone; of a registration who comes, for who may know."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic.alias_generators import to_camel
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.problems import Problem
from schakel_events.permissions import MAY, roles_of
from schakel_events.tables import ActivityRow, CaseRow, RegistrationRow, state_of_activity, state_of_case

PAGE_MAX: Final = 100
BATCH_MAX: Final = 200


def camel(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a state as the API writes it: its member names in camelCase."""
    if isinstance(value, dict):
        return {to_camel(name): camel(member) for name, member in value.items()}
    if isinstance(value, list):
        return [camel(member) for member in value]
    return value


def _public(state: msgspec.Struct, version: int) -> dict[str, Any]:
    return {**camel(msgspec.to_builtins(state)), "version": version}


async def activity_page(session: AsyncSession, *, hub: str | None, after: str | None, limit: int) -> dict[str, Any]:
    """Return activities by slug: ``items``, and ``next`` to go on after, None at the end."""
    statement = select(ActivityRow).order_by(col(ActivityRow.slug)).limit(limit + 1)
    if hub is not None:
        statement = statement.where(ActivityRow.hub == hub)
    if after is not None:
        statement = statement.where(ActivityRow.slug > after)
    rows = list(await session.exec(statement))
    return {
        "items": [_public(state_of_activity(row), row.version) for row in rows[:limit]],
        "next": rows[limit - 1].slug if len(rows) > limit else None,
    }


async def activity(session: AsyncSession, activity_id: UUID) -> dict[str, Any]:
    """Return one activity; Problem ``not-found``."""
    row = await session.get(ActivityRow, activity_id)
    if row is None:
        raise Problem("not-found", "There is no such activity.")
    return _public(state_of_activity(row), row.version)


async def case_page(session: AsyncSession, *, hub: str | None, after: str | None, limit: int) -> dict[str, Any]:
    """Return published cases by slug: ``items``, and ``next`` to go on after, None at the end."""
    statement = select(CaseRow).where(CaseRow.status == "published").order_by(col(CaseRow.slug)).limit(limit + 1)
    if hub is not None:
        statement = statement.where(CaseRow.hub == hub)
    if after is not None:
        statement = statement.where(CaseRow.slug > after)
    rows = list(await session.exec(statement))
    return {
        "items": [_public(state_of_case(row), row.version) for row in rows[:limit]],
        "next": rows[limit - 1].slug if len(rows) > limit else None,
    }


async def case(session: AsyncSession, case_id: UUID) -> dict[str, Any]:
    """Return one published case; Problem ``not-found``, also for one that was withdrawn."""
    row = await session.get(CaseRow, case_id)
    if row is None or row.status == "withdrawn":
        raise Problem("not-found", "There is no such case.")
    return _public(state_of_case(row), row.version)


async def private_registrations(session: AsyncSession, principal: Principal, ids: Sequence[UUID]) -> dict[str, Any]:
    """Return who comes, item by item: name and address (None once it was cancelled), or the reason why not.

    A registration that is not there is ``forbidden``, like one that the reader may not see.
    """
    found = await session.exec(
        select(RegistrationRow, ActivityRow.organiser)
        .join(ActivityRow, col(ActivityRow.id) == col(RegistrationRow.activity_id))
        .where(col(RegistrationRow.id).in_(ids))
    )
    items: dict[str, Any] = {str(each): {"reason": "forbidden"} for each in ids}
    for row, organiser in found:
        if row.status == "erased":
            items[str(row.id)] = {"reason": "erased"}
        elif not MAY["read_registration"].isdisjoint(roles_of(principal, owner=organiser, sub=row.sub)):
            contact = {"name": row.name, "email": row.email} if row.name else None
            items[str(row.id)] = {"contact": contact, "status": row.status}
    return {"items": items}
