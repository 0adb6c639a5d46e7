"""The subscription on a real WebSocket of a real server."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
from aiohttp import ClientWebSocketResponse, WSMsgType
from gateway_world import Fresh, Owner, an_id, company, referral

from schakel_gateway import following

pytestmark = pytest.mark.postgres

PROTOCOL = "graphql-transport-ws"
FOLLOW = "subscription Follow($after: Int) { myReferrals(after: $after) { id version status messages { text } } }"


@asynccontextmanager
async def listening(fresh: Fresh) -> AsyncIterator[str]:
    """Serve the running application on a port; its lifespan is open already."""
    config = uvicorn.Config(fresh.client.app, lifespan="off", log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"ws://127.0.0.1:{bound.getsockname()[1]}/graphql"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def connected(
    fresh: Fresh, *, protocols: tuple[str, ...] = (PROTOCOL,), origin: str | None = None
) -> AsyncIterator[ClientWebSocketResponse]:
    """A socket, not yet let in."""
    headers = {} if origin is None else {"Origin": origin}
    async with (
        listening(fresh) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=protocols, headers=headers) as opened,
    ):
        yield opened


async def let_in(opened: ClientWebSocketResponse, fresh: Fresh, **claims: Any) -> None:
    token = fresh.client.issuer.token("anna", **claims)
    await opened.send_json({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
    assert await received(opened) == {"type": "connection_ack"}


async def received(opened: ClientWebSocketResponse, seconds_max: float = 5) -> Any:
    async with asyncio.timeout(seconds_max):
        return await opened.receive_json()


async def closed_with(opened: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        message = await opened.receive()
    assert message.type is WSMsgType.CLOSE
    return opened.close_code


async def subscribe(opened: ClientWebSocketResponse, identity: str = "1", after: int | None = None) -> None:
    payload = {"query": FOLLOW, "variables": {"after": after}}
    await opened.send_json({"id": identity, "type": "subscribe", "payload": payload})


async def test_a_newer_version_of_mine_is_sent_and_nothing_of_others(fresh: Fresh, owners: dict[str, Owner]) -> None:
    owners["matching"].private("/v1/private/referrals", lambda _: {"messages": [{"text": "Ja"}]})
    position = fresh.rows.position
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        await subscribe(opened, after=position)
        await fresh.rows.put("companies", company("third", "carl"))
        await fresh.rows.put("referrals", referral("theirs", "need", "third"))
        await fresh.rows.put("referrals", referral("intro", "need", "bakker", status="accepted"), version=2)
        message = await received(opened)
        assert message["type"] == "next"
        assert message["payload"]["data"]["myReferrals"] == {
            "id": str(an_id("intro")),
            "version": 2,
            "status": "ACCEPTED",
            "messages": [{"text": "Ja"}],
        }
        assert message["payload"]["extensions"]["snapshot"]["position"] == fresh.rows.position
        await fresh.rows.put("referrals", referral("intro", "need", "bakker", status="completed"), version=3)
        assert (await received(opened))["payload"]["data"]["myReferrals"]["version"] == 3


async def test_an_earlier_position_misses_nothing(fresh: Fresh) -> None:
    position = fresh.rows.position
    await fresh.rows.put("referrals", referral("intro", "need", "bakker", status="accepted"), version=2)
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        await subscribe(opened, after=position)
        assert (await received(opened))["payload"]["data"]["myReferrals"]["version"] == 2


async def test_it_ends_with_the_token(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "IDLE_SECONDS", 60.0)
    async with connected(fresh) as opened:
        await let_in(opened, fresh, exp=int(time.time()) + 2)
        begun = time.monotonic()
        await subscribe(opened)
        assert await received(opened) == {"id": "1", "type": "complete"}
        assert time.monotonic() - begun < 3


async def test_a_token_that_is_no_good_any_more_ends_it(fresh: Fresh) -> None:
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        await subscribe(opened)
        verifier = fresh.client.app.state.verifier
        verifier._remembered.clear()
        verifier._issuer = "https://moved.example"
        await fresh.rows.put("referrals", referral("intro", "need", "bakker"), version=2)
        messages = [await received(opened), await received(opened)]
        codes = [error["extensions"]["code"] for error in messages[0]["payload"]["errors"]]
        assert codes == ["token-refused"]
        assert messages[1]["type"] == "complete"


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "Bearer nonsense"}, {"Authorization": 5}])
async def test_without_a_good_token_nobody_is_let_in(fresh: Fresh, payload: object) -> None:
    async with connected(fresh) as opened:
        first = {"type": "connection_init"} | ({} if payload is None else {"payload": payload})
        await opened.send_json(first)
        assert await closed_with(opened) == 4403


async def test_a_subscription_before_the_first_message_is_refused(fresh: Fresh) -> None:
    async with connected(fresh) as opened:
        await subscribe(opened)
        assert await closed_with(opened) == 4401


async def test_the_legacy_protocol_is_not_spoken(fresh: Fresh) -> None:
    async with connected(fresh, protocols=("graphql-ws",)) as opened:
        assert opened.protocol is None
        assert await closed_with(opened) == 4406


async def test_another_origin_may_not_open_a_socket(fresh: Fresh) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(fresh, origin="https://evil.example"):
            pass
    assert refused.value.status == 403


async def test_subscriptions_on_one_socket_are_limited(fresh: Fresh) -> None:
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        for number in range(20):
            await subscribe(opened, str(number))
        await subscribe(opened, "one too many")
        message = await received(opened)
        assert (message["id"], message["type"]) == ("one too many", "error")
        assert message["payload"][0]["message"] == "Subscription limit reached"


@pytest.mark.parametrize("query", ["{ hubs { slug } }", 'mutation { withdrawCase(input: {caseId: "x"}) { token } }'])
async def test_queries_and_mutations_do_not_run_on_a_socket(fresh: Fresh, owners: dict[str, Owner], query: str) -> None:
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        await opened.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        message = await received(opened)
        assert message["type"] == "error"
        assert message["payload"][0]["message"].startswith("Over a WebSocket only subscriptions run")
        assert owners["events"].requests == []


async def test_limits_hold_on_a_socket_too(fresh: Fresh) -> None:
    deep = "subscription { myReferrals { challenge { referrals { challenge { referrals { challenge { referrals {"
    deep += " challenge { referrals { challenge { referrals { id } } } } } } } } } } } }"
    async with connected(fresh) as opened:
        await let_in(opened, fresh)
        await opened.send_json({"id": "1", "type": "subscribe", "payload": {"query": deep}})
        assert (await received(opened))["payload"][0]["message"] == "Nested deeper than 10 fields."


async def test_a_large_message_closes_the_socket(fresh: Fresh) -> None:
    async with connected(fresh) as opened:
        await opened.send_str('{"type": "connection_init", "payload": {"x": "' + "x" * 300_000 + '"}}')
        assert await closed_with(opened) == 4400
