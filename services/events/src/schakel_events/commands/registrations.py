"""Registrations: a seat or a place on the waiting list, given back, erased."""

from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import Problem
from schakel_common.use_cases import match_version, refuse
from schakel_contracts.companies import CompanyState
from schakel_contracts.places import UNASSIGNED
from schakel_contracts.topics import COMPANIES
from schakel_events.commands._seats import announced_registration, give_free_seats, release
from schakel_events.commands.activities import announced_activity, locked_activity
from schakel_events.model import demand_open, email_error, has_room
from schakel_events.permissions import demand, roles_of
from schakel_events.tables import ActivityRow, RegistrationRow


class Contact(ApiModel):
    """Who comes, and where to write; it stays in this service."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    email: Annotated[str, Field(max_length=254)]


class Register(ApiModel):
    """A registration; without a company it is of the one company that the person belongs to, if it is one."""

    contact: Contact
    company_id: UUID | None = None


async def register_for_activity(
    session: AsyncSession, principal: Principal, activity_id: UUID, command: Register, clock: Clock
) -> Changed:
    """Take a seat, or a place on the waiting list when all are taken.

    Raises:
        Problem: ``not-found``; ``forbidden`` for a company that the person is no active member of; ``not-yet-known``
            for one of which this service has not heard; ``activity-closed``; ``already-registered``;
            ``invalid-input`` (``email-form``).
    """
    demand("register_for_activity", roles_of(principal))
    refuse([email_error(command.contact.email)])
    activity = await locked_activity(session, activity_id)
    now = clock.now()
    demand_open(activity.status, activity.starts_at, now)
    company = await _company(session, principal.subject, command.company_id)
    seat = has_room(activity.capacity, activity.seats_taken)
    statement = insert(RegistrationRow).values(
        id=uuid4(),
        version=1,
        number=activity.registrations + 1,
        activity_id=activity.id,
        activity_hub=activity.hub,
        sub=principal.subject,
        company_id=company.id if company else None,
        home_hub=company.home_hub if company else UNASSIGNED,
        status="registered" if seat else "waiting",
        registered_at=now,
        name=command.contact.name,
        email=command.contact.email,
    )
    row = (await session.execute(statement.on_conflict_do_nothing().returning(RegistrationRow))).scalar_one_or_none()
    if row is None:
        raise Problem("already-registered")
    activity.registrations += 1
    activity.seats_taken += seat
    activity.waiting += not seat
    activity.version += 1
    made = await announced_registration(session, row, "made" if seat else "waitlisted", now)
    counted = await announced_activity(session, activity, "seats-changed", now)
    return Changed(
        body={"id": str(row.id), "activityId": str(activity.id), "status": row.status, "version": 1},
        references=[made, *counted.references],
        status=201,
        etag_version=1,
    )


async def cancel_registration(
    session: AsyncSession, principal: Principal, registration_id: UUID, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Give a seat or a place on the waiting list back; the first who waits gets the seat. Contact data is deleted.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when it was cancelled before.
    """
    activity, row = await _locked(session, registration_id)
    demand("cancel_registration", roles_of(principal, owner=activity.organiser, sub=row.sub))
    match_version(row, expected_version)
    if row.status not in ("registered", "waiting"):
        raise Problem("conflict", f"This registration is {row.status}.")
    now = clock.now()
    release(activity, row)
    row.status, row.name, row.email = "cancelled", None, None
    row.version += 1
    cancelled = await announced_registration(session, row, "cancelled", now)
    given = await give_free_seats(session, activity, now)
    activity.version += 1
    counted = await announced_activity(session, activity, "seats-changed", now)
    return Changed(
        body={"id": str(row.id), "activityId": str(activity.id), "status": row.status, "version": row.version},
        references=[cancelled, *given, *counted.references],
        etag_version=row.version,
    )


async def erase_registrations(session: AsyncSession, company_id: UUID, clock: Clock) -> None:
    """Erase whose the registrations of an erased company were; seats of what is to come are given to who waits."""
    mine = select(RegistrationRow.id).where(
        RegistrationRow.company_id == company_id, RegistrationRow.status != "erased"
    )
    now = clock.now()
    for registration_id in await session.exec(mine.order_by(col(RegistrationRow.activity_id), col(RegistrationRow.id))):
        activity, row = await _locked(session, registration_id)
        counted = row.status in ("registered", "waiting")
        if counted:
            release(activity, row)
        row.status, row.sub, row.name, row.email = "erased", None, None, None
        row.version += 1
        await announced_registration(session, row, "erased", now)
        if counted:
            await give_free_seats(session, activity, now)
            activity.version += 1
            await announced_activity(session, activity, "seats-changed", now)


async def _locked(session: AsyncSession, registration_id: UUID) -> tuple[ActivityRow, RegistrationRow]:
    """Lock a registration, its activity first: always in this order, so that no two use cases wait for each other."""
    where = RegistrationRow.id == registration_id
    activity_id = (await session.exec(select(RegistrationRow.activity_id).where(where))).one_or_none()
    if activity_id is None:
        raise Problem("not-found", "There is no such registration.")
    activity = await locked_activity(session, activity_id)
    locking = select(RegistrationRow).where(where).with_for_update()
    return activity, (await session.exec(locking, execution_options={"populate_existing": True})).one()


async def _company(session: AsyncSession, sub: str, company_id: UUID | None) -> CompanyState | None:
    """Return the company for which a person registers, from this service's own copy."""
    membership = {"sub": sub, "status": "active"}
    if company_id is None:
        mine = await replica.find(session, COMPANIES, members=[membership])
        return mine[0] if len(mine) == 1 else None
    company = await replica.get(session, COMPANIES, company_id)
    if company is None:
        raise Problem("not-yet-known", "This service has not heard of that company.", retry_after_seconds=1)
    if not any(member.sub == sub and member.status == "active" for member in company.members):
        raise Problem("forbidden", "You are no member of that company.")
    return company
