"""Who belongs to a company: asks, is let in, is removed."""

from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import Problem
from schakel_common.use_cases import match_version, refuse
from schakel_registry.commands._company import announced_company, living_company, locked_companies, roles_in
from schakel_registry.commands.companies import Contact
from schakel_registry.model import MEMBERS_MAX, kvk_number_error
from schakel_registry.permissions import demand, general_roles
from schakel_registry.tables import Company, CompanyRow, MemberRow


class AskToJoin(ApiModel):
    """Which company, by its number, and who asks."""

    kvk_number: str
    contact: Contact


async def ask_to_join(session: AsyncSession, principal: Principal, command: AskToJoin, clock: Clock) -> Changed:
    """Ask the members of a company to be let in.

    The reply is the same whether or not the company is known, has room, or knows the person already: it carries no
    id and no token, so nobody learns from it who is registered.

    Raises:
        Problem: ``forbidden``; ``invalid-input`` (``kvk-number-digits``).
    """
    demand("ask_to_join", general_roles(principal))
    refuse([kvk_number_error(command.kvk_number)])
    company = await _company_with_number(session, command.kvk_number)
    if company is not None and len(company.members) < MEMBERS_MAX:
        await _ask(session, company, principal.subject, command.contact, clock)
    return Changed(body={"status": "received"}, status=202)


async def accept_member(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    sub: str,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Let in somebody who asked, as an active member or as the hub of the company.

    Raises:
        Problem: ``not-found`` also when this person did not ask; ``forbidden``; ``stale-version``; ``conflict`` when
            the person is a member already.
    """
    company = await living_company(session, principal, company_id, "accept_member")
    match_version(company.row, expected_version)
    member = _member(company, sub)
    if member.status == "active":
        raise Problem("conflict", "This person is a member already.")
    if member.status != "asking":
        raise Problem("not-found", "This person did not ask to join.")
    member.status = "active"
    return await announced_company(session, company, "member-joined", clock.now())


async def remove_member(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    sub: str,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Remove a member, or turn down somebody who asked; how the person wanted to be called is deleted.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when it was done before.
    """
    (company,) = await locked_companies(session, [company_id])
    demand("remove_member", roles_in(principal, company))
    match_version(company.row, expected_version)
    member = _member(company, sub)
    if member.status == "removed":
        raise Problem("conflict", "This person was removed before.")
    member.status, member.name, member.phone = "removed", "", None
    return await announced_company(session, company, "member-removed", clock.now())


def _member(company: Company, sub: str) -> MemberRow:
    found = next((each for each in company.members if each.sub == sub), None)
    if found is None:
        raise Problem("not-found", "This person did not ask to join.")
    return found


async def _company_with_number(session: AsyncSession, kvk_number: str) -> Company | None:
    """Lock the company with this number, or the one in which it went on."""
    statement = select(CompanyRow.id, CompanyRow.merged_into)
    found = (await session.exec(statement.where(CompanyRow.kvk_number == kvk_number))).one_or_none()
    while found is not None and found[1] is not None:
        found = (await session.exec(statement.where(CompanyRow.id == found[1]))).one_or_none()
    if found is None:
        return None
    (company,) = await locked_companies(session, [found[0]])
    return company if company.row.status in ("unverified", "verified") else None


async def _ask(session: AsyncSession, company: Company, sub: str, contact: Contact, clock: Clock) -> None:
    member = next((each for each in company.members if each.sub == sub), None)
    if member is None:
        member = MemberRow(company_id=company.row.id, sub=sub, status="asking", name=contact.name, asked_at=clock.now())
        session.add(member)
        company.members.append(member)
    elif member.status != "removed":
        return
    member.status, member.name, member.phone = "asking", contact.name, contact.phone
    await announced_company(session, company, "membership-asked", clock.now())
