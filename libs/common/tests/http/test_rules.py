"""Every technical rule of the NL API Design Rules, and the masking of errors, on a running application."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from schakel_common.edge import BODY_BYTES_MAX
from schakel_common.testing import TokenIssuer, api_client, idempotency_key

GOOD = {"kvkNumber": "12345678", "contact": {"name": "Els"}}
PROBLEM = "https://schakel.smartindustry.nl/problems/"


def problem(reply: httpx.Response, slug: str, status: int) -> dict[str, Any]:
    document: dict[str, Any] = reply.json()
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert document["type"] == PROBLEM + slug
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert len(document["traceId"]) == 32
    return document


async def every_kind_of_reply(client: httpx.AsyncClient) -> list[httpx.Response]:
    return [
        await client.get("/v1/things"),
        await client.get("/livez"),
        await client.get("/v1/openapi.json"),
        await client.get("/v1/things?first=0"),
        await client.get("/v1/me"),
        await client.get("/v1/nothing"),
        await client.delete("/v1/things"),
        await client.get("/v1/accident"),
        await client.get("/v1/no-database"),
        await client.post("/v1/things", content="x", headers={"Content-Type": "text/plain"}),
        await client.post("/v1/things", content=b" " * (BODY_BYTES_MAX + 1)),
    ]


async def test_every_reply_has_the_version_and_the_security_headers(client: httpx.AsyncClient) -> None:
    replies = await every_kind_of_reply(client)

    assert [reply.status_code for reply in replies] == [200, 200, 200, 400, 401, 404, 405, 500, 503, 415, 413]
    for reply in replies:
        assert reply.headers["api-version"] == "1.2.3"
        assert reply.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "server" not in reply.headers


async def test_a_trailing_slash_is_not_found_and_not_a_redirect(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/things/"), "not-found", 404)


async def test_an_unknown_method_says_which_are_known(client: httpx.AsyncClient) -> None:
    reply = await client.delete("/v1/openapi.json")

    problem(reply, "method-not-allowed", 405)
    assert reply.headers["allow"] == "GET"


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/plain;q=0.5"])
async def test_what_cannot_be_sent_back_is_refused(client: httpx.AsyncClient, accept: str) -> None:
    problem(await client.get("/v1/things", headers={"Accept": accept}), "not-acceptable", 406)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/*;q=0.1", "APPLICATION/JSON"])
async def test_json_in_any_spelling_is_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    assert (await client.get("/v1/things", headers={"Accept": accept})).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_another_body_than_json_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    reply = await client.post("/v1/things", content='{"a": 1}', headers={"Content-Type": content_type})

    problem(reply, "unsupported-media-type", 415)


async def test_a_body_without_a_length_is_bounded_too(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 16_384

    headers = {"Content-Type": "application/json", **issuer.authorization(), **idempotency_key()}
    problem(await client.post("/v1/things", content=endless(), headers=headers), "too-large", 413)


async def test_invalid_input_names_every_field_once_in_the_words_of_the_api(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    body = {
        "kvkNumber": "1234567",
        "contact": {"name": "", "fax": "1"},
        "sizeClass": "huge",
        "effectiveDate": "tomorrow",
        "sbi": ["1", "2", "3"],
    }
    reply = await client.post("/v1/things", json=body, headers={**issuer.authorization(), **idempotency_key()})

    assert problem(reply, "invalid-input", 400)["errors"] == [
        {"field": "kvkNumber", "message": "This does not have the right form.", "code": "wrong-format"},
        {"field": "contact.name", "message": "Use at least 1 characters.", "code": "too-short"},
        {"field": "contact.fax", "message": "This field is not known here; leave it out.", "code": "unknown-field"},
        {"field": "sizeClass", "message": "Choose one of 'micro' or 'small'.", "code": "not-one-of"},
        {"field": "effectiveDate", "message": "Send a date: YYYY-MM-DD.", "code": "not-a-date"},
        {"field": "sbi", "message": "Give at most 2.", "code": "too-many"},
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{", {"field": "", "message": "The body is not valid JSON.", "code": "not-json"}),
        ("[]", {"field": "", "message": "Send a JSON object.", "code": "not-an-object"}),
        ("", {"field": "", "message": "Fill in this field.", "code": "required"}),
        ("null", {"field": "", "message": "Send a JSON object.", "code": "not-an-object"}),
        (
            '{"kvkNumber": "00000000", "contact": {"name": "a"}}',
            {"field": "kvkNumber", "message": "This KvK number is never given out.", "code": "kvk-number-zero"},
        ),
        (
            '{"kvkNumber": "12345678", "contact": {"name": "a\\u0000b"}}',
            {"field": "contact.name", "message": "Leave out control characters.", "code": "forbidden-character"},
        ),
        (
            '{"kvkNumber": "12345678", "contact": {"name": "\\ud800"}}',
            {"field": "contact.name", "message": "Leave out control characters.", "code": "forbidden-character"},
        ),
        (
            '{"kvkNumber": "12345678", "contact": {"name": "a"}, "sbi": ["\\u202e"]}',
            {"field": "sbi", "message": "Leave out control characters.", "code": "forbidden-character"},
        ),
    ],
)
async def test_a_bad_body_says_what_to_do(
    client: httpx.AsyncClient, issuer: TokenIssuer, body: str, error: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/json", **issuer.authorization(), **idempotency_key()}
    reply = await client.post("/v1/things", content=body, headers=headers)

    assert problem(reply, "invalid-input", 400)["errors"] == [error]


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 50_000, '{"kvkNumber": ' + "9" * 5000 + "}"])
async def test_a_hostile_body_is_invalid_input(client: httpx.AsyncClient, issuer: TokenIssuer, body: str) -> None:
    headers = {"Content-Type": "application/json", **issuer.authorization(), **idempotency_key()}

    problem(await client.post("/v1/things", content=body, headers=headers), "invalid-input", 400)


async def test_query_keys_are_camel_case_and_checked(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/things?homeHub=noord&first=5")).json() == {"homeHub": "noord", "first": 5}
    assert problem(await client.get("/v1/things?first=0"), "invalid-input", 400)["errors"] == [
        {"field": "first", "message": "This must be at least 1.", "code": "too-small"}
    ]


@pytest.mark.parametrize("path", ["/v1/things?homeHub=a%00b", "/v1/things%00"])
async def test_a_zero_byte_in_the_address_is_invalid_input(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), "invalid-input", 400)


async def test_an_accident_shows_its_trace_id_and_nothing_else(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/accident")

    document = problem(reply, "internal-error", 500)
    assert set(document) == {"type", "title", "status", "detail", "traceId"}
    for secret in ("SELECT", "secret", "12345678", "LookupError", "Traceback", ".py"):
        assert secret not in reply.text


async def test_a_database_that_is_away_is_said_to_be_away(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/no-database")

    problem(reply, "unavailable", 503)
    assert reply.headers["retry-after"] == "2"
    assert "5432" not in reply.text


async def test_a_request_is_given_up_in_bounded_time(make_app: Callable[..., FastAPI]) -> None:
    app = make_app(request_seconds_max=0.02)

    @app.get("/v1/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    async with api_client(app) as client:
        problem(await client.get("/v1/slow"), "unavailable", 503)


async def test_the_title_is_in_the_language_of_the_reader(client: httpx.AsyncClient) -> None:
    dutch = await client.get("/v1/me", headers={"Accept-Language": "nl-NL,nl;q=0.9,en;q=0.8"})
    english = await client.get("/v1/me", headers={"Accept-Language": "de, en;q=0.5"})

    assert (dutch.json()["title"], dutch.headers["content-language"]) == ("Log eerst in.", "nl")
    assert (english.json()["title"], english.headers["content-language"]) == ("Sign in first.", "en")
    assert dutch.headers["www-authenticate"] == "Bearer"


async def test_a_token_counts_in_the_header_only(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    token = issuer.token("someone")
    for reply in (
        await client.get(f"/v1/me?access_token={token}"),
        await client.get("/v1/me", headers={"Cookie": f"access_token={token}"}),
        await client.get("/v1/me", headers={"X-Authorization": f"Bearer {token}"}),
    ):
        problem(reply, "not-signed-in", 401)
        assert token not in reply.text

    assert (await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).json()["subject"] == "someone"


async def test_a_bad_token_is_refused_even_where_none_is_needed(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/greeting")).json() == {"hello": "stranger"}
    problem(await client.get("/v1/greeting", headers={"Authorization": "Bearer nonsense"}), "token-refused", 401)


async def test_readiness_tells_nothing_but_whether(make_app: Callable[..., FastAPI]) -> None:
    async with api_client(make_app()) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}
    async with api_client(make_app(is_ready=False)) as client:
        reply = await client.get("/readyz")
        problem(reply, "unavailable", 503)
        assert "secret_table" not in reply.text
        assert (await client.get("/livez")).json() == {"status": "alive"}


async def test_a_request_leaves_one_log_line_without_its_query(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "schakel_common.edge")

    await client.get("/v1/things?homeHub=geheim")
    await client.get("/livez")

    (line,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert {name: vars(line)[name] for name in ("method", "route", "status")} == {
        "method": "GET",
        "route": "/v1/things",
        "status": 200,
    }
    assert "geheim" not in str(vars(line))


async def test_the_document_is_public_and_names_its_owner_and_its_version(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/openapi.json")
    document = reply.json()

    assert reply.headers["access-control-allow-origin"] == "*"
    assert document["openapi"].startswith("3.")
    assert document["info"]["version"] == "1.2.3"
    assert set(document["info"]["contact"]) == {"name", "url", "email"}
    assert document["servers"][0]["url"] == "/v1"
    assert sorted(document["paths"]) == [
        "/accident",
        "/drafts",
        "/greeting",
        "/me",
        "/no-database",
        "/things",
        "/things/{thing_id}",
    ]
    post = document["paths"]["/things"]["post"]
    assert post["operationId"] == "registerThing"
    assert set(post["responses"]) == {"201", "400", "401", "403", "404", "406", "409", "413", "415", "500", "503"} | {
        "412",
        "428",
    }
    assert post["security"] == [{"HTTPBearer": []}]
    assert document["components"]["schemas"]["Thing"]["properties"]["effectiveDate"]["format"] == "date"
    assert "422" not in str(document)
