"""Cases."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from schakel_common.commands import CommandDep, etag_of
from schakel_common.use_cases import NoInput
from schakel_events import queries
from schakel_events.api.dependencies import ClockDep, DatabaseDep, ReferenceDep
from schakel_events.commands import cases

router = APIRouter(prefix="/v1", tags=["cases"])


@router.get("/cases")
async def list_cases(
    database: DatabaseDep,
    hub: Annotated[str | None, Query(max_length=80)] = None,
    after: Annotated[str | None, Query(max_length=120, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
) -> Any:  # noqa: ANN401 - any JSON
    """List published cases by slug."""
    async with database.reading() as session:
        return await queries.case_page(session, hub=hub, after=after, limit=limit)


@router.get("/cases/{case_id}")
async def get_case(case_id: UUID, database: DatabaseDep, response: Response) -> Any:  # noqa: ANN401 - any JSON
    """Read one case; its ETag is what a change builds on."""
    async with database.reading() as session:
        found = await queries.case(session, case_id)
    response.headers["ETag"] = etag_of(found["version"])
    return found


@router.post("/cases", status_code=201)
async def publish_case(
    body: cases.PublishCase, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Publish a story of a firm."""
    return await command.run(lambda session: cases.publish_case(session, command.principal, body, clock, reference))


@router.patch("/cases/{case_id}")
async def change_case(
    case_id: UUID, body: cases.ChangeCase, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Change a story; what is left out stays as it is."""
    return await command.run(
        lambda session: cases.change_case(
            session,
            command.principal,
            case_id,
            body,
            expected_version=command.expected_version,
            clock=clock,
            reference=reference,
        )
    )


@router.post("/cases/{case_id}/withdrawal")
async def withdraw_case(case_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Take a story back."""
    return await command.run(
        lambda session: cases.withdraw_case(
            session, command.principal, case_id, expected_version=command.if_match, clock=clock
        )
    )
