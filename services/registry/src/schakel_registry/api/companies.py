"""Companies, their establishments and their members."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response

from schakel_common.commands import CommandDep, etag_of
from schakel_common.http import PrincipalDep
from schakel_common.readings import ReadingDep
from schakel_common.use_cases import NoInput
from schakel_registry import queries
from schakel_registry.api.dependencies import ClockDep, DatabaseDep, ReferenceDep
from schakel_registry.commands import companies, membership

router = APIRouter(prefix="/v1", tags=["companies"])

Sub = Annotated[str, Path(min_length=1, max_length=100)]


@router.post("/companies", status_code=201)
async def register_company(
    body: companies.RegisterCompany, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Register a company with its first member; it stays unverified until its hub confirms it."""
    return await command.run(
        lambda session: companies.register_company(session, command.principal, body, clock, reference)
    )


@router.post("/company-join-requests", status_code=202)
async def ask_to_join_company(body: membership.AskToJoin, command: CommandDep, clock: ClockDep) -> Response:
    """Ask the members of a company to be let in; the reply is the same whether or not it is known."""
    return await command.run(lambda session: membership.ask_to_join(session, command.principal, body, clock))


@router.get("/companies/{company_id}")
async def get_company(
    company_id: UUID, principal: PrincipalDep, database: DatabaseDep, response: Response, reading: ReadingDep
) -> Any:  # noqa: ANN401 - any JSON
    """Read a company with what identifies it: its members, its hub, and a fieldlab that it asked."""
    async with database.reading() as session:
        found = await queries.company(session, principal, company_id)
    await reading.of([company_id])
    response.headers["ETag"] = etag_of(found["version"])
    return found


@router.patch("/companies/{company_id}")
async def change_company(
    company_id: UUID,
    body: companies.ChangeCompany,
    command: CommandDep,
    clock: ClockDep,
    reference: ReferenceDep,
) -> Response:
    """Change what a company says about itself."""
    return await command.run(
        lambda session: companies.change_company(
            session,
            command.principal,
            company_id,
            body,
            expected_version=command.expected_version,
            clock=clock,
            reference=reference,
        )
    )


@router.post("/companies/{company_id}/establishments")
async def add_establishment(
    company_id: UUID,
    body: companies.AddEstablishment,
    command: CommandDep,
    clock: ClockDep,
    reference: ReferenceDep,
) -> Response:
    """Add a place where a company works."""
    return await command.run(
        lambda session: companies.add_establishment(
            session,
            command.principal,
            company_id,
            body,
            expected_version=command.if_match,
            clock=clock,
            reference=reference,
        )
    )


@router.post("/companies/{company_id}/move")
async def move_company(
    company_id: UUID,
    body: companies.MoveCompany,
    command: CommandDep,
    clock: ClockDep,
    reference: ReferenceDep,
) -> Response:
    """Move the primary establishment, from a day that may be past."""
    return await command.run(
        lambda session: companies.move_company(
            session,
            command.principal,
            company_id,
            body,
            expected_version=command.if_match,
            clock=clock,
            reference=reference,
        )
    )


@router.post("/companies/{company_id}/verification")
async def verify_company(company_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Confirm that a company is who it says it is."""
    return await command.run(
        lambda session: companies.verify_company(
            session, command.principal, company_id, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/companies/{company_id}/merge")
async def merge_company(
    company_id: UUID, body: companies.MergeCompany, command: CommandDep, clock: ClockDep
) -> Response:
    """Let a company go on in another one."""
    return await command.run(
        lambda session: companies.merge_company(
            session, command.principal, company_id, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/companies/{company_id}/erasure")
async def erase_company(company_id: UUID, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Erase a company with all that identifies it."""
    return await command.run(
        lambda session: companies.erase_company(
            session, command.principal, company_id, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/companies/{company_id}/members/{sub}/acceptance")
async def accept_member(company_id: UUID, sub: Sub, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Let in somebody who asked."""
    return await command.run(
        lambda session: membership.accept_member(
            session, command.principal, company_id, sub, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/companies/{company_id}/members/{sub}/removal")
async def remove_member(company_id: UUID, sub: Sub, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Remove a member, or turn down somebody who asked."""
    return await command.run(
        lambda session: membership.remove_member(
            session, command.principal, company_id, sub, expected_version=command.if_match, clock=clock
        )
    )
