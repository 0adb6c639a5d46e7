"""Activities and registrations."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from schakel_common.bodies import ApiModel
from schakel_common.commands import CommandDep, etag_of
from schakel_common.http import PrincipalDep
from schakel_common.readings import ReadingDep
from schakel_common.use_cases import NoInput
from schakel_events import queries
from schakel_events.api.dependencies import ClockDep, DatabaseDep, ReferenceDep
from schakel_events.commands import activities, registrations

router = APIRouter(prefix="/v1", tags=["activities"])


@router.get("/activities")
async def list_activities(
    database: DatabaseDep,
    hub: Annotated[str | None, Query(max_length=80)] = None,
    after: Annotated[str | None, Query(max_length=120, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
) -> Any:  # noqa: ANN401 - any JSON
    """List activities by slug."""
    async with database.reading() as session:
        return await queries.activity_page(session, hub=hub, after=after, limit=limit)


@router.get("/activities/{activity_id}")
async def get_activity(activity_id: UUID, database: DatabaseDep, response: Response) -> Any:  # noqa: ANN401 - any JSON
    """Read one activity; its ETag is what a change builds on."""
    async with database.reading() as session:
        found = await queries.activity(session, activity_id)
    response.headers["ETag"] = etag_of(found["version"])
    return found


@router.post("/activities", status_code=201)
async def plan_activity(
    body: activities.PlanActivity, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Plan an activity."""
    return await command.run(
        lambda session: activities.plan_activity(session, command.principal, body, clock, reference)
    )


@router.patch("/activities/{activity_id}")
async def change_activity(
    activity_id: UUID,
    body: activities.ChangeActivity,
    command: CommandDep,
    clock: ClockDep,
    reference: ReferenceDep,
) -> Response:
    """Change an activity; what is left out stays as it is."""
    return await command.run(
        lambda session: activities.change_activity(
            session,
            command.principal,
            activity_id,
            body,
            expected_version=command.expected_version,
            clock=clock,
            reference=reference,
        )
    )


@router.post("/activities/{activity_id}/cancellation")
async def cancel_activity(activity_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Say that a planned activity does not take place."""
    return await command.run(
        lambda session: activities.cancel_activity(
            session, command.principal, activity_id, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/activities/{activity_id}/registrations", status_code=201)
async def register_for_activity(
    activity_id: UUID, body: registrations.Register, command: CommandDep, clock: ClockDep
) -> Response:
    """Take a seat, or a place on the waiting list when all are taken."""
    return await command.run(
        lambda session: registrations.register_for_activity(session, command.principal, activity_id, body, clock)
    )


@router.post("/registrations/{registration_id}/cancellation")
async def cancel_registration(registration_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Give a seat back; the first who waits gets it."""
    return await command.run(
        lambda session: registrations.cancel_registration(
            session, command.principal, registration_id, expected_version=command.if_match, clock=clock
        )
    )


class Ids(ApiModel):
    """Of which registrations."""

    ids: Annotated[list[UUID], Field(max_length=queries.BATCH_MAX)]


@router.post("/private/registrations")
async def private_registrations(body: Ids, principal: PrincipalDep, database: DatabaseDep, reading: ReadingDep) -> Any:  # noqa: ANN401 - any JSON
    """Read who comes per registration, or ``reason``: ``forbidden`` or ``erased``."""
    async with database.reading() as session:
        found = await queries.private_registrations(session, principal, body.ids)
    await reading.of_items(found)
    return found
