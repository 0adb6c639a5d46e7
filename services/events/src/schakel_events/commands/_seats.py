"""Seats and the waiting list. All of it happens under the lock of the activity's row, so no seat is given twice."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.use_cases import announce
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import REGISTRATIONS
from schakel_events.model import has_room
from schakel_events.tables import ActivityRow, RegistrationRow, state_of_registration


async def give_free_seats(session: AsyncSession, activity: ActivityRow, now: datetime) -> list[Reference]:
    """Give the free seats of a planned activity to those who wait, first come first; announces each of them."""
    given: list[Reference] = []
    while activity.status == "planned" and activity.waiting and has_room(activity.capacity, activity.seats_taken):
        waiting = (
            select(RegistrationRow)
            .where(RegistrationRow.activity_id == activity.id, RegistrationRow.status == "waiting")
            .order_by(col(RegistrationRow.number))
            .limit(1)
            .with_for_update()
        )
        row = (await session.exec(waiting, execution_options={"populate_existing": True})).one()
        row.status = "registered"
        activity.waiting -= 1
        activity.seats_taken += 1
        row.version += 1
        given.append(await announced_registration(session, row, "seat-given", now))
    return given


def release(activity: ActivityRow, registration: RegistrationRow) -> None:
    """Count a registration out, before its status changes: its seat, or its place on the waiting list."""
    if registration.status == "registered":
        activity.seats_taken -= 1
    elif registration.status == "waiting":
        activity.waiting -= 1


async def announced_registration(
    session: AsyncSession, row: RegistrationRow, happening: str, now: datetime
) -> Reference:
    """Announce the version that the row has got."""
    return await announce(
        session, REGISTRATIONS, happening, state_of_registration(row), version=row.version, effective_at=now
    )
