"""Each thing that can be missing is found, and its sentence says the repair; nothing is changed by looking."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from schakel_common.broker import ensure_topics
from schakel_common.doctor import Finding, Part, examine
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import TOPICS, heartbeat_topic
from schakel_local.fixtures import KafkaServer, KeycloakServer, PostgresServer


class Surroundings(ServiceSettings):
    public_url: str = ""
    smtp_url: str = ""
    verify_client_secret: str = ""


def told(**values: str) -> Surroundings:
    return Surroundings(**{"database_url": "postgresql://nobody:x@127.0.0.1:1/none", **values})  # type: ignore[arg-type] # texts


async def look(part: Part, **values: str) -> list[Finding]:
    return await examine("registry", told(**values), (part,))


async def only(part: Part, **values: str) -> Finding:
    (finding,) = await look(part, **values)
    assert finding.part == part
    return finding


@pytest.fixture
async def own_role(postgres_server: PostgresServer) -> AsyncIterator[tuple[str, str]]:
    """A database with the role that owns it: the database's name, and the role's address."""
    name = f"test_doctor_{uuid4().hex[:8]}"
    postgres_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'p'")
    postgres_server.create_database(name)
    postgres_server.execute(f"ALTER DATABASE {name} OWNER TO {name}")
    host = postgres_server.admin_url.rpartition("@")[2].partition("/")[0]
    yield name, f"postgresql://{name}:p@{host}/{name}"
    postgres_server.drop_database(name)
    postgres_server.execute(f"DROP ROLE {name}")


@pytest.mark.postgres
async def test_a_database_of_its_own_role_is_right(own_role: tuple[str, str]) -> None:
    name, url = own_role
    finding = await only("postgres", database_url=url)
    assert (finding.ok, finding.sentence) == (
        True,
        f"{name} answers as {name}, version 18; its tables are not made yet: run `migrate`.",
    )


@pytest.mark.postgres
async def test_a_wrong_password_a_missing_database_and_a_closed_port_are_told_apart(own_role: tuple[str, str]) -> None:
    _, url = own_role
    password = await only("postgres", database_url=url.replace(":p@", ":wrong@"))
    missing = await only("postgres", database_url=url + "_not")
    closed = await only("postgres")

    assert password.sentence.endswith("refuses the role or its password: set it in the secret of registry.")
    assert missing.sentence.endswith("has no such database: create it, owned by the service's own role.")
    assert closed.sentence == (
        "127.0.0.1:1/none does not answer (ConnectionRefusedError): check SCHAKEL_DATABASE_URL and the way."
    )
    assert "wrong" not in password.sentence


@pytest.mark.postgres
async def test_too_many_and_too_few_rights_are_found(
    postgres_server: PostgresServer, own_role: tuple[str, str]
) -> None:
    name, url = own_role
    almighty = await only("postgres", database_url=postgres_server.url(name))
    assert almighty.sentence == "postgres passes row-level security: ALTER ROLE postgres NOSUPERUSER NOBYPASSRLS."
    postgres_server.execute(f"ALTER DATABASE {name} OWNER TO postgres")
    postgres_server.execute("CREATE TABLE journal (seq int)", name)

    few = await look("postgres", database_url=url)

    assert [(each.ok, each.sentence) for each in few] == [
        (False, f"{name} may not create tables in {name}: ALTER DATABASE {name} OWNER TO {name}."),
        (False, f"{name} may not write the journal: its tables belong to another role, REASSIGN OWNED."),
    ]


@pytest.mark.kafka
async def test_a_broker_that_is_away_and_topics_that_are_not_there_are_named(kafka_server: KafkaServer) -> None:
    assert (await only("kafka")).sentence == "no broker is named: set SCHAKEL_KAFKA_BOOTSTRAP."
    away = await only("kafka", kafka_bootstrap="127.0.0.1:1")
    assert away.sentence.startswith("127.0.0.1:1 does not answer (ConnectionRefusedError)")
    missing = await look("kafka", kafka_bootstrap=kafka_server.bootstrap, topic_prefix="t-none-")
    assert len(missing) == len(TOPICS) + 3
    sentences = {each.sentence.partition(" ")[0]: each.sentence for each in missing}
    assert "its owner makes it at its first start if it may" in sentences["t-none-registry-hubs-v1"]
    assert sentences["t-none-events-cases-v1"].endswith("its owner makes it; else give DESCRIBE, READ and WRITE.")
    assert await examine("portal", told(), ("kafka",)) == []
    settings = told(kafka_bootstrap=kafka_server.bootstrap, topic_prefix="t-none-")
    (before_start,) = await examine("registry", settings, ("kafka",), before_start=True)
    assert before_start.ok


@pytest.mark.kafka
async def test_topics_that_are_cut_otherwise_or_forget_are_found(kafka_server: KafkaServer) -> None:
    prefix = f"t{uuid4().hex[:8]}-"
    settings = told(kafka_bootstrap=kafka_server.bootstrap, topic_prefix=prefix)
    rest = [name for name in TOPICS if name not in {"registry-hubs-v1", "registry-figures-v1"}]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(f"{prefix}registry-hubs-v1", 3, 1),
                NewTopic(f"{prefix}registry-figures-v1", 12, 1, topic_configs={"retention.ms": "1000"}),
            ]
        )
        await ensure_topics(settings, rest)
        await ensure_topics(settings, [heartbeat_topic(x) for x in ("registry", "matching", "events")], heartbeats=True)
        async with asyncio.timeout(20):
            # The broker tells nobody when it knows new topics.
            while len(found := await examine("registry", settings, ("kafka",))) > 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
    finally:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
        await admin.close()

    assert [each.sentence for each in found] == [
        f"{prefix}registry-figures-v1 forgets after 1000 ms: set retention.ms=-1, and `reemit --history` once.",
        f"{prefix}registry-hubs-v1 has 3 partitions: make it anew with 12, and `reemit --history`.",
    ]


@pytest.mark.keycloak
async def test_a_realm_answers_or_says_another_issuer_or_nothing(keycloak_server: KeycloakServer) -> None:
    right = await only("keycloak", issuer=keycloak_server.issuer)
    assert (right.ok, right.sentence) == (True, f"{keycloak_server.issuer} answers, with its keys.")
    keys = f"{keycloak_server.issuer}/protocol/openid-connect/certs"
    public = "https://login.example/realms/schakel"
    other = await only("keycloak", issuer=public, jwks_url=keys)
    assert other.sentence == f"the realm says {keycloak_server.issuer}, SCHAKEL_ISSUER {public}: make them equal."
    absent = await look("keycloak", issuer=f"{keycloak_server.url}/realms/none")
    assert "the realm says status 404" in absent[0].sentence
    assert "holds no key that may sign" in absent[1].sentence
    unmade = told(issuer=f"{keycloak_server.url}/realms/none")
    (before_start,) = await examine("registry", unmade, ("keycloak",), before_start=True)
    assert (before_start.ok, before_start.sentence) == (
        True,
        f"{keycloak_server.url}/realms/none is not there yet, but Keycloak answers.",
    )
    away = await only("keycloak", issuer="http://127.0.0.1:1/realms/schakel")
    assert "does not answer (ClientConnectorError)" in away.sentence
    assert (await only("keycloak")).sentence.startswith("no issuer is named")
    refused = await only("keycloak", issuer=keycloak_server.issuer, verify_client_secret="not it")
    assert refused.sentence.startswith("schakel-verify is refused")


def certificate(directory: Path, *, days: int) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = directory / "certificate.pem", directory / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


@asynccontextmanager
async def tls_server(directory: Path, *, days: int) -> AsyncIterator[tuple[str, Path]]:
    chain, private = certificate(directory, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)

    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", chain


@pytest.mark.parametrize(
    ("days", "is_known", "expected"),
    [
        (90, True, "is valid for 90 days."),
        (3, True, "ends in 3 days: renew it."),
        (-2, True, "(certificate has expired): renew it."),
        (90, False, "(self-signed certificate): put its CA into SSL_CERT_FILE."),
    ],
)
async def test_certificates_are_looked_at(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    is_known: bool,  # noqa: FBT001 - a case
    expected: str,
) -> None:
    async with tls_server(tmp_path, days=days) as (url, chain):
        if is_known:
            monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        finding = await only("tls", public_url=url)

    assert finding.sentence.endswith(expected), finding.sentence
    assert finding.ok == (expected == "is valid for 90 days.")


async def test_an_address_without_tls_is_found() -> None:
    assert (
        "cannot be reached by TLS (ConnectionRefusedError)"
        in (await only("tls", public_url="https://127.0.0.1:1")).sentence
    )
    assert await look("tls", public_url="http://127.0.0.1:1") == []


async def test_a_mail_server_greets_or_does_not() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        while line := await reader.readline():
            writer.write(b"221 bye\r\n" if line.lower().startswith(b"quit") else b"250 ok\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (
            await only("smtp", smtp_url=f"smtp://127.0.0.1:{port}")
        ).sentence == f"127.0.0.1:{port} greets with 250."
    away = await only("smtp", smtp_url="smtp://127.0.0.1:1")
    assert away.sentence == "127.0.0.1:1 does not take mail (ConnectionRefusedError): check SCHAKEL_SMTP_URL."
    assert await look("smtp") == []


@pytest.mark.postgres
async def test_a_clock_that_is_wrong_is_found(own_role: tuple[str, str]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    _, url = own_role
    assert (await only("clock", database_url=url)).sentence == "the clocks agree within 5 s."
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        finding = await only("clock", database_url=url, issuer=f"http://127.0.0.1:{port}")

    assert not finding.ok
    assert finding.sentence in {
        f"Keycloak is +{seconds} s from here: set the time service right on both." for seconds in (599, 600)
    }
