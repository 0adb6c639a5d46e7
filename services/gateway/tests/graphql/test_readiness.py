"""A gateway is ready when its view has had everything once, and stays ready whatever happens to anybody else."""

import asyncpg
import pytest
from gateway_world import Fresh

from schakel_common.migrations import migrate
from schakel_common.testing.databases import PostgresServer, service_database
from schakel_gateway.app import DEFINITION

pytestmark = pytest.mark.postgres


async def ready(fresh: Fresh) -> int:
    return (await fresh.client.http.get("/readyz")).status_code


async def test_a_view_that_is_being_filled_is_not_ready_and_alive(fresh: Fresh) -> None:
    await fresh.rows.connection.execute("UPDATE view_1.view_position SET caught_up_at = NULL, position = 9000")

    reply = await fresh.client.http.get("/readyz")
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "1"
    assert (await fresh.client.http.get("/livez")).status_code == 200

    await fresh.rows.connection.execute("UPDATE view_1.view_position SET caught_up_at = now()")
    assert await ready(fresh) == 200


async def test_a_view_that_fell_behind_stays_ready_and_says_how_old_it_is(fresh: Fresh) -> None:
    await fresh.rows.connection.execute(
        "INSERT INTO view_1.heartbeat SELECT s, now() - interval '3 days'"
        " FROM unnest(ARRAY['registry', 'matching', 'events']) AS s"
    )
    assert await ready(fresh) == 200
    answer = await fresh.client.ask("{ hubs { slug } }")
    assert answer["data"] == {"hubs": [{"slug": "oost"}]}
    stated = answer["extensions"]["snapshot"]["knownAt"]
    assert stated < await fresh.rows.connection.fetchval("SELECT to_char(now() - interval '2 days', 'YYYY-MM-DD')")


async def test_a_view_without_what_this_program_needs_is_not_ready(fresh: Fresh) -> None:
    await fresh.rows.connection.execute("ALTER TABLE view_1.view_position DROP COLUMN caught_up_at")
    assert await ready(fresh) == 503


@pytest.mark.parametrize("services", [["registry", "matching", "events"], ["registry"]])
async def test_an_upgrade_takes_no_view_away_that_answered_and_opens_none_that_did_not(
    postgres_server: PostgresServer, services: list[str]
) -> None:
    async with service_database(postgres_server, "gateway", DEFINITION.migrations) as url:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("ALTER TABLE view_1.view_position DROP COLUMN caught_up_at")
            await connection.execute("UPDATE alembic_version SET version_num = '0002'")
            await connection.execute(
                "INSERT INTO view_1.heartbeat SELECT s, now() FROM unnest($1::text[]) AS s", services
            )

            await migrate(url, DEFINITION.migrations)

            found = await connection.fetchval("SELECT caught_up_at IS NOT NULL FROM view_1.view_position")
            assert found is (len(services) == 3)
        finally:
            await connection.close()
