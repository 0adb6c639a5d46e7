"""V6: the permission table, tested as one table: who sees exactly which rows of which kind."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_gateway.ledger.steps import State, Version
from schakel_gateway.permissions import KIND_OF_TABLE, PERMISSIONS, READABLE_BY_ALL, READER
from schakel_gateway.testing import (
    activity,
    case,
    challenge,
    company,
    fieldlab,
    identifier,
    referral,
    registration,
    version,
)
from schakel_gateway.view.reading import snapshot

pytestmark = pytest.mark.postgres

Project = Callable[[Sequence[Version]], Awaitable[None]]

# Company 1: home Oost, one of its places in Noord; ann is a member, ben asks to be. Company 2: home Zuid; cas is a
# member. Referral 1: of company 1 to robohouse, routed to Noord. Referral 2: of company 2 to dutch-optics. Referral 3:
# of company 2 to robohouse, withdrawn. Registration 1: ann's, organised by hub Oost; 2: cas's, organised by robohouse.
STATES: dict[str, State] = {
    "hub": HubState(identifier("hub", 1), "oost", "hub", "", "", "", ""),
    "lab": fieldlab("robohouse"),
    "secret lab": fieldlab("hidden", published=False),
    "figure": FigureState(identifier("figure", 1), "k", "national", "national", "", "", 1, "u", "exact", "letter", "s"),
    "activity 1": activity(1, "2026-02-01", "oost"),
    "activity 2": activity(2, "2026-02-01", "zuid-holland", organiser="fieldlab:robohouse"),
    "activity 3": activity(3, "2026-02-01", "national", organiser="national"),
    "case": case(1),
    "company 1": company(1, "oost", hubs=("noord",), members=[("ann", "active"), ("ben", "asking")]),
    "company 2": company(2, "zuid", members=[("cas", "active"), ("dee", "removed")]),
    "challenge 1": challenge(1, 1, home_hub="oost", routed_hub="noord"),
    "challenge 2": challenge(2, 2, home_hub="zuid", routed_hub="zuid"),
    "challenge 3": challenge(3, 2, home_hub="zuid", routed_hub="zuid"),
    "referral 1": referral(1, 1, "robohouse", home_hub="oost", routed_hub="noord"),
    "referral 2": referral(2, 2, "dutch-optics", home_hub="zuid", routed_hub="zuid"),
    "referral 3": referral(3, 2, "robohouse", home_hub="zuid", routed_hub="zuid", status="withdrawn"),
    "registration 1": registration(1, 1, "ann"),
    "registration 2": registration(2, 2, "cas"),
    "registration 3": registration(3, 3, "eve"),
}
NAMES = {state.id: name for name, state in STATES.items()}

WHO: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "nobody": (None, ()),
    "eve (no company)": ("eve", ()),
    "ann (company 1)": ("ann", ()),
    "ben (asks to join 1)": ("ben", ()),
    "cas (company 2)": ("cas", ()),
    "dee (removed from 2)": ("dee", ()),
    "hub oost": ("h", ("hub:oost",)),
    "hub noord": ("h", ("hub:noord",)),
    "hub zuid": ("h", ("hub:zuid",)),
    "hub zuid-holland": ("h", ("hub:zuid-holland",)),
    "robohouse": ("f", ("fieldlab:robohouse",)),
    "dutch-optics": ("f", ("fieldlab:dutch-optics",)),
    "national": ("n", ("national",)),
    "two hats": ("h", ("fieldlab:dutch-optics", "hub:oost")),
    "a scope as its own prefix": ("h", ("hub", "hub:", "fieldlab", "company", "national:x", "hub:oos")),
    "a scope without a subject": (None, ("company:1",)),
}

# The rows of the private kinds that each sees; everything public is seen by all (checked beside it).
EXPECTED: dict[str, str] = {
    "nobody": "",
    "eve (no company)": "registration 3",
    "ann (company 1)": "company 1, challenge 1, referral 1, registration 1",
    "ben (asks to join 1)": "",
    "cas (company 2)": "company 2, challenge 2, challenge 3, referral 2, referral 3, registration 2",
    "dee (removed from 2)": "",
    "hub oost": "company 1, challenge 1, referral 1, registration 1",
    "hub noord": "company 1, challenge 1, referral 1",
    "hub zuid": "company 2, challenge 2, challenge 3, referral 2, referral 3",
    "hub zuid-holland": "",
    "robohouse": "company 1, challenge 1, referral 1, referral 3, registration 2",
    "dutch-optics": "company 2, challenge 2, referral 2",
    "national": "secret lab, company 1, company 2, registration 3",
    "two hats": "company 1, company 2, challenge 1, challenge 2, referral 1, referral 2, registration 1",
    "a scope as its own prefix": "",
    "a scope without a subject": "",
}
PUBLIC = {"hub", "lab", "figure", "activity 1", "activity 2", "activity 3", "case"}
MEMBERS = {
    "nobody": set[str](),
    "eve (no company)": set[str](),
    "ann (company 1)": {"ann", "ben"},
    "ben (asks to join 1)": {"ben"},
    "cas (company 2)": {"cas", "dee"},
    "dee (removed from 2)": {"dee"},
    "hub oost": {"ann", "ben"},
    "hub noord": set[str](),
    "hub zuid": {"cas", "dee"},
    "hub zuid-holland": set[str](),
    "robohouse": set[str](),
    "dutch-optics": set[str](),
    "national": set[str](),
    "two hats": {"ann", "ben"},
    "a scope as its own prefix": set[str](),
    "a scope without a subject": set[str](),
}


async def seen(reader: Any, *, as_of_history: bool = False) -> set[str]:
    found: set[UUID] = set()
    if as_of_history:
        found |= {row["id"] for row in await reader.fetch("SELECT id FROM view_1.history")}
    else:
        for table in KIND_OF_TABLE:
            found |= {row["id"] for row in await reader.fetch(f"SELECT id FROM view_1.{table}")}
    return {NAMES[each] for each in found}


async def test_each_scope_sees_exactly_its_rows(pool: Any, project: Project) -> None:
    await project([version(state, 1, 1) for state in STATES.values()])
    found, members, past = {}, {}, {}
    for who, (subject, scopes) in WHO.items():
        async with snapshot(pool, subject=subject, scopes=scopes) as reader:
            found[who] = await seen(reader)
            past[who] = await seen(reader, as_of_history=True)
            members[who] = {row["sub"] for row in await reader.fetch("SELECT sub FROM view_1.company_members")}
    assert found == {who: PUBLIC | {x for x in rows.split(", ") if x} for who, rows in EXPECTED.items()}
    assert past == found  # the past is seen by who sees the present
    assert members == MEMBERS


async def test_unset_settings_show_no_private_row_even_to_the_reader(pool: Any, project: Project) -> None:
    await project([version(state, 1, 1) for state in STATES.values()])
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {READER}")
        assert await seen(connection) == PUBLIC


async def test_a_version_from_before_publication_stays_national(pool: Any, project: Project) -> None:
    await project([version(fieldlab("x", published=False), 1, 1), version(fieldlab("x"), 2, 2)])
    counts = {}
    for subject, scopes in (("eve", ()), ("n", ("national",))):
        async with snapshot(pool, subject=subject, scopes=scopes) as reader:
            counts[subject] = await reader.fetchval("SELECT count(*) FROM view_1.history")
    assert counts == {"eve": 1, "n": 2}


async def test_who_was_removed_sees_nothing_from_the_next_snapshot_on(pool: Any, project: Project) -> None:
    await project([version(company(1, members=[("ann", "active")]), 1, 1)])
    async with snapshot(pool, subject="ann", scopes=()) as reader:
        assert await reader.fetchval("SELECT count(*) FROM view_1.companies") == 1
    await project([version(company(1, members=[("ann", "removed")]), 2, 2)])
    async with snapshot(pool, subject="ann", scopes=()) as reader:
        assert await reader.fetchval("SELECT count(*) FROM view_1.companies") == 0


async def test_role_and_scopes_do_not_outlive_the_snapshot(pool: Any, project: Project) -> None:
    await project([version(state, 1, 1) for state in STATES.values()])
    async with asyncpg.create_pool(**_address(pool), min_size=1, max_size=1) as single:
        async with snapshot(single, subject="n", scopes=("national",)) as reader:
            assert "secret lab" in await seen(reader)
        async with snapshot(single, subject=None, scopes=()) as reader:
            assert await seen(reader) == PUBLIC


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM view_1.line",
        "SELECT * FROM view_1.dead",
        "INSERT INTO view_1.company_members VALUES (gen_random_uuid(), 'me', 'active')",
        "UPDATE view_1.view_position SET position = 0",
        "DELETE FROM view_1.history",
        "TRUNCATE view_1.companies",
        "CREATE TABLE view_1.mine (x int)",
    ],
)
async def test_the_reader_cannot_read_lines_or_write_anything(pool: Any, statement: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {READER}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(statement)


async def test_the_policies_in_force_are_those_of_the_table(connection: Any) -> None:
    rows = await connection.fetch(
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'view_1' AND policyname <> 'projector'"
    )
    expected = {(table, scope.replace(" ", "_")) for table, cells in PERMISSIONS.items() for scope in cells}
    assert {tuple(row) for row in rows} == expected | {("history", "as_the_row_now")}
    forced = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'view_1'::regnamespace"
        " AND relrowsecurity AND relforcerowsecurity"
    )
    assert {row["relname"] for row in forced} == set(PERMISSIONS)


async def test_every_table_that_the_reader_may_read_is_in_the_permission_table_or_about_the_view_itself(
    connection: Any,
) -> None:
    rows = await connection.fetch(
        "SELECT DISTINCT table_name FROM information_schema.role_table_grants"
        " WHERE table_schema = 'view_1' AND grantee IN ($1, 'PUBLIC')",
        READER,
    )
    assert {row["table_name"] for row in rows} == set(PERMISSIONS) | set(READABLE_BY_ALL)


def _address(pool: Any) -> dict[str, Any]:
    return {"dsn": pool._connect_args[0]}
