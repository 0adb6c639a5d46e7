"""Mutations on their way to the owner and back."""

import asyncio
import time
from uuid import UUID

import pytest
from aiohttp import web
from gateway_world import Client, Owner, an_id, gateway_on

from schakel_common.consistency import decode_token, encode_token
from schakel_common.testing import TokenIssuer
from schakel_contracts.envelope import Reference
from schakel_gateway.settings import GatewaySettings

pytestmark = pytest.mark.postgres

KEY = {"Idempotency-Key": "6f1e8a52-0d5c-4a2b-9a52-1f0e7f0f1c11"}
ACCEPT = """mutation Accept($input: AcceptReferralInput!) { acceptReferral(input: $input) {
    referral { id status version } token problem { code title titleNl detail errors { field message code }
    retryAfterSeconds traceId } } }"""
ROB = {"subject": "rob", "groups": ("/fieldlab/robohouse",)}


async def accept(client: Client, headers: dict[str, str] | None = None, **fields: object) -> dict[str, object]:
    given = {"referralId": str(an_id("intro")), **fields}
    answer = await client.ask(
        ACCEPT, {"input": given}, subject="rob", groups=("/fieldlab/robohouse",), headers=KEY | (headers or {})
    )
    assert "errors" not in answer
    payload: dict[str, object] = answer["data"]["acceptReferral"]
    return payload


async def test_a_command_reaches_its_owner_with_the_users_token_key_version_and_trace(
    client: Client, owners: dict[str, Owner]
) -> None:
    path = f"/v1/referrals/{an_id('intro')}/acceptance"
    owners["matching"].answer(
        f"POST {path}",
        {"id": str(an_id("intro")), "status": "accepted", "token": "dG9rZW4"},
        headers={"ETag": '"3"', "Consistency-Token": "dG9rZW4"},
    )
    read_after = encode_token([Reference("referral", an_id("intro"), 1, 1), Reference("case", an_id("story"), 1, 1)])
    payload = await accept(client, {"Read-After": read_after, "Accept-Language": "nl"}, message="Kom", ifVersion=2)
    assert payload == {
        "referral": {"id": str(an_id("intro")), "status": "ACCEPTED", "version": 3},
        "token": "dG9rZW4",
        "problem": None,
    }
    (request,) = owners["matching"].requests
    assert request["body"] == {"message": "Kom"}
    headers = request["headers"]
    assert headers["authorization"].startswith("Bearer ey")
    assert UUID(headers["idempotency-key"]).version == 5
    assert headers["if-match"] == '"2"'
    assert headers["accept-language"] == "nl"
    assert decode_token(headers["read-after"]) == [Reference("referral", an_id("intro"), 1, 1)]
    assert headers["traceparent"].startswith("00-")


async def test_the_same_key_stays_the_same_per_field_and_two_fields_are_two_commands(
    client: Client, owners: dict[str, Owner]
) -> None:
    two = """mutation Two($a: AcceptReferralInput!, $b: AcceptReferralInput!) {
        one: acceptReferral(input: $a) { token } other: acceptReferral(input: $b) { token } }"""
    given = {"a": {"referralId": "a"}, "b": {"referralId": "b"}}
    for _ in range(2):
        await client.ask(two, given, subject="rob", groups=("/fieldlab/robohouse",), headers=KEY)
    keys = [request["headers"]["idempotency-key"] for request in owners["matching"].requests]
    assert owners["matching"].paths() == [
        "POST /v1/referrals/a/acceptance",
        "POST /v1/referrals/b/acceptance",
        "POST /v1/referrals/a/acceptance",
        "POST /v1/referrals/b/acceptance",
    ]
    assert keys[0] == keys[2]
    assert keys[1] == keys[3]
    assert keys[0] != keys[1]


async def test_a_command_without_a_key_goes_nowhere(client: Client, owners: dict[str, Owner]) -> None:
    for headers, code in (({}, "idempotency-key-missing"), ({"Idempotency-Key": "short"}, "invalid-input")):
        answer = await client.ask(
            ACCEPT, {"input": {"referralId": "x"}}, subject="rob", groups=("/fieldlab/robohouse",), headers=headers
        )
        assert answer["data"]["acceptReferral"]["problem"]["code"] == code
    anonymous = await client.ask(
        'mutation { createDraft(input: {text: "x", language: NL}) { problem { code errors { field } } } }',
        headers={"Idempotency-Key": "guessable-key"},
    )
    assert anonymous["data"]["createDraft"]["problem"] == {
        "code": "invalid-input",
        "errors": [{"field": "Idempotency-Key"}],
    }
    assert owners["matching"].requests == []


async def test_what_was_not_given_is_not_sent_and_null_is(client: Client, owners: dict[str, Owner]) -> None:
    query = """mutation Change($input: ChangeFieldlabInput!) { changeFieldlab(input: $input) { problem { code } } }"""
    given = {"slug": "robohouse", "capacity": "FULL", "website": None, "themes": ["iot"], "ifVersion": 4}
    await client.ask(query, {"input": given}, subject="rob", groups=("/fieldlab/robohouse",), headers=KEY)
    (request,) = owners["registry"].requests
    assert (request["method"], request["path"]) == ("PATCH", "/v1/fieldlabs/robohouse")
    assert request["body"] == {"capacity": "full", "website": None, "themes": ["iot"]}


async def test_nested_inputs_travel_in_the_words_of_the_service(client: Client, owners: dict[str, Owner]) -> None:
    query = "mutation New($input: RegisterCompanyInput!) { registerCompany(input: $input) { company { id status } } }"
    owners["registry"].answer("POST /v1/companies", {"id": "c", "status": "unverified", "homeHub": "oost"}, status=201)
    given = {
        "kvkNumber": "12345678",
        "name": "Bakker",
        "postcode": "7411AA",
        "sizeClass": "SMALL",
        "contact": {"name": "Anna"},
        "soleTrader": False,
    }
    answer = await client.ask(query, {"input": given}, subject="anna", headers=KEY)
    assert answer["data"]["registerCompany"] == {"company": {"id": "c", "status": "UNVERIFIED"}}
    assert owners["registry"].requests[0]["body"] == {**given, "sizeClass": "small"}


async def test_a_field_that_the_input_does_not_have_is_refused(client: Client, owners: dict[str, Owner]) -> None:
    for extra in ("hubId", "status", "role", "ownerId", "homeHub"):
        answer = await client.ask(
            ACCEPT, {"input": {"referralId": "x", extra: "x"}}, subject="rob", groups=("/fieldlab/robohouse",)
        )
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["code"] == "invalid-query"
    assert owners["matching"].requests == []


@pytest.mark.parametrize("identity", ["", "..", ".", " ", "x" * 201])
async def test_an_id_cannot_change_the_path(client: Client, owners: dict[str, Owner], identity: str) -> None:
    assert (await accept(client, referralId=identity))["problem"]["code"] == "not-found"  # type: ignore[index] # JSON
    assert owners["matching"].requests == []


async def test_an_id_is_one_part_of_the_path(client: Client, owners: dict[str, Owner]) -> None:
    await accept(client, referralId="../companies/x?y#z")
    assert owners["matching"].paths() == ["POST /v1/referrals/..%2Fcompanies%2Fx%3Fy%23z/acceptance"]


async def test_a_problem_of_the_owner_is_the_problem_of_the_payload(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answer(
        f"POST /v1/referrals/{an_id('intro')}/acceptance",
        {
            "type": "https://schakel.smartindustry.nl/problems/invalid-input",
            "title": "whatever",
            "detail": "The message is too long.",
            "errors": [{"field": "message", "message": "Use at most 4000 characters.", "code": "too-long"}],
        },
        status=400,
    )
    payload = await accept(client, message="x")
    trace = payload["problem"].pop("traceId")  # type: ignore[attr-defined] # JSON
    assert len(str(trace)) == 32
    assert payload == {
        "referral": None,
        "token": None,
        "problem": {
            "code": "invalid-input",
            "title": "Some fields are not right; see the errors.",
            "titleNl": "Enkele velden kloppen niet; zie de meldingen.",
            "detail": "The message is too long.",
            "errors": [{"field": "message", "message": "Use at most 4000 characters.", "code": "too-long"}],
            "retryAfterSeconds": None,
        },
    }


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, {"type": "about:blank", "detail": "psycopg: SELECT secret FROM x"}, "unavailable"),
        (
            500,
            {"type": "https://schakel.smartindustry.nl/problems/internal-error", "detail": "SELECT secret"},
            "internal-error",
        ),
        (502, "not json", "unavailable"),
        (409, {"type": "https://schakel.smartindustry.nl/problems/already-answered"}, "already-answered"),
        (418, {"type": "https://elsewhere/teapot"}, "unavailable"),
    ],
)
async def test_what_went_wrong_at_the_owner_is_masked(
    client: Client, owners: dict[str, Owner], status: int, body: object, code: str
) -> None:
    owners["matching"].answer(f"POST /v1/referrals/{an_id('intro')}/acceptance", body, status=status)
    problem = (await accept(client))["problem"]
    assert isinstance(problem, dict)
    assert problem["code"] == code
    assert "SELECT" not in str(problem)


async def test_a_command_that_is_refused_is_counted_by_its_code(
    client: Client, owners: dict[str, Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, float, str]] = []
    monkeypatch.setattr(
        "schakel_gateway.owners.measure", lambda name, value, reason: counted.append((name, value, reason))
    )
    owners["matching"].answer(f"POST /v1/referrals/{an_id('intro')}/acceptance", "not json", status=502)

    await accept(client)

    assert counted == [("graphql.error.count", 1, "unavailable")]


async def test_when_to_try_again_is_passed_on(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answer(
        f"POST /v1/referrals/{an_id('intro')}/acceptance",
        {"type": "https://schakel.smartindustry.nl/problems/not-yet-known"},
        status=409,
        headers={"Retry-After": "1"},
    )
    problem = (await accept(client))["problem"]
    assert isinstance(problem, dict)
    assert (problem["code"], problem["retryAfterSeconds"]) == ("not-yet-known", 1)


async def test_a_silent_owner_is_given_up(client: Client, owners: dict[str, Owner]) -> None:
    stuck = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await stuck.wait()
        return web.Response()

    owners["matching"].hang = hang
    try:
        begun = time.monotonic()
        problem = (await accept(client))["problem"]
        assert isinstance(problem, dict)
        assert problem["code"] == "unavailable"
        assert 0.9 < time.monotonic() - begun < 5
    finally:
        stuck.set()
        owners["matching"].hang = None


async def test_a_redirect_is_not_followed(client: Client, owners: dict[str, Owner]) -> None:
    path = f"/v1/referrals/{an_id('intro')}/acceptance"
    owners["matching"].answer(f"POST {path}", {}, status=307, headers={"Location": f"{owners['events'].address}/x"})
    await accept(client)
    assert owners["events"].requests == []


DRAFT = """query Draft($id: ID!, $secret: String!) { draft(id: $id, secret: $secret) {
    id text noFit concepts matches { slug score parts { name value evidence } unknown ended { successor } } } }"""


async def test_a_draft_is_read_with_its_secret(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answer(
        "GET /v1/drafts/d1",
        {
            "id": "d1",
            "text": "een lasrobot",
            "language": "nl",
            "noFit": False,
            "concepts": ["industrial_robotics"],
            "matches": [
                {
                    "slug": "robohouse",
                    "name": "RoboHouse",
                    "rank": 1,
                    "score": 0.5,
                    "parts": [{"name": "text", "value": 0.5, "textNl": "", "textEn": "", "evidence": "lasrobot"}],
                    "unknown": ["capacity"],
                    "ended": {"on": None, "successor": "smitzh"},
                }
            ],
        },
    )
    answer = await client.ask(DRAFT, {"id": "d1", "secret": "s3cret"})
    assert answer["data"]["draft"] == {
        "id": "d1",
        "text": "een lasrobot",
        "noFit": False,
        "concepts": ["industrial_robotics"],
        "matches": [
            {
                "slug": "robohouse",
                "score": 0.5,
                "parts": [{"name": "text", "value": 0.5, "evidence": ["lasrobot"]}],
                "unknown": ["capacity"],
                "ended": {"successor": "smitzh"},
            }
        ],
    }
    assert owners["matching"].requests[0]["headers"]["draft-secret"] == "s3cret"
    assert "s3cret" not in owners["matching"].requests[0]["path"]


async def test_an_answer_that_arrives_in_pieces_is_read_to_its_end(client: Client, owners: dict[str, Owner]) -> None:
    text = "een lasrobot " * 100_000
    owners["matching"].answer("GET /v1/drafts/d1", {"id": "d1", "text": text, "language": "nl"})
    answer = await client.ask(DRAFT, {"id": "d1", "secret": "s3cret"})
    assert answer["data"]["draft"]["text"] == text


async def test_an_answer_that_cannot_be_read_is_no_empty_one(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answers[f"POST /v1/referrals/{an_id('intro')}/acceptance"] = lambda _: web.Response(body=b'{"i')
    payload = await accept(client)
    assert payload["referral"] is None
    assert isinstance(payload["problem"], dict)
    assert payload["problem"]["code"] == "unavailable"


async def test_a_draft_under_another_secret_does_not_exist(client: Client, owners: dict[str, Owner]) -> None:
    for status in (401, 403, 404):
        owners["matching"].answer("GET /v1/drafts/d1", {"type": "about:blank"}, status=status)
        assert (await client.ask(DRAFT, {"id": "d1", "secret": "wrong"}))["data"] == {"draft": None}
    answer = await client.ask(DRAFT, {"id": "d1", "secret": "a\r\nX-Evil: 1"})
    assert answer["errors"][0]["extensions"]["code"] == "not-found"


async def test_a_draft_may_take_longer_than_private_fields_because_it_is_matched_anew(
    settings: GatewaySettings, issuer: TokenIssuer, owners: dict[str, Owner]
) -> None:
    async def work(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)  # what a server does that has much to do
        return web.json_response({"id": "d1", "text": "een lasrobot", "language": "nl"})

    owners["matching"].hang = work
    hasty = settings.model_copy(update={"private_seconds_max": 0.1})
    try:
        async with gateway_on(hasty, issuer) as client:
            answer = await client.ask(DRAFT, {"id": "d1", "secret": "s3cret"})
    finally:
        owners["matching"].hang = None
    assert answer["data"]["draft"]["text"] == "een lasrobot"
