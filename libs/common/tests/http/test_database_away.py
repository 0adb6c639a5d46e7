"""A database that takes nobody in is away, and no fault of the program; the next request after that is served."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastapi import FastAPI

from schakel_common.testing import TokenIssuer, api_client
from schakel_local.fixtures import PostgresServer

GOOD = {"kvkNumber": "12345678", "contact": {"name": "Els"}}


@pytest.mark.postgres
async def test_a_command_is_told_to_come_back_and_is_done_when_the_database_is_back(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer, database_url: str, postgres_server: PostgresServer
) -> None:
    name = urlsplit(database_url).path.removeprefix("/")
    app = make_app(database_url)
    headers: dict[str, Any] = issuer.authorization("els") | {"Idempotency-Key": str(uuid4())}
    async with api_client(app) as client:
        await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        try:
            away = await client.post("/v1/things", json=GOOD, headers=headers)
        finally:
            await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        back = await client.post("/v1/things", json=GOOD, headers=headers)
    await app.state.database.close()

    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    assert away.json()["type"] == "https://schakel.smartindustry.nl/problems/unavailable"
    assert name not in away.text
    assert back.status_code == 201, back.text
