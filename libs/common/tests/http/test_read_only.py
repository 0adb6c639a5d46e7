"""While changes are stopped each command is refused with what to do, and reading goes on."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from schakel_common.testing import TokenIssuer, api_client, idempotency_key

GOOD = {"kvkNumber": "12345678", "contact": {"name": "Els"}}


async def test_commands_are_refused_with_the_seconds_to_wait_and_nothing_is_asked_of_the_database(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer
) -> None:
    app = make_app(read_only=True)  # its database is not there: whoever asked it would get another problem
    async with api_client(app) as client:
        command = await client.post("/v1/things", json=GOOD, headers=issuer.authorization("els") | idempotency_key())
        anonymous = await client.post("/v1/drafts", headers=idempotency_key())
        reading = await client.get("/v1/things?homeHub=oost")

    for reply in (command, anonymous):
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "300")
        assert reply.json()["type"] == "https://schakel.smartindustry.nl/problems/read-only"
    assert reading.json() == {"homeHub": "oost", "first": 20}


@pytest.mark.postgres
async def test_the_same_key_has_its_effect_when_changes_are_possible_again(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer, database_url: str, stored: httpx.AsyncClient
) -> None:
    headers: dict[str, Any] = issuer.authorization("els") | idempotency_key()
    stopped = make_app(database_url, read_only=True)
    async with api_client(stopped) as client:
        assert (await client.post("/v1/things", json=GOOD, headers=headers)).status_code == 503
    await stopped.state.database.close()

    assert (await stored.post("/v1/things", json=GOOD, headers=headers)).status_code == 201
