"""Calls of one of our processes to another, over connections that may end in the moment in which they are used."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

Answer = TypeVar("Answer")


async def sent_again(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send a request, and once more when its connection ended or was refused before there was an answer.

    A process that stops or dies takes its connections with it, and the same request to its neighbour succeeds. Only for
    what has its effect once however often it is sent: reads, and commands with an idempotency key (RFC 9110, 9.2.2).

    Raises:
        aiohttp.ClientConnectionError: the second one had no answer either.
        TimeoutError: it took too long; that is not tried again.
    """
    try:
        return await send()
    except aiohttp.ClientConnectionError:
        return await send()


async def read_whole(reply: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Read the body of a reply to its end; ``content.read(n)`` returns what has arrived so far.

    Raises:
        aiohttp.ClientPayloadError: it has more than ``bytes_max`` bytes, or ended too soon.
    """
    body = bytearray()
    async for chunk in reply.content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            raise aiohttp.ClientPayloadError(f"the reply has more than {bytes_max} bytes")
    return bytes(body)
