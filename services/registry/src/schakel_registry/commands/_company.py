"""How the use cases get hold of a company, locked and with all its rows, and announce its new version."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.commands import Changed
from schakel_common.problems import Problem
from schakel_common.use_cases import announce
from schakel_contracts.topics import COMPANIES
from schakel_registry.permissions import Action, Role, company_roles, demand
from schakel_registry.tables import Company, CompanyRow, EstablishmentRow, MemberRow, state_of_company


async def locked_companies(session: AsyncSession, ids: Sequence[UUID]) -> list[Company]:
    """Lock companies, always in the order of their ids so that two use cases cannot wait for each other.

    Returns:
        The companies in the order of `ids`.

    Raises:
        Problem: ``not-found`` when one of them is not there.
    """
    locking = select(CompanyRow).where(col(CompanyRow.id).in_(ids)).order_by(col(CompanyRow.id)).with_for_update()
    rows = {row.id: row for row in await session.exec(locking)}
    if rows.keys() != set(ids):
        raise Problem("not-found", "There is no such company.")
    establishments = list(await session.exec(select(EstablishmentRow).where(col(EstablishmentRow.company_id).in_(ids))))
    members = list(await session.exec(select(MemberRow).where(col(MemberRow.company_id).in_(ids))))
    return [
        Company(
            rows[each],
            [row for row in establishments if row.company_id == each],
            [row for row in members if row.company_id == each],
        )
        for each in ids
    ]


async def living_company(session: AsyncSession, principal: Principal, company_id: UUID, action: Action) -> Company:
    """Lock a company on which somebody may do something, and which is neither merged nor erased.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``conflict``.
    """
    (company,) = await locked_companies(session, [company_id])
    demand(action, roles_in(principal, company))
    demand_living(company)
    return company


def demand_living(company: Company) -> None:
    """Refuse to change a company that went on in another one, or that is erased."""
    if company.row.status in ("merged", "erased"):
        raise Problem("conflict", f"This company is {company.row.status}.")


def roles_in(principal: Principal, company: Company) -> frozenset[Role]:
    """Return the roles that a caller has towards a company when it gives commands."""
    return company_roles(
        principal,
        members=[each.sub for each in company.active_members],
        home_hub=company.home_hub,
        hubs=[each.hub for each in company.establishments],
    )


def unchanged_company(company: Company, *, status: int = 200) -> Changed:
    """Return the reply about a company that was left as it is."""
    row = company.row
    body = {"id": str(row.id), "status": row.status, "homeHub": company.home_hub, "version": row.version}
    return Changed(body=body, status=status, etag_version=row.version)


async def announced_company(
    session: AsyncSession, company: Company, happening: str, effective_at: datetime, *, status: int = 200
) -> Changed:
    """Announce a change of a company as its next version; a new one (status 201) has version 1 already."""
    if status != 201:  # noqa: PLR2004 - HTTP's own number for what is new
        company.row.version += 1
    reference = await announce(
        session,
        COMPANIES,
        happening,
        state_of_company(company),
        version=company.row.version,
        effective_at=effective_at,
    )
    reply = unchanged_company(company, status=status)
    return Changed(body=reply.body, references=[reference], status=status, etag_version=reply.etag_version)
