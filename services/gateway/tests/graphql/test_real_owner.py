"""A command through the gateway to the real registry in a process of its own, and its private fields back."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from gateway_world import Client, Fresh, Owner, company, gateway_on, settings_of

from schakel_common.consistency import decode_token
from schakel_common.testing.databases import PostgresServer, service_database
from schakel_common.testing.tokens import TEST_ISSUER, TokenIssuer
from schakel_contracts.envelope import Reference
from schakel_local.ports import any_free

pytestmark = pytest.mark.postgres

MIGRATIONS = Path(__file__).parents[3] / "registry" / "src" / "schakel_registry" / "migrations"
REGISTER = """mutation Register($input: RegisterCompanyInput!) { registerCompany(input: $input) {
    company { id version status homeHub } token problem { code errors { field code } } } }"""
GIVEN = {
    "kvkNumber": "12345678",
    "name": "Bakkerij Zon",
    "postcode": "7411 AA",
    "sizeClass": "SMALL",
    "contact": {"name": "Anna", "phone": "0612345678"},
}


async def answering(address: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(45):
        while True:
            try:
                async with session.get(f"{address}/readyz") as reply:
                    if reply.status == 200:
                        return
            except OSError:
                pass
            await asyncio.sleep(0.1)


@pytest.fixture
async def registry(
    postgres_server: PostgresServer, owners: dict[str, Owner], issuer: TokenIssuer
) -> AsyncIterator[tuple[str, str]]:
    """Address and database of a registry that trusts the test's tokens."""
    owners["events"].answer("GET /certs", issuer.jwks())
    address = f"http://127.0.0.1:{any_free()}"
    async with service_database(postgres_server, "registry", MIGRATIONS) as url:
        environment = os.environ | {
            "SCHAKEL_DATABASE_URL": url,
            "SCHAKEL_ISSUER": TEST_ISSUER,
            "SCHAKEL_JWKS_URL": f"{owners['events'].address}/certs",
            "SCHAKEL_PORT": address.rpartition(":")[2],
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schakel_registry", "serve", "--roles", "api", env=environment
        )
        try:
            await answering(address)
            yield address, url
        finally:
            process.terminate()
            await process.wait()


async def rows_of(url: str, table: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
        return count
    finally:
        await connection.close()


async def register(client: Client, key: str, **changes: object) -> Any:
    answer = await client.ask(REGISTER, {"input": GIVEN | changes}, subject="anna", headers={"Idempotency-Key": key})
    assert "errors" not in answer, answer
    return answer["data"]["registerCompany"]


async def test_a_company_is_registered_once_and_its_name_is_read_back(
    fresh: Fresh, registry: tuple[str, str], owners: dict[str, Owner], issuer: TokenIssuer
) -> None:
    address, url = registry
    settings = settings_of(str(fresh.client.app.state.settings.database_url), owners)
    async with gateway_on(settings.model_copy(update={"registry_url": address}), issuer) as client:
        wrong = await register(client, "key-number-1", kvkNumber="1234567", postcode="0000 AA")
        assert {(error["field"], error["code"]) for error in wrong["problem"]["errors"]} >= {
            ("kvkNumber", "kvk-number-digits")
        }
        assert await rows_of(url, "outbox") == 0

        made = await register(client, "key-number-2")
        identity = made["company"]["id"]
        assert made == {
            "company": {"id": identity, "version": 1, "status": "UNVERIFIED", "homeHub": "oost"},
            "token": made["token"],
            "problem": None,
        }
        assert decode_token(made["token"]) == [Reference("company", UUID(identity), 1, 1)]
        assert await register(client, "key-number-2") == made
        reused = await register(client, "key-number-2", name="Another")
        assert reused["problem"]["code"] == "idempotency-key-reused"
        known = await register(client, "key-number-3")
        assert known["problem"] == {"code": "company-already-registered", "errors": []}
        assert await rows_of(url, "outbox") == 1

        state = company("bakker", "anna", id=UUID(identity), members=[])
        await fresh.rows.connection.execute(
            "INSERT INTO view_1.company_members VALUES ($1, 'anna', 'active')", UUID(identity)
        )
        await fresh.rows.put("companies", state)
        query = "query Mine($id: ID) { myCompany(id: $id) { privateState name kvkNumber contacts { name phone } } }"
        read = await client.ask(query, {"id": identity}, subject="anna", headers={"Read-After": made["token"]})
        assert read["data"]["myCompany"] == {
            "privateState": "OK",
            "name": "Bakkerij Zon",
            "kvkNumber": "12345678",
            "contacts": [{"name": "Anna", "phone": "0612345678"}],
        }
        assert read["extensions"]["snapshot"]["stale"] is False
        await fresh.rows.connection.execute(
            "INSERT INTO view_1.company_members VALUES ($1, 'mallory', 'active')", UUID(identity)
        )
        foreign = await client.ask(query, {"id": identity}, subject="mallory")
        assert foreign["data"]["myCompany"] == {
            "privateState": "FORBIDDEN",
            "name": None,
            "kvkNumber": None,
            "contacts": None,
        }
