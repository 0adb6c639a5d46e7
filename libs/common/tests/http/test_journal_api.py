"""The verifier's questions to a journal, on a real one with a restatement in it."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from schakel_common import journal_api
from schakel_common.database import Database
from schakel_common.reemission import reemit_current
from schakel_common.testing import TokenIssuer, api_client

pytestmark = pytest.mark.postgres

ONE, TWO = UUID(int=1), UUID(int=2)


async def say(url: str, aggregate: UUID, version: int) -> None:
    value = b'{"version":%d}' % version
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT append_event('registry-hubs-v1', 'hub', $1, $2, 'nl.smartindustry.hubs.described.v1',"
        " '2026-01-01Z', $3, $4, NULL)",
        aggregate,
        version,
        value,
        hashlib.sha256(value).hexdigest(),
    )
    await connection.close()


async def unsent(url: str) -> list[tuple[int, int]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT journal.version, outbox.epoch FROM outbox JOIN journal ON journal.seq = journal_seq ORDER BY outbox.seq"
    )
    await connection.close()
    return [(row["version"], row["epoch"]) for row in rows]


async def test_heads_events_and_saying_it_again(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer, database_url: str
) -> None:
    app = make_app(database_url)
    app.include_router(journal_api.router)
    verifier = issuer.authorization("robot", client_id="schakel-verify")
    for aggregate, version in ((ONE, 1), (TWO, 1), (ONE, 2)):
        await say(database_url, aggregate, version)
    database = Database(database_url)
    await reemit_current(database, reason="restored", ids=[ONE])
    await database.close()

    async with api_client(app) as client:

        async def ask(path: str) -> Any:
            reply: httpx.Response = await client.get(f"/internal/journal/{path}", headers=verifier)
            assert reply.status_code == 200
            return reply.json()

        heads = await ask("heads?kind=hub")
        assert [(head["id"], head["epoch"], head["version"]) for head in heads] == [(str(ONE), 2, 2), (str(TWO), 1, 1)]
        assert heads[0]["digest"] == hashlib.sha256(b'{"version":2}').hexdigest()
        assert [head["id"] for head in await ask("heads?kind=hub&limit=1")] == [str(ONE)]
        assert [head["id"] for head in await ask(f"heads?kind=hub&after={ONE}")] == [str(TWO)]
        assert await ask("heads?kind=company") == []

        events = await ask("events?afterSeq=1")
        assert [(event["id"], event["version"], event["state"]) for event in events] == [
            (str(TWO), 1, {"version": 1}),
            (str(ONE), 2, {"version": 2}),
        ]
        assert await ask("events?kind=company") == []

        before = await unsent(database_url)
        again = await client.post("/internal/journal/reemit", json={"kind": "hub", "ids": [str(ONE)]}, headers=verifier)
        assert again.json() == {"sent": 3}
        assert (await unsent(database_url))[len(before) :] == [(1, 1), (2, 1), (2, 2)]
    await app.state.database.close()


@pytest.mark.parametrize("groups", [["/national"], ["/service/schakel-verify"], []])
async def test_nobody_else_may_ask(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer, database_url: str, groups: list[str]
) -> None:
    app = make_app(database_url)
    app.include_router(journal_api.router)
    async with api_client(app) as client:
        headers = issuer.authorization("someone", groups)
        body = {"kind": "hub", "ids": [str(ONE)]}
        replies = [
            await client.get("/internal/journal/heads?kind=hub", headers=headers),
            await client.get("/internal/journal/events", headers=headers),
            await client.post("/internal/journal/reemit", json=body, headers=headers),
            await client.get("/internal/journal/heads?kind=hub"),
        ]

    assert [reply.status_code for reply in replies] == [403, 403, 403, 401]
    assert await unsent(database_url) == []
    assert "/internal/journal/heads" not in app.openapi()["paths"]
    await app.state.database.close()
