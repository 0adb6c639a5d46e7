"""What can be read from the register. Public records for everyone; of a company only what its reader may see."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic.alias_generators import to_camel
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.problems import Problem
from schakel_registry.permissions import MAY, Role, company_roles, demand
from schakel_registry.tables import (
    Company,
    CompanyRow,
    EstablishmentRow,
    FieldlabRow,
    FigureRow,
    HubRow,
    MemberRow,
    state_of_fieldlab,
    state_of_figure,
    state_of_hub,
)

PAGE_MAX: Final = 100
BATCH_MAX: Final = 200

_FINAL: Final = text(
    "WITH RECURSIVE gone_on (id, at) AS ("
    " SELECT id, id FROM company WHERE id = ANY(:ids)"
    " UNION SELECT gone_on.id, company.merged_into FROM gone_on JOIN company ON company.id = gone_on.at"
    " WHERE company.merged_into IS NOT NULL)"
    " SELECT gone_on.id, gone_on.at FROM gone_on JOIN company ON company.id = gone_on.at"
    " WHERE company.merged_into IS NULL"
)
_ASKED: Final = text(
    "SELECT CAST(state ->> 'company_id' AS uuid), state ->> 'fieldlab' FROM replica"
    " WHERE kind = 'referral' AND state @> ANY(CAST(:parts AS jsonb[]))"
    " AND state ->> 'status' NOT IN ('withdrawn', 'erased')"
)


def camel(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a state as the API writes it: its member names in camelCase."""
    if isinstance(value, dict):
        return {to_camel(name): camel(member) for name, member in value.items()}
    if isinstance(value, list):
        return [camel(member) for member in value]
    return value


def _public(state: msgspec.Struct, version: int) -> dict[str, Any]:
    return {**camel(msgspec.to_builtins(state)), "version": version}


async def fieldlab_page(
    session: AsyncSession, *, unpublished: bool, hub: str | None, kind: str | None, after: str | None, limit: int
) -> dict[str, Any]:
    """Return fieldlabs by slug: ``items``, and ``next`` to go on after, None at the end."""
    statement = select(FieldlabRow).order_by(col(FieldlabRow.slug)).limit(limit + 1)
    if not unpublished:
        statement = statement.where(FieldlabRow.published)
    for column, value in ((FieldlabRow.hub, hub), (FieldlabRow.kind, kind)):
        if value is not None:
            statement = statement.where(column == value)
    if after is not None:
        statement = statement.where(FieldlabRow.slug > after)
    rows = list(await session.exec(statement))
    return {
        "items": [_public(state_of_fieldlab(row), row.version) for row in rows[:limit]],
        "next": rows[limit - 1].slug if len(rows) > limit else None,
    }


async def fieldlab(session: AsyncSession, slug: str, *, unpublished: bool) -> dict[str, Any]:
    """Return one fieldlab; Problem ``not-found`` also for one that is not published to this reader."""
    row = (await session.exec(select(FieldlabRow).where(FieldlabRow.slug == slug))).one_or_none()
    if row is None or not (row.published or unpublished):
        raise Problem("not-found", "There is no fieldlab with this slug.")
    return _public(state_of_fieldlab(row), row.version)


async def hubs(session: AsyncSession) -> dict[str, Any]:
    """Return the hubs and the programme office."""
    rows = await session.exec(select(HubRow).order_by(col(HubRow.slug)))
    return {"items": [_public(state_of_hub(row), row.version) for row in rows]}


async def figures(session: AsyncSession) -> dict[str, Any]:
    """Return the published figures."""
    rows = await session.exec(select(FigureRow).order_by(col(FigureRow.key)))
    return {"items": [_public(state_of_figure(row), row.version) for row in rows]}


async def company(session: AsyncSession, principal: Principal, company_id: UUID) -> dict[str, Any]:
    """Return a company with what identifies it, to those who may read that.

    Raises:
        Problem: ``not-found``, ``forbidden``.
    """
    found = await session.get(CompanyRow, company_id)
    if found is None:
        raise Problem("not-found", "There is no such company.")
    ((present, roles),) = (await _with_roles(session, principal, [company_id])).values()
    demand("read_company", roles)
    return {
        "id": str(company_id),
        "status": found.status,
        "sizeClass": found.size_class,
        "soleTrader": found.sole_trader,
        "sbi": found.sbi,
        "homeHub": present.home_hub,
        "mergedInto": str(found.merged_into) if found.merged_into else None,
        "version": found.version,
        **_identity(found, present, roles),
    }


async def private_companies(session: AsyncSession, principal: Principal, ids: Sequence[UUID]) -> dict[str, Any]:
    """Return what identifies companies, item by item: the fields, or the reason why not.

    A company that is not there is ``forbidden``, like one that the reader may not see.
    """
    rows = {row.id: row for row in await session.exec(select(CompanyRow).where(col(CompanyRow.id).in_(ids)))}
    readable = await _with_roles(session, principal, list(rows))
    items: dict[str, Any] = {}
    for each in ids:
        if each in rows and rows[each].status == "erased":
            items[str(each)] = {"reason": "erased"}
        elif each in readable and not MAY["read_company"].isdisjoint(readable[each][1]):
            items[str(each)] = _identity(rows[each], *readable[each])
        else:
            items[str(each)] = {"reason": "forbidden"}
    return {"items": items}


def _identity(row: CompanyRow, present: Company, roles: frozenset[Role]) -> dict[str, Any]:
    """Return name, number and contacts: of a merged company its own, with the people of the one it went on in."""
    primary = next((each for each in present.establishments if each.primary), None)
    identity: dict[str, Any] = {
        "name": row.name,
        "kvkNumber": row.kvk_number,
        "place": primary.place if primary else None,
        "contacts": [{"name": each.name, "phone": each.phone} for each in present.active_members],
        "establishments": [
            {
                "id": str(each.id),
                "primary": each.primary,
                "postcode": each.postcode,
                "houseNumber": each.house_number,
                "place": each.place,
                "hub": each.hub,
            }
            for each in present.establishments
        ],
    }
    if not MAY["read_asking"].isdisjoint(roles):
        identity["members"] = [{"sub": each.sub, "status": each.status, "name": each.name} for each in present.members]
    return identity


async def _with_roles(
    session: AsyncSession, principal: Principal, ids: Sequence[UUID]
) -> dict[UUID, tuple[Company, frozenset[Role]]]:
    """Return by id the company as it is now (where it was merged: the one it went on in) and the reader's roles."""
    now_at = {row[0]: row[1] for row in await session.execute(_FINAL, {"ids": list(ids)})}
    finals = list(set(now_at.values()))
    asked = await _asked_fieldlabs(session, principal, [*ids, *finals])
    companies = {
        row.id: Company(row, [], [])
        for row in await session.exec(select(CompanyRow).where(col(CompanyRow.id).in_(finals)))
    }
    for each in await session.exec(select(EstablishmentRow).where(col(EstablishmentRow.company_id).in_(finals))):
        companies[each.company_id].establishments.append(each)
    members = select(MemberRow).where(col(MemberRow.company_id).in_(finals))
    for member in await session.exec(members.order_by(col(MemberRow.asked_at), col(MemberRow.sub))):
        companies[member.company_id].members.append(member)
    return {
        each: (
            companies[final],
            company_roles(
                principal,
                members=[member.sub for member in companies[final].active_members],
                home_hub=companies[final].home_hub,
                hubs=[place.hub for place in companies[final].establishments],
                fieldlabs=asked.get(each, set()) | asked.get(final, set()),
            ),
        )
        for each, final in now_at.items()
    }


async def _asked_fieldlabs(session: AsyncSession, principal: Principal, ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Return per company which of the reader's fieldlabs it asked for an introduction that was not withdrawn."""
    slugs = [scope.removeprefix("fieldlab:") for scope in principal.scopes if scope.startswith("fieldlab:")]
    if not slugs or not ids:
        return {}
    parts = [
        msgspec.json.encode({"company_id": str(each), "fieldlab": slug}).decode() for each in set(ids) for slug in slugs
    ]
    asked: dict[UUID, set[str]] = {}
    for company_id, slug in await session.execute(_ASKED, {"parts": parts}):
        asked.setdefault(company_id, set()).add(slug)
    return asked
