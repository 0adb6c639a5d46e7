"""Told to stop, a process sends its clients elsewhere before it closes their connections."""

import asyncio
import signal
import socket

import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from schakel_common.serve import DrainingServer

DRAIN_SECONDS = 0.6


async def until_started(server: uvicorn.Server) -> None:
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def server_at(port: int, drain_seconds: float) -> DrainingServer:
    config = uvicorn.Config(PlainTextResponse("here"), port=port, lifespan="off", log_config=None, access_log=False)
    return DrainingServer(config, drain_seconds)


async def test_after_the_signal_it_answers_on_and_each_answer_closes_its_connection(port: int) -> None:
    server = server_at(port, DRAIN_SECONDS)
    running = asyncio.create_task(server._serve())
    await until_started(server)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        before = await client.get("/")
        told_at = asyncio.get_running_loop().time()
        server.handle_exit(signal.SIGTERM, None)
        after = [await client.get("/") for _ in range(3)]
        await asyncio.wait_for(running, 10)
        lasted = asyncio.get_running_loop().time() - told_at
        with pytest.raises(httpx.ConnectError):
            await client.get("/")

    assert "connection" not in before.headers
    assert [(each.text, each.headers["connection"]) for each in after] == [("here", "close")] * 3
    assert lasted >= DRAIN_SECONDS


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
async def test_a_second_signal_and_an_interrupt_end_it_at_once(port: int, signals: list[signal.Signals]) -> None:
    server = server_at(port, 60)
    running = asyncio.create_task(server._serve())
    await until_started(server)
    for each in signals:
        server.handle_exit(each, None)
    await asyncio.wait_for(running, 5)


async def test_without_a_time_to_drain_it_ends_at_once(port: int) -> None:
    server = server_at(port, 0)
    running = asyncio.create_task(server._serve())
    await until_started(server)
    server.handle_exit(signal.SIGTERM, None)
    await asyncio.wait_for(running, 5)
