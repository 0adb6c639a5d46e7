"""What comes in at the door over HTTP: tokens, methods, bodies; and what goes out when something breaks."""

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI
from gateway_world import Client, Fresh, Owner

from schakel_common.testing.client import api_client
from schakel_common.testing.databases import PostgresServer
from schakel_common.testing.tokens import TEST_ISSUER, TokenIssuer
from schakel_gateway.app import build
from schakel_gateway.reads import fieldlabs
from schakel_gateway.settings import GatewaySettings

pytestmark = pytest.mark.postgres

HUBS = "{ hubs { slug } }"


async def send(client: Client, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    return await client.http.post("/graphql", json=body or {"query": HUBS}, headers=headers)


def refused(reply: httpx.Response, status: int, slug: str) -> None:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    assert reply.json()["type"] == f"https://schakel.smartindustry.nl/problems/{slug}"
    assert "data" not in reply.json()


async def test_a_bad_token_is_refused_whatever_is_asked(client: Client, issuer: TokenIssuer) -> None:
    for claims in (
        {"exp": 1_700_000_000, "iat": 1_699_999_900},
        {"aud": "account"},
        {"iss": "https://elsewhere.example/realms/schakel"},
        {"azp": "some-other-client"},
        {"typ": "ID"},
    ):
        headers = issuer.authorization("anna", **claims)
        refused(await send(client, headers), 401, "token-refused")
    stranger = TokenIssuer(TEST_ISSUER)
    for value in (
        stranger.authorization("anna")["Authorization"],
        "Bearer x.y.z",
        "Bearer ",
        "Basic YTpi",
        "Bearer a b",
    ):
        reply = await send(client, {"Authorization": value})
        refused(reply, 401, "token-refused")
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_token_in_the_address_is_no_token(client: Client, issuer: TokenIssuer) -> None:
    reply = await client.http.post(
        f"/graphql?access_token={issuer.token('anna')}", json={"query": "{ me { subject } }"}
    )
    assert reply.json()["data"] == {"me": None}


async def test_a_query_may_be_read_by_get_and_has_an_etag(client: Client) -> None:
    reply = await client.http.get("/graphql", params={"query": HUBS})
    assert reply.json()["data"] == {"hubs": [{"slug": "oost"}]}
    etag = reply.headers["etag"]
    assert reply.headers["cache-control"] == "no-cache"
    assert etag == f'"{reply.json()["extensions"]["snapshot"]["position"]}"'
    again = await client.http.get("/graphql", params={"query": HUBS}, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


async def test_an_answer_to_a_person_has_no_etag(client: Client, issuer: TokenIssuer) -> None:
    reply = await client.http.get("/graphql", params={"query": HUBS}, headers=issuer.authorization("anna"))
    assert reply.status_code == 200
    assert "etag" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"


async def test_a_mutation_by_get_changes_nothing(client: Client, owners: dict[str, Owner], issuer: TokenIssuer) -> None:
    query = 'mutation { withdrawChallenge(input: {challengeId: "x"}) { token } }'
    headers = issuer.authorization("anna") | {"Idempotency-Key": "0123456789"}
    refused(await client.http.get("/graphql", params={"query": query}, headers=headers), 400, "invalid-input")
    assert owners["matching"].requests == []


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"query=%7Bhubs%7Bslug%7D%7D", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"query": "{ hubs { slug } }"}', "text/plain", 415, "unsupported-media-type"),
        (b"--b\r\n\r\n\r\n--b--", "multipart/form-data; boundary=b", 415, "unsupported-media-type"),
        (b'{"query": "{ hubs { slug } }"', "application/json", 400, "invalid-input"),
        (b"", "application/json", 400, "invalid-input"),
        (b"null", "application/json", 400, "invalid-input"),
        (b"5", "application/json", 400, "invalid-input"),
        (b'{"query": NaN}', "application/json", 400, "invalid-input"),
        (b'{"query": 5}', "application/json", 400, "invalid-input"),
        (b"{}", "application/json", 400, "invalid-input"),
        (b'{"query": "{ hubs { slug } }", "variables": []}', "application/json", 400, "invalid-input"),
        (b'{"query": "{ hubs { slug } }", "operationName": 5}', "application/json", 400, "invalid-input"),
        (b'{"query": "{ hubs { slug } }", "operationName": "Other"}', "application/json", 400, "invalid-input"),
        (b"[" + b'{"query": "{ x }"},' * 99 + b'{"query": "{ x }"}]', "application/json", 400, "invalid-input"),
        (b'{"query": "' + b" " * 300_000 + b'"}', "application/json", 413, "too-large"),
        (b'{"query": "{x}", "variables": {"x": "' + b"x" * 10**7 + b'"}}', "application/json", 413, "too-large"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes) else None,
)  # fmt: skip
async def test_what_is_no_request_is_a_problem(
    client: Client, content: bytes, media_type: str, status: int, slug: str
) -> None:
    reply = await client.http.post("/graphql", content=content, headers={"Content-Type": media_type})
    refused(reply, status, slug)


async def test_other_methods_do_not_exist(client: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        reply = await client.http.request(method, "/graphql", json={"query": HUBS})
        refused(reply, 405, "method-not-allowed")


async def test_there_is_no_playground(client: Client) -> None:
    reply = await client.http.get("/graphql", headers={"Accept": "text/html"})
    assert reply.status_code in {400, 404}
    assert "<html" not in reply.text


async def test_a_forged_consistency_token_is_refused(client: Client) -> None:
    refused(await send(client, {"Read-After": "forged"}), 400, "invalid-input")


async def test_a_subscription_over_http_is_refused(client: Client) -> None:
    answer = await client.ask("subscription { myReferrals { id } }", subject="anna")
    assert answer["data"] is None
    assert answer["errors"][0]["message"].startswith("Subscriptions run over a WebSocket")


async def test_a_stranger_learns_no_names_in_production(settings: GatewaySettings, issuer: TokenIssuer) -> None:
    closed = settings.model_copy(update={"introspection": False})
    app: FastAPI = build(closed, verifier=issuer.verifier(closed)).app
    async with api_client(app) as http:
        client = Client(http, issuer, app)
        introspection = "{ __schema { types { name } } }"
        answer = await client.ask(introspection)
        assert answer["data"] is None
        assert "introspection has been disabled" in answer["errors"][0]["message"]
        assert (await client.ask("{ __typename }"))["data"] == {"__typename": "Query"}
        misspelt = await client.ask("{ hubz { slug } }")
        assert misspelt["errors"][0]["message"] == "Cannot query field 'hubz' on type 'Query'."
        known = await client.ask(introspection, subject="anna")
        assert {"name": "Query"} in known["data"]["__schema"]["types"]


async def test_an_unexpected_error_shows_its_trace_id_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fieldlabs, "_HUBS", "SELECT secret FROM the_hidden_table")
    with caplog.at_level(logging.ERROR):
        reply = await send(client)
    (error,) = reply.json()["errors"]
    trace_id = error["extensions"]["traceId"]
    assert error == {
        "message": "Something went wrong with us; quote the trace id.",
        "locations": [{"line": 1, "column": 3}],
        "path": ["hubs"],
        "extensions": {
            "code": "internal-error",
            "type": "https://schakel.smartindustry.nl/problems/internal-error",
            "traceId": trace_id,
        },
    }
    for word in ("secret", "the_hidden_table", "asyncpg", "Traceback", "/work", "strawberry"):
        assert word not in reply.text
    (record,) = [record for record in caplog.records if record.name == "schakel_gateway.answers"]
    assert record.trace_id == trace_id  # type: ignore[attr-defined] # an extra field of the log line
    assert "the_hidden_table" in str(record.exc_info)


async def test_a_value_that_is_no_value_of_the_type_is_masked_too(fresh: Fresh) -> None:
    await fresh.rows.connection.execute(
        "UPDATE view_1.fieldlabs SET state = jsonb_set(state, '{capacity}', '\"brand-new\"') WHERE slug = 'robohouse'"
    )
    answer = await fresh.client.ask('{ fieldlab(slug: "robohouse") { capacity } }')
    assert answer["errors"][0]["extensions"]["code"] == "internal-error"
    assert "brand-new" not in str(answer)


async def test_a_database_that_is_away_is_unavailable(fresh: Fresh, postgres_server: PostgresServer) -> None:
    name = await fresh.rows.connection.fetchval("SELECT current_database()")
    await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    await fresh.rows.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    try:
        answer = await fresh.client.ask(HUBS)
        assert answer["errors"][0]["extensions"]["code"] == "unavailable"
        assert name not in str(answer)
        assert (await fresh.client.http.get("/readyz")).status_code == 503
    finally:
        await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    assert (await fresh.client.ask(HUBS))["data"] == {"hubs": [{"slug": "oost"}]}
    assert (await fresh.client.http.get("/readyz")).status_code == 200
