"""Whether something answers: asked ten times a second while parts start, so with as little work as can be."""

import asyncio
from urllib.parse import urlsplit

_SECONDS = 5.0
_OK = 200


async def listens(host: str, port: int) -> bool:
    """Whether a port takes connections."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _SECONDS)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    return await status_of(url, _SECONDS) == _OK


async def status_of(url: str, seconds: float) -> int:
    """The status that a GET is answered with; 0 when nothing is within some seconds.

    Plain streams: an HTTP client would load all certificates each time.
    """
    where = urlsplit(url)
    secure = where.scheme == "https"
    try:
        async with asyncio.timeout(seconds):
            connection = asyncio.open_connection(
                where.hostname, where.port or (443 if secure else 80), ssl=secure or None
            )
            reader, writer = await connection
            try:
                writer.write(f"GET {where.path} HTTP/1.0\r\nHost: {where.netloc}\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0
    code = status.split()[1:2]
    return int(code[0]) if code and code[0].isdigit() else 0
