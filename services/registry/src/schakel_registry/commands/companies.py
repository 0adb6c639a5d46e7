"""The life of a company: registered, verified, described, moved, merged, erased."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import FieldError, Problem
from schakel_common.use_cases import assign, match_version, refuse
from schakel_contracts.companies import SizeClass
from schakel_contracts.envelope import Reference
from schakel_registry.accounts import ask_to_delete_accounts
from schakel_registry.commands._company import (
    announced_company,
    demand_living,
    living_company,
    locked_companies,
    roles_in,
    unchanged_company,
)
from schakel_registry.model import (
    ESTABLISHMENTS_MAX,
    MEMBERS_MAX,
    Postcode,
    kvk_number_error,
    move_effective_at,
    normal_postcode,
    normal_sbi,
)
from schakel_registry.permissions import demand, general_roles
from schakel_registry.reference import ReferenceData
from schakel_registry.tables import Company, CompanyRow, EstablishmentRow, MemberRow

Name = Annotated[str, Field(min_length=1, max_length=200)]
Phone = Annotated[str, Field(max_length=40, pattern=r"^\+?[0-9][0-9 ()-]{5,}$")]
HouseNumber = Annotated[str, Field(max_length=20)]
SbiCodes = Annotated[list[Annotated[str, Field(max_length=10)]], Field(max_length=20)]


class Contact(ApiModel):
    """What a person wants to be called by; it stays in this service."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    phone: Phone | None = None


class RegisterCompany(ApiModel):
    """A company, and the person who registers it: its first member."""

    kvk_number: str
    name: Name
    postcode: str
    house_number: HouseNumber | None = None
    size_class: SizeClass
    sbi: SbiCodes = Field(default_factory=list)
    sole_trader: bool = False
    contact: Contact


class ChangeCompany(ApiModel):
    """What to change: the fields that are sent and no other, so a default below is never used."""

    name: Name = "-"
    size_class: SizeClass = "unknown"
    sbi: SbiCodes = Field(default_factory=list)
    sole_trader: bool = False


class AddEstablishment(ApiModel):
    """A further place where the company works."""

    postcode: str
    house_number: HouseNumber | None = None


class MoveCompany(AddEstablishment):
    """The new place of the primary establishment, and the day from which it holds; that day may be past."""

    effective_on: date


class MergeCompany(ApiModel):
    """The company in which this one goes on."""

    into: UUID


async def register_company(
    session: AsyncSession, principal: Principal, command: RegisterCompany, clock: Clock, reference: ReferenceData
) -> Changed:
    """Register a company with its primary establishment; it stays unverified until its hub confirms it.

    Raises:
        Problem: ``forbidden``; ``company-already-registered``, and nothing more than that; ``invalid-input`` with the
            codes ``kvk-number-digits``, ``postcode-form``, ``postcode-unknown``, ``postcode-po-box``, ``sbi-unknown``.
    """
    demand("register_company", general_roles(principal))
    sbi = normal_sbi(command.sbi)
    refuse(
        [
            kvk_number_error(command.kvk_number),
            reference.postcode_error(command.postcode),
            *reference.sbi_errors(sbi),
        ]
    )
    now = clock.now()
    values = command.model_dump(include={"kvk_number", "name", "size_class", "sole_trader"})
    statement = insert(CompanyRow).values(
        id=uuid4(), version=1, status="unverified", sbi=sbi, registered_at=now, **values
    )
    inserted = await session.execute(
        statement.on_conflict_do_nothing(index_elements=["kvk_number"]).returning(CompanyRow)
    )
    row = inserted.scalar_one_or_none()
    if row is None:
        raise Problem("company-already-registered")
    establishment = _establishment(row.id, command, reference.area_of(command.postcode), primary=True)
    member = MemberRow(
        company_id=row.id,
        sub=principal.subject,
        status="active",
        name=command.contact.name,
        phone=command.contact.phone,
        asked_at=now,
    )
    session.add_all([establishment, member])
    return await announced_company(session, Company(row, [establishment], [member]), "registered", now, status=201)


async def verify_company(
    session: AsyncSession, principal: Principal, company_id: UUID, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Confirm, as its hub, that a company is who it says it is.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when it is verified already.
    """
    company = await living_company(session, principal, company_id, "verify_company")
    match_version(company.row, expected_version)
    if company.row.status == "verified":
        raise Problem("conflict", "This company is verified already.")
    company.row.status = "verified"
    return await announced_company(session, company, "verified", clock.now())


async def change_company(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    command: ChangeCompany,
    *,
    expected_version: int,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Change what a company says about itself. What is the same already changes nothing: no version, no event.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``invalid-input`` (``sbi-unknown``).
    """
    company = await living_company(session, principal, company_id, "change_company")
    match_version(company.row, expected_version)
    values = command.model_dump(exclude_unset=True)
    if "sbi" in values:
        values["sbi"] = normal_sbi(values["sbi"])
        refuse(reference.sbi_errors(values["sbi"]))
    if not assign(company.row, values):
        return unchanged_company(company)
    return await announced_company(session, company, "described", clock.now())


async def add_establishment(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    command: AddEstablishment,
    *,
    expected_version: int | None,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Add a place where a company works; its needs there are routed to the hub of that place.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` at the most establishments we keep;
            ``invalid-input`` with the postcode codes of `register_company`.
    """
    company = await living_company(session, principal, company_id, "add_establishment")
    match_version(company.row, expected_version)
    refuse([reference.postcode_error(command.postcode)])
    if len(company.establishments) >= ESTABLISHMENTS_MAX:
        raise Problem("conflict", f"A company has at most {ESTABLISHMENTS_MAX} establishments here.")
    establishment = _establishment(company.row.id, command, reference.area_of(command.postcode), primary=False)
    session.add(establishment)
    company.establishments.append(establishment)
    return await announced_company(session, company, "establishment-added", clock.now())


async def move_company(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    command: MoveCompany,
    *,
    expected_version: int | None,
    clock: Clock,
    reference: ReferenceData,
) -> Changed:
    """Move the primary establishment; with it goes the hub at which the company counts, from `effective_on`.

    A day in the past makes a backdated version: questions about moments after that day are answered anew.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``invalid-input`` with the postcode codes of
            `register_company`, ``effective-on-future`` or ``effective-on-before-registration``.
    """
    company = await living_company(session, principal, company_id, "move_company")
    match_version(company.row, expected_version)
    refuse([reference.postcode_error(command.postcode)])
    effective = move_effective_at(command.effective_on, company.row.registered_at, clock.now())
    area = reference.area_of(command.postcode)
    primary = next(each for each in company.establishments if each.primary)
    assign(primary, _address(command, area))
    return await announced_company(session, company, "moved", effective)


async def merge_company(
    session: AsyncSession,
    principal: Principal,
    company_id: UUID,
    command: MergeCompany,
    *,
    expected_version: int | None,
    clock: Clock,
) -> Changed:
    """Let a company go on in another one, with its members and establishments; its number stays known.

    Who merges must answer for both, because the members of the one get to see the other.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when one of them was merged before or
            they are together too large; ``invalid-input`` (``into-itself``).
    """
    if command.into == company_id:
        refuse([FieldError("into", "Give another company than this one.", "into-itself")])
    source, target = await locked_companies(session, [company_id, command.into])
    for company in (source, target):
        demand("merge_company", roles_in(principal, company))
        demand_living(company)
    match_version(source.row, expected_version)
    if len(source.members) + len(target.members) > MEMBERS_MAX:
        raise Problem("conflict", f"Together they have over {MEMBERS_MAX} members; remove some first.")
    if len(source.establishments) + len(target.establishments) > ESTABLISHMENTS_MAX:
        raise Problem("conflict", f"Together they have over {ESTABLISHMENTS_MAX} establishments.")
    now = clock.now()
    if await _take_over(session, source, target):
        grown = await announced_company(session, target, "described", now)
    else:
        grown = unchanged_company(target)
    source.row.status, source.row.merged_into = "merged", target.row.id
    merged = await announced_company(session, source, "merged", now)
    return Changed(
        body={**merged.body, "mergedInto": str(target.row.id)},
        references=[*merged.references, *grown.references],
        etag_version=merged.etag_version,
    )


async def erase_company(
    session: AsyncSession, principal: Principal, company_id: UUID, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Erase a company, and those that went on in it: no name, number, address or person is left, here or in the event.

    The accounts of its members are deleted at the identity provider soon after. The number may be registered again, as
    another company.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``.
    """
    first = await living_company(session, principal, company_id, "erase_company")
    match_version(first.row, expected_version)
    predecessors = await locked_companies(session, await _merged_into(session, company_id))
    now = clock.now()
    references: list[Reference] = []
    for company in (first, *predecessors):
        await ask_to_delete_accounts(session, [each.sub for each in company.active_members], now)
        await _empty(session, company)
        references += (await announced_company(session, company, "erased", now)).references
    return Changed(body=unchanged_company(first).body, references=references, etag_version=first.row.version)


async def _take_over(session: AsyncSession, source: Company, target: Company) -> bool:
    """Give the members and establishments of one company to another; return whether that changed the other."""
    for establishment in source.establishments:
        establishment.company_id, establishment.primary = target.row.id, False
    known = {each.sub: each for each in target.members}
    changed = bool(source.establishments)
    for member in source.members:
        same = known.get(member.sub)
        if same is None and member.status != "removed":
            moved = MemberRow(**{**member.model_dump(), "company_id": target.row.id})
            session.add(moved)
            target.members.append(moved)
            changed = True
        elif same is not None and member.status == "active" and same.status != "active":
            same.status = "active"
            changed = True
        await session.delete(member)
    target.establishments += source.establishments
    source.establishments, source.members = [], []
    return changed


async def _merged_into(session: AsyncSession, company_id: UUID) -> list[UUID]:
    """Return the ids of all companies that went on in this one, at whatever remove."""
    found: list[UUID] = []
    last = [company_id]
    while last:
        rows = await session.exec(select(CompanyRow.id).where(col(CompanyRow.merged_into).in_(last)))
        last = list(rows)
        found += last
    return found


async def _empty(session: AsyncSession, company: Company) -> None:
    for row in (*company.establishments, *company.members):
        await session.delete(row)
    company.establishments, company.members = [], []
    assign(
        company.row,
        {
            "status": "erased",
            "kvk_number": None,
            "name": None,
            "size_class": "unknown",
            "sole_trader": False,
            "sbi": [],
            "merged_into": None,
        },
    )


def _establishment(
    company_id: UUID, command: RegisterCompany | AddEstablishment, area: Postcode, *, primary: bool
) -> EstablishmentRow:
    return EstablishmentRow(id=uuid4(), company_id=company_id, primary=primary, **_address(command, area))


def _address(command: RegisterCompany | AddEstablishment, area: Postcode) -> dict[str, Any]:
    return {
        "hub": area.hub,
        "province": area.province,
        "municipality_code": area.municipality_code,
        "place": area.place,
        "postcode": normal_postcode(command.postcode),
        "house_number": command.house_number,
    }
