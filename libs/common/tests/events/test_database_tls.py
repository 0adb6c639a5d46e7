"""A database that is reached by TLS only, with a certificate of an authority of one's own.

The PostgreSQL of the tests is built without TLS, so a door in front of it speaks TLS as PostgreSQL does and passes the
rest on.
"""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schakel_common.database import DIRECT_FAILURES, Database

ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")
"""SSLRequest of PostgreSQL's protocol: eight bytes, before anything else."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    made, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "1"),
            *("-keyout", key, "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@pytest.fixture
async def behind_tls(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[[str], str]]:
    """Give the address of the database behind the door, for a query such as ``sslmode=require``."""
    real = urlsplit(database_url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "localhost"))

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == ASKS_FOR_TLS:
                writer.write(b"S")
                await writer.start_tls(context)
                there, onward = await asyncio.open_connection(real.hostname, real.port)
                await asyncio.gather(pass_on(reader, onward), pass_on(there, writer))
        writer.close()

    async with await asyncio.start_server(door, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        who = real.netloc.rpartition("@")[0]
        yield lambda query: urlunsplit((real.scheme, f"{who}@localhost:{port}", real.path, query, ""))


async def ask(address: str) -> int:
    database = Database(address)
    try:
        async with database.reading() as session:
            return int((await session.execute(text("SELECT 42"))).scalar_one())
    finally:
        await database.close()


@pytest.mark.postgres
async def test_the_authority_in_the_address_is_trusted_by_pool_and_direct_connection(
    behind_tls: Callable[[str], str], tmp_path: Path
) -> None:
    address = behind_tls(f"sslmode=verify-full&sslrootcert={tmp_path / 'localhost.crt'}")
    assert await ask(address) == 42
    direct = await asyncpg.connect(address)
    assert await direct.fetchval("SELECT 42") == 42
    await direct.close()


@pytest.mark.postgres
async def test_the_authority_in_the_environment_is_trusted(
    behind_tls: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "localhost.crt"))
    assert await ask(behind_tls("")) == 42


@pytest.mark.postgres
async def test_another_authority_is_not_trusted(behind_tls: Callable[[str], str], tmp_path: Path) -> None:
    other, _ = certificate(tmp_path, "other")
    with pytest.raises(DIRECT_FAILURES) as refused:
        await ask(behind_tls(f"sslmode=verify-full&sslrootcert={other}"))
    assert isinstance(refused.value, ssl.SSLCertVerificationError)


@pytest.mark.postgres
async def test_a_database_that_wants_tls_is_not_spoken_to_in_the_clear(behind_tls: Callable[[str], str]) -> None:
    with pytest.raises(DBAPIError, match="closed in the middle"):
        await ask(behind_tls("sslmode=disable"))
