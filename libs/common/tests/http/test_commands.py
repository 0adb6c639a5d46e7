"""A command has its effect once: double submits, one after another and at the same time, on a real database."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from schakel_common.commands import delete_old_keys, version_of_etag
from schakel_common.consistency import decode_token, encode_token
from schakel_common.database import Database
from schakel_common.problems import Problem
from schakel_common.testing import TokenIssuer, api_client, idempotency_key
from schakel_contracts.envelope import Reference

pytestmark = pytest.mark.postgres

THING = UUID("11111111-1111-4111-8111-111111111111")
GOOD = {"kvkNumber": "12345678", "contact": {"name": "Els"}}


async def rows(url: str, table: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


def slug(reply: httpx.Response) -> str:
    return str(reply.json()["type"]).rpartition("/")[2]


async def test_a_command_answers_with_its_token_and_etag(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    reply = await stored.post("/v1/things", json=GOOD, headers=issuer.authorization("els") | idempotency_key())

    token = reply.headers["consistency-token"]
    assert reply.status_code == 201
    assert reply.json() == {"id": str(THING), "by": "els", "token": token}
    assert decode_token(token) == [Reference("company", THING, 1, 3)]
    assert reply.headers["etag"] == '"3"'
    assert reply.headers["location"] == f"/v1/things/{THING}"
    assert await rows(database_url, "thing") == 1


async def test_a_repeat_gets_the_very_same_reply_and_no_second_effect(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    headers = issuer.authorization("els") | idempotency_key()

    first = await stored.post("/v1/things", json=GOOD, headers=headers)
    second = await stored.post("/v1/things", json=GOOD, headers=headers | issuer.authorization("els"))

    assert second.status_code == first.status_code == 201
    assert second.content == first.content
    assert dict(second.headers) == dict(first.headers)
    assert await rows(database_url, "thing") == 1


async def test_twenty_at_the_same_time_have_one_effect_and_one_reply(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    headers = issuer.authorization("els") | idempotency_key()

    replies = await asyncio.gather(*(stored.post("/v1/things", json=GOOD, headers=headers) for _ in range(20)))

    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert await rows(database_url, "thing") == 1
    assert await rows(database_url, "idempotency") == 1


async def test_two_processes_at_the_same_time_have_one_effect(
    make_app: Callable[..., FastAPI], issuer: TokenIssuer, database_url: str
) -> None:
    apps = [make_app(database_url), make_app(database_url)]
    headers = issuer.authorization("els") | idempotency_key()
    async with api_client(apps[0]) as one, api_client(apps[1]) as two:
        replies = await asyncio.gather(
            *(client.post("/v1/things", json=GOOD, headers=headers) for client in (one, two, one, two))
        )
    for app in apps:
        await app.state.database.close()

    assert len({reply.content for reply in replies}) == 1
    assert await rows(database_url, "thing") == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/things", GOOD | {"sizeClass": "small"}), ("/v1/drafts", {})],
    ids=["another body", "another address"],
)
async def test_a_key_of_another_request_is_refused(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str, path: str, body: dict[str, Any]
) -> None:
    headers = issuer.authorization("els") | idempotency_key()
    await stored.post("/v1/things", json=GOOD, headers=headers)

    reply = await stored.post(path, json=body, headers=headers)

    assert (reply.status_code, slug(reply)) == (409, "idempotency-key-reused")
    assert await rows(database_url, "thing") == 1


async def test_the_same_key_of_another_caller_is_another_command(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    key = idempotency_key()

    els = await stored.post("/v1/things", json=GOOD, headers=issuer.authorization("els") | key)
    jan = await stored.post("/v1/things", json=GOOD, headers=issuer.authorization("jan") | key)

    assert (els.json()["by"], jan.json()["by"]) == ("els", "jan")
    assert await rows(database_url, "thing") == 2


async def test_a_command_that_fails_stores_nothing_and_may_be_tried_again(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    headers = issuer.authorization("els") | idempotency_key()
    body = GOOD | {"contact": {"name": "conflict"}}

    for _ in range(2):
        reply = await stored.post("/v1/things", json=body, headers=headers)
        assert (reply.status_code, slug(reply)) == (409, "conflict")

    assert await rows(database_url, "thing") == 0
    assert await rows(database_url, "idempotency") == 0


async def test_without_a_token_a_command_is_not_even_looked_up(stored: httpx.AsyncClient, database_url: str) -> None:
    reply = await stored.post("/v1/things", json=GOOD, headers=idempotency_key())

    assert (reply.status_code, slug(reply)) == (401, "not-signed-in")
    assert await rows(database_url, "idempotency") == 0


async def test_without_a_key_a_command_is_refused(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    reply = await stored.post("/v1/things", json=GOOD, headers=issuer.authorization())

    assert (reply.status_code, slug(reply)) == (400, "idempotency-key-missing")
    assert await rows(database_url, "thing") == 0


@pytest.mark.parametrize("key", ["short", "x" * 129, "with space in it", "tab\tinside"])
async def test_a_key_that_is_none_is_refused(stored: httpx.AsyncClient, issuer: TokenIssuer, key: str) -> None:
    reply = await stored.post("/v1/things", json=GOOD, headers=issuer.authorization() | {"Idempotency-Key": key})

    assert (reply.status_code, slug(reply)) == (400, "invalid-input")
    assert reply.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_an_anonymous_command_needs_a_key_that_nobody_guesses(
    stored: httpx.AsyncClient, database_url: str
) -> None:
    weak = await stored.post("/v1/drafts", headers={"Idempotency-Key": "12345678"})
    headers = idempotency_key()
    first = await stored.post("/v1/drafts", headers=headers)
    second = await stored.post("/v1/drafts", headers=headers)
    stranger = await stored.post("/v1/drafts", headers=headers | {"Draft-Secret": str(uuid4())})

    assert (weak.status_code, slug(weak)) == (400, "invalid-input")
    assert first.status_code == 201
    assert second.content == first.content
    assert stranger.status_code == 201
    assert await rows(database_url, "thing") == 2


async def test_no_key_and_no_subject_is_stored_in_the_clear(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    key = idempotency_key()
    await stored.post("/v1/things", json=GOOD, headers=issuer.authorization("els-subject") | key)

    connection = await asyncpg.connect(database_url)
    owner, stored_key = await connection.fetchrow("SELECT owner, key FROM idempotency")
    await connection.close()

    assert key["Idempotency-Key"] != stored_key
    assert len(owner) == len(stored_key) == 64
    assert "els-subject" not in owner


async def test_an_update_builds_on_the_version_that_was_seen(stored: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    async def change(**headers: str) -> httpx.Response:
        return await stored.patch(
            f"/v1/things/{THING}", headers=issuer.authorization("els") | idempotency_key() | headers
        )

    without, stale, right = await change(), await change(**{"If-Match": '"2"'}), await change(**{"If-Match": '"3"'})

    assert (without.status_code, slug(without)) == (428, "precondition-required")
    assert (stale.status_code, slug(stale)) == (412, "stale-version")
    assert (right.status_code, right.headers["etag"]) == (200, '"4"')
    assert right.json()["token"] is None


@pytest.mark.parametrize("header", ["3", '"x"', 'W/"3"', "*", '"3", "4"', '""', '"-1"'])
def test_an_etag_that_is_not_ours_is_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        version_of_etag(header)

    assert caught.value.errors[0].code == "not-an-etag"


async def test_what_the_token_names_must_be_known_first(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    token = encode_token([Reference("company", uuid4(), 1, 1)])
    headers = issuer.authorization() | idempotency_key()
    reply = await stored.post("/v1/things", json=GOOD, headers=headers | {"Read-After": token})
    nonsense = await stored.post("/v1/things", json=GOOD, headers=headers | {"Read-After": "nonsense"})

    assert (reply.status_code, slug(reply), reply.headers["retry-after"]) == (409, "not-yet-known", "1")
    assert (nonsense.status_code, slug(nonsense)) == (400, "invalid-input")
    assert await rows(database_url, "thing") == 0


async def test_old_keys_are_deleted_and_young_ones_kept(
    stored: httpx.AsyncClient, issuer: TokenIssuer, database_url: str
) -> None:
    for _ in range(2):
        await stored.post("/v1/things", json=GOOD, headers=issuer.authorization("els") | idempotency_key())
    database = Database(database_url)
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE idempotency SET created_at = created_at - interval '25 hours'"
                " WHERE key = (SELECT min(key) FROM idempotency)"
            )
        )

    assert await delete_old_keys(database) == 1
    assert await delete_old_keys(database) == 0
    assert await delete_old_keys(database, kept=timedelta(0)) == 1
    await database.close()
