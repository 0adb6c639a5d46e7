"""Demand without supply: exact for who answers for it, safe for everybody else."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import orjson
import pytest

from schakel_common.migrations import migrate
from schakel_common.testing.databases import PostgresServer, service_database
from schakel_contracts.hubs import HubState
from schakel_gateway.app import DEFINITION
from schakel_gateway.ledger.steps import Version
from schakel_gateway.permissions import READER
from schakel_gateway.testing import BEGIN, challenge, company, fieldlab, identifier, version
from schakel_gateway.view.reading import snapshot

pytestmark = pytest.mark.postgres

MIGRATIONS = DEFINITION.migrations
Project = Callable[[Sequence[Version]], Awaitable[None]]

NATIONAL = ("n", ("national",))
HUB = ("h", ("hub:oost",))
PUBLIC: tuple[str | None, tuple[str, ...]] = (None, ())


def hub(slug: str, *provinces: str) -> Version:
    state = HubState(identifier("hub", slug), slug, "hub", "", "", "", "", provinces=list(provinces))
    return version(state, 1, 1)


HUBS = [hub("oost", "NL-OV", "NL-GE"), hub("zuid", "NL-NB")]


def needs(number: int, many: int, province: str, technology: str, *, on: float = 10) -> list[Version]:
    """The needs of so many companies."""
    found = []
    for each in range(number, number + many):
        found += [
            version(company(each), 1, on),
            version(challenge(each, each, province=province, concepts=[technology]), 1, on),
        ]
    return found


def lab(slug: str, province: str, *themes: str, number: int = 1, **changes: Any) -> Version:
    state = msgspec.structs.replace(fieldlab(slug), province=province, themes=list(themes), **changes)
    return version(state, number, number)


async def spots(pool: Any, who: tuple[str | None, tuple[str, ...]], region: str | None = None) -> Any:
    async with snapshot(pool, subject=who[0], scopes=who[1]) as reader:
        return orjson.loads(await reader.fetchval("SELECT view_1.white_spots($1)", region))


async def cells(pool: Any, who: tuple[str | None, tuple[str, ...]], region: str | None = None) -> list[tuple[Any, ...]]:
    found = await spots(pool, who, region)
    return [(s["technology"], s["province"], s["companies"], s["fieldlabs_elsewhere"]) for s in found["spots"]]


async def test_only_what_no_fieldlab_of_the_province_has_is_a_white_spot(pool: Any, project: Project) -> None:
    await project(
        [
            *HUBS,
            *needs(1, 2, "NL-OV", "cobots"),
            *needs(10, 1, "NL-OV", "robot_welding"),
            *needs(20, 3, "NL-NB", "robot_welding"),
            lab("welding", "NL-OV", "robot_welding"),
            lab("other", "NL-ZH", "robot_welding", "cobots"),
        ]
    )
    assert await cells(pool, NATIONAL) == [("robot_welding", "NL-NB", 3, 2), ("cobots", "NL-OV", 2, 1)]


@pytest.mark.parametrize("gone", [{"status": "ended"}, {"published": False}])
async def test_a_fieldlab_that_ended_or_is_not_published_is_no_supply(
    pool: Any, project: Project, gone: dict[str, Any]
) -> None:
    await project([*HUBS, *needs(1, 1, "NL-OV", "cobots"), lab("one", "NL-OV", "cobots")])
    assert await cells(pool, NATIONAL) == []
    await project([lab("one", "NL-OV", "cobots", number=2, **gone)])
    assert await cells(pool, NATIONAL) == [("cobots", "NL-OV", 1, 0)]


async def test_a_company_counts_once_also_after_a_merger_and_past_needs_count(pool: Any, project: Project) -> None:
    first = challenge(1, 1, province="NL-OV", concepts=["cobots", "iot"])
    await project(
        [
            *HUBS,
            version(company(1), 1, 1),
            version(company(2), 1, 1),
            version(first, 1, 1),
            version(challenge(2, 1, province="NL-OV", concepts=["cobots"]), 1, 1),
            version(challenge(3, 2, province="NL-OV", concepts=["cobots"]), 1, 1),
            version(msgspec.structs.replace(first, status="withdrawn"), 2, 2),
        ]
    )
    assert [cell[:3] for cell in await cells(pool, NATIONAL)] == [("cobots", "NL-OV", 2), ("iot", "NL-OV", 1)]
    await project([version(company(2, status="merged", merged_into=1), 2, 3)])
    assert [cell[:3] for cell in await cells(pool, NATIONAL)] == [("cobots", "NL-OV", 1), ("iot", "NL-OV", 1)]
    erased = msgspec.structs.replace(first, status="erased", concepts=[], province=None)
    await project([version(erased, 3, 4)])
    assert [cell[:3] for cell in await cells(pool, NATIONAL)] == [("cobots", "NL-OV", 1)]


async def test_who_answers_for_it_sees_every_cell_and_nobody_else_a_small_one(pool: Any, project: Project) -> None:
    await project(
        [*HUBS, *needs(1, 4, "NL-OV", "cobots"), *needs(10, 5, "NL-GE", "iot"), *needs(20, 2, "NL-NB", "iot")]
    )
    small, large, south = ("cobots", "NL-OV", 4, 0), ("iot", "NL-GE", 5, 0), ("iot", "NL-NB", 2, 0)
    assert await cells(pool, NATIONAL) == [large, small, south]
    assert await cells(pool, HUB, "oost") == [large, small]
    for who, region in (
        (PUBLIC, None),
        (PUBLIC, "oost"),
        (HUB, None),
        (("h", ("hub:zuid", "fieldlab:oost")), "oost"),
        (("ann", ()), None),
        ((None, ("national:x", "hub:")), None),
    ):
        found = await spots(pool, who, region)
        assert (found["exact"], [s["companies"] for s in found["spots"]]) == (False, [5]), who
    assert await cells(pool, HUB, "zuid") == []


async def test_others_see_the_last_month_end_and_the_team_this_moment(pool: Any, project: Project) -> None:
    today = (datetime.now(UTC) - BEGIN).total_seconds() / 86_400
    await project([*HUBS, *needs(1, 5, "NL-OV", "cobots")])
    await project([*needs(10, 3, "NL-OV", "cobots", on=today)])
    assert await cells(pool, NATIONAL) == [("cobots", "NL-OV", 8, 0)]
    assert await cells(pool, PUBLIC) == [("cobots", "NL-OV", 5, 0)]
    found = await spots(pool, PUBLIC)
    moment = datetime.fromisoformat(found["as_of"])
    assert moment < datetime.now(UTC)
    assert found["position"] == (await spots(pool, NATIONAL))["position"] > 0
    await project([version(challenge(1, 1, concepts=[]), 2, today)])
    assert await cells(pool, PUBLIC) == [("cobots", "NL-OV", 5, 0)]  # of then, as it was known then


async def test_a_need_without_a_place_is_in_no_province(pool: Any, project: Project) -> None:
    await project([*HUBS, version(company(1), 1, 1), version(challenge(1, 1, concepts=["cobots"]), 1, 1)])
    assert await spots(pool, NATIONAL) | {"as_of": None} == {
        "known": True,
        "exact": True,
        "as_of": None,
        "position": 1,
        "region": None,
        "spots": [],
    }


async def test_a_region_that_is_no_hub_is_not_known(pool: Any, project: Project) -> None:
    await project(HUBS)
    assert (await spots(pool, NATIONAL, "nowhere"))["known"] is False


async def test_a_live_view_from_before_gets_the_function_by_migration(postgres_server: PostgresServer) -> None:
    async with service_database(postgres_server, "gateway", MIGRATIONS) as url:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("DROP FUNCTION view_1.white_spots(text)")
            await connection.execute("UPDATE alembic_version SET version_num = '0001'")
            await migrate(url, MIGRATIONS)
            async with connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {READER}")
                found = orjson.loads(await connection.fetchval("SELECT view_1.white_spots(NULL)"))
        finally:
            await connection.close()
    assert (found["exact"], found["spots"]) == (False, [])
