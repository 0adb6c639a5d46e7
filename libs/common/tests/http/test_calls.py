"""A request whose connection ends before its answer is sent once more, and no oftener; an answer is read whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from schakel_common.calls import read_whole, sent_again

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"


@asynccontextmanager
async def cutting_off(times: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that closes the first connections without an answer; gives its address and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        if len(asked) > times:
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def post(http: aiohttp.ClientSession, address: str) -> str:
    async with http.post(address, data=b"") as reply:
        return await reply.text()


async def test_a_request_that_was_cut_off_once_is_answered() -> None:
    async with cutting_off(1) as (address, asked), aiohttp.ClientSession() as http:
        assert await sent_again(lambda: post(http, address)) == "here"
    assert asked == [b"POST / HTTP/1.1"] * 2


async def test_one_that_is_cut_off_again_has_failed() -> None:
    async with cutting_off(9) as (address, asked), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await sent_again(lambda: post(http, address))
    assert len(asked) == 2


async def test_an_answer_is_asked_for_once() -> None:
    async with cutting_off(0) as (address, asked), aiohttp.ClientSession() as http:
        assert await sent_again(lambda: post(http, address)) == "here"
    assert len(asked) == 1


async def test_a_body_that_arrives_in_two_pieces_is_read_to_its_end() -> None:
    first_is_read = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER[:-2])
        await first_is_read.wait()
        writer.write(ANSWER[-2:])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession() as http, http.post(address, data=b"") as reply:
        reading = asyncio.create_task(read_whole(reply, 4))
        while reply.content.total_bytes < 2:  # noqa: ASYNC110  aiohttp tells nobody that bytes have come
            await asyncio.sleep(0)
        first_is_read.set()
        assert await reading == b"here"


async def test_a_body_that_is_too_long_is_no_answer() -> None:
    async with cutting_off(0) as (address, _), aiohttp.ClientSession() as http, http.post(address, data=b"") as reply:
        with pytest.raises(aiohttp.ClientPayloadError, match="more than 3 bytes"):
            await read_whole(reply, 3)
