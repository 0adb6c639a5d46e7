"""``match --address``: the same lines, answered by a running service."""

import asyncio
import json
import socket

import httpx
import pytest
import uvicorn
from matching_world import World

from schakel_matching.__main__ import ask

pytestmark = pytest.mark.postgres


async def test_a_running_service_answers_the_lines_and_says_why_it_refuses_one(world: World) -> None:
    await world.fieldlab()
    transport = world.client._transport
    assert isinstance(transport, httpx.ASGITransport)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(transport.app, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        lines = [json.dumps({"id": "a", "text": "Wij zoeken een lasrobot", "postcode": "2628"})]
        answer = json.loads((await asyncio.to_thread(list, ask(lines, address)))[0])
        short = [json.dumps({"id": "b", "text": "las"})]
        with pytest.raises(OSError, match=r"need b was refused: .*too-short"):
            await asyncio.to_thread(list, ask(short, address))
    finally:
        server.should_exit = True
        await serving
    assert (answer["id"], answer["noFit"]) == ("a", False)
    match = answer["matches"][0]
    assert match["slug"] == "lasfabriek"
    assert match["score"] == pytest.approx(sum(match["parts"].values()))
    assert await world.rows("SELECT count(*) FROM draft") == [(1,)]
