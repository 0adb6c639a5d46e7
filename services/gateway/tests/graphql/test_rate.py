"""How often one client may ask: who is counted as one, what is answered above the limit, and that others go on."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from gateway_world import Client, Owner, gateway_on

from schakel_common.problems import Problem
from schakel_common.testing.tokens import TokenIssuer
from schakel_gateway.rate import Limits, client_of
from schakel_gateway.settings import GatewaySettings

HUBS = {"query": "{ hubs { slug } }"}
CALL_BACK = (
    "mutation Ask($input: RequestCallBackInput!) "
    "{ requestCallBack(input: $input) { callBack { accepted } problem { code retryAfterSeconds } } }"
)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_an_address_stands_for_its_client(address: str, client: str) -> None:
    assert client_of(address) == client


def told(**limits: int) -> GatewaySettings:
    return GatewaySettings(database_url="postgresql://x/x", **limits)  # type: ignore[arg-type] # numbers


async def test_clients_and_kinds_are_counted_apart_and_zero_is_no_limit() -> None:
    limits = Limits(told(anonymous_per_minute=2, signed_in_per_minute=0, anonymous_commands_per_minute=1))
    for _ in range(2):
        await limits.take("anonymous", "a")
    with pytest.raises(Problem) as refused:
        await limits.take("anonymous", "a")

    assert refused.value.slug == "too-many-requests"
    assert refused.value.retry_after_seconds in {29, 30}, "two a minute: the next one in half a minute"
    await limits.take("anonymous", "b")
    await limits.take("anonymous-command", "a")
    for _ in range(10):
        await limits.take("signed-in", "a")


@pytest.fixture
async def limited(settings: GatewaySettings, issuer: TokenIssuer) -> AsyncIterator[Client]:
    """A gateway that lets each client ask three times a minute, and send one anonymous command."""
    few = settings.model_copy(
        update={"anonymous_per_minute": 3, "signed_in_per_minute": 3, "anonymous_commands_per_minute": 1}
    )
    async with gateway_on(few, issuer) as client:
        yield client


@pytest.mark.postgres
async def test_above_the_limit_it_is_a_problem_with_the_seconds_to_wait(limited: Client, issuer: TokenIssuer) -> None:
    for _ in range(3):
        assert (await limited.http.post("/graphql", json=HUBS)).status_code == 200

    reply = await limited.http.post("/graphql", json=HUBS)

    assert (reply.status_code, reply.headers["content-type"]) == (429, "application/problem+json")
    assert reply.json()["type"] == "https://schakel.smartindustry.nl/problems/too-many-requests"
    assert 1 <= int(reply.headers["retry-after"]) <= 20
    for _ in range(3):
        signed = await limited.http.post("/graphql", json=HUBS, headers=issuer.authorization("anna"))
        assert signed.status_code == 200, "who has signed in is counted by name"
    refused = await limited.http.post("/graphql", json=HUBS, headers=issuer.authorization("anna"))
    assert refused.status_code == 429
    other = await limited.http.post("/graphql", json=HUBS, headers=issuer.authorization("bert"))
    assert other.status_code == 200
    assert (await limited.http.get("/livez")).status_code == 200


@pytest.mark.postgres
async def test_anonymous_commands_have_a_limit_of_their_own(limited: Client, owners: dict[str, Owner]) -> None:
    given = {"name": "A. Beller", "phone": "0151234567", "postcode": "2628 CD", "when": "morgen"}
    body = {"query": CALL_BACK, "variables": {"input": given}}
    first = await limited.http.post("/graphql", json=body, headers={"Idempotency-Key": str(uuid4())})
    asked = len(owners["matching"].requests)

    second = await limited.http.post("/graphql", json=body, headers={"Idempotency-Key": str(uuid4())})

    problem = second.json()["data"]["requestCallBack"]["problem"]
    assert (problem["code"], problem["retryAfterSeconds"]) == ("too-many-requests", 60)
    assert first.json()["data"]["requestCallBack"]["problem"] != problem
    assert len(owners["matching"].requests) == asked, "its service was not asked"
