"""A database behind TLS with a private authority: every way we connect checks the server, and gets in."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from secured import Authority, SecuredPostgres, secured_postgres
from sqlalchemy import text

from schakel_common.database import Database
from schakel_common.doctor import Finding, examine
from schakel_common.migrations import ensure_migrated, migrate
from schakel_common.settings import ServiceSettings

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]

MIGRATIONS = Path(__file__).parent / "migrations"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture
async def server(database_url: str, authority: Authority) -> AsyncIterator[tuple[SecuredPostgres, str]]:
    async with secured_postgres(database_url, authority) as (proxy, url):
        yield proxy, url


async def look(url: str) -> Finding:
    (finding, *_) = await examine("registry", ServiceSettings(database_url=url), ("postgres",))
    return finding


async def test_migrations_the_pool_and_direct_connections_get_in(
    server: tuple[SecuredPostgres, str], authority: Authority
) -> None:
    proxy, url = server
    url += f"?sslmode=verify-full&sslrootcert={authority.file}"
    await migrate(url, MIGRATIONS)
    assert proxy.handshakes == 1
    database = Database(url)
    await ensure_migrated(database, MIGRATIONS)
    async with database.unit_of_work() as session:
        timeout = await session.execute(text("SHOW statement_timeout"))
        assert timeout.scalar_one() == "10s"
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.close()
    seen = proxy.handshakes
    assert (await look(url)).sentence.startswith("postgres passes row-level security"), "doctor gets in and looks"
    assert proxy.handshakes == seen + 1


async def test_another_authority_or_none_is_one_sentence_and_no_secret(
    server: tuple[SecuredPostgres, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, url = server
    other = f"{url}?sslmode=verify-full&sslrootcert={Authority(tmp_path, 'theirs').file}"
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] + parts.path
    with caplog.at_level(logging.DEBUG):
        unknown = await look(other)
        plain = await look(f"{url}?sslmode=disable")
        missing = await look(f"{url}?sslmode=verify-full&sslrootcert=/nowhere/ca.crt")
        database = Database(other)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await ensure_migrated(database, MIGRATIONS)
        await database.close()

    assert unknown.sentence == (
        f"{place} shows a certificate that is not trusted (unable to get local issuer certificate): name the file of "
        "its CA as sslrootcert in SCHAKEL_DATABASE_URL."
    )
    assert plain.sentence.startswith(f"{place} does not answer (Connection")
    assert missing.sentence.startswith(f"{place} does not answer (")
    assert parts.password
    for told in (unknown.sentence, plain.sentence, missing.sentence, caplog.text):
        assert parts.password not in told


async def test_the_surroundings_may_say_it_for_an_address_that_does_not(
    server: tuple[SecuredPostgres, str], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, url = server
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(authority.file))
    database = Database(url)
    async with database.reading() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.close()
    assert proxy.handshakes == 2
