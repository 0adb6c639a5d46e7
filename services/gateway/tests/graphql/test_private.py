"""Private fields: one batch per owner, after the snapshot, and never the end of a whole answer."""

import asyncio

import pytest
from aiohttp import web
from gateway_world import Client, Owner, an_id

pytestmark = pytest.mark.postgres

QUERY = """{
    me { companies { id privateState name kvkNumber contacts { name phone } } }
    myChallenges { privateState text matches { slug } company { name } referrals { messages { text } } }
    myReferrals { privateState messages { at by text } company { name } challenge { text } }
}"""
NAMES = {"name": "Bakkerij", "kvkNumber": "12345678", "place": "Deventer", "contacts": [{"name": "Anna"}]}


def answering(owners: dict[str, Owner]) -> None:
    owners["registry"].private("/v1/private/companies", lambda _: NAMES)
    match = {"slug": "robohouse", "name": "RoboHouse", "rank": 1, "score": 0.5, "parts": []}
    owners["matching"].private("/v1/private/challenges", lambda _: {"text": "een robot", "matches": [match]})
    message = {"at": "2026-11-21T10:00:00Z", "by": "company", "text": "Hallo"}
    owners["matching"].private("/v1/private/referrals", lambda _: {"messages": [message]})


async def test_each_owner_is_asked_once_per_kind_with_the_users_token(client: Client, owners: dict[str, Owner]) -> None:
    answering(owners)
    answer = await client.ask(QUERY, subject="anna")
    company = str(an_id("bakker"))
    assert answer["data"] == {
        "me": {
            "companies": [
                {
                    "id": company,
                    "privateState": "OK",
                    "name": "Bakkerij",
                    "kvkNumber": "12345678",
                    "contacts": [{"name": "Anna", "phone": None}],
                }
            ]
        },
        "myChallenges": [
            {
                "privateState": "OK",
                "text": "een robot",
                "matches": [{"slug": "robohouse"}],
                "company": {"name": "Bakkerij"},
                "referrals": [{"messages": [{"text": "Hallo"}]}],
            }
        ],
        "myReferrals": [
            {
                "privateState": "OK",
                "messages": [{"at": "2026-11-21T10:00:00Z", "by": "COMPANY", "text": "Hallo"}],
                "company": {"name": "Bakkerij"},
                "challenge": {"text": "een robot"},
            }
        ],
    }
    assert owners["registry"].paths() == ["POST /v1/private/companies"]
    assert sorted(owners["matching"].paths()) == ["POST /v1/private/challenges", "POST /v1/private/referrals"]
    assert owners["registry"].requests[0]["body"] == {"ids": [company]}
    assert owners["registry"].requests[0]["headers"]["authorization"].startswith("Bearer ey")
    assert owners["events"].requests == []


async def test_owners_are_asked_for_nothing_when_no_private_field_is(client: Client, owners: dict[str, Owner]) -> None:
    await client.ask("{ me { companies { id status } } myReferrals { status company { id } } }", subject="anna")
    assert [request for owner in owners.values() for request in owner.requests] == []


@pytest.mark.parametrize(
    ("reason", "state"), [("erased", "ERASED"), ("forbidden", "FORBIDDEN"), ("something new", "FORBIDDEN")]
)
async def test_the_owner_says_why_not(client: Client, owners: dict[str, Owner], reason: str, state: str) -> None:
    owners["registry"].private("/v1/private/companies", lambda _: {"reason": reason})
    answer = await client.ask("{ me { companies { privateState name contacts { name } } } }", subject="anna")
    assert answer["data"]["me"]["companies"] == [{"privateState": state, "name": None, "contacts": None}]
    assert "errors" not in answer


@pytest.mark.parametrize(
    ("status", "state"), [(500, "UNAVAILABLE"), (404, "UNAVAILABLE"), (401, "UNAVAILABLE"), (200, "FORBIDDEN")]
)
async def test_an_owner_in_trouble_makes_its_fields_null_and_nothing_else(
    client: Client, owners: dict[str, Owner], status: int, state: str
) -> None:
    answering(owners)
    owners["registry"].answer("POST /v1/private/companies", {"items": {}}, status=status)
    answer = await client.ask(QUERY, subject="anna")
    assert "errors" not in answer
    assert answer["data"]["me"]["companies"][0]["privateState"] == state
    assert answer["data"]["me"]["companies"][0]["name"] is None
    assert answer["data"]["myChallenges"][0]["text"] == "een robot"


async def test_a_silent_owner_is_given_up_and_no_connection_is_held_meanwhile(
    client: Client, owners: dict[str, Owner]
) -> None:
    stuck = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await stuck.wait()
        return web.Response()

    owners["registry"].hang = hang
    try:
        waiting = [
            asyncio.create_task(client.ask("{ me { companies { privateState } } }", subject="anna")) for _ in range(8)
        ]
        await owners["registry"].arrived(8)
        free = await client.ask("{ hubs { slug } }")  # the pool has 3 connections
        assert free["data"] == {"hubs": [{"slug": "oost"}]}
        for answer in await asyncio.gather(*waiting):
            assert answer["data"]["me"]["companies"] == [{"privateState": "UNAVAILABLE"}]
    finally:
        stuck.set()
        owners["registry"].hang = None


async def test_call_backs_are_asked_of_matching_by_the_hubs_desk_only(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answer(
        "GET /v1/call-backs",
        {"items": [{"id": "b1", "name": "Jan", "phone": "0612345678", "when": "morgen", "postcode": "7411"}]},
    )
    query = '{ hubDesk(hub: "oost") { callBacksState callBacks { id name phone when askedAt } } }'
    answer = await client.ask(query, subject="hetty", groups=("/hub/oost",))
    assert answer["data"]["hubDesk"] == {
        "callBacksState": "OK",
        "callBacks": [{"id": "b1", "name": "Jan", "phone": "0612345678", "when": "morgen", "askedAt": None}],
    }
    assert owners["matching"].paths() == ["GET /v1/call-backs?hub=oost"]
    owners["matching"].answer("GET /v1/call-backs", {}, status=500)
    answer = await client.ask(query, subject="hetty", groups=("/hub/oost",))
    assert answer["data"]["hubDesk"] == {"callBacksState": "UNAVAILABLE", "callBacks": None}
