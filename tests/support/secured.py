"""A private authority with certificates, and a PostgreSQL and a Kafka that speak TLS with them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from schakel_local import kafka
from schakel_local.ports import any_free
from schakel_local.process import Command, last_lines, spawn, stop

START_SECONDS: Final = 60
_SSL_REQUEST: Final = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
"""What a client sends first that wants TLS (PostgreSQL, protocol 3.0)."""


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates of servers on this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = self._folder / "ca.crt"
        made = (
            self._builder(self._name)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def certify(self, name: str) -> Pair:
        """Make a certificate for 127.0.0.1, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._builder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair

    def _builder(self, subject: x509.Name) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=30),
        )


class SecuredPostgres:
    """TLS before a PostgreSQL: the one from the wheel is built without, so this speaks it and passes the rest on.

    Who does not ask for TLS is hung up on.

    Attributes:
        port: where it listens.
        handshakes: how many clients it let in.
    """

    def __init__(self, target: tuple[str, int], context: ssl.SSLContext) -> None:
        self.port = 0
        self.handshakes = 0
        self._target = target
        self._context = context

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        beyond: asyncio.StreamWriter | None = None
        try:
            if await reader.readexactly(8) != _SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(self._context)
            self.handshakes += 1
            back, beyond = await asyncio.open_connection(*self._target)
            await asyncio.wait(
                [asyncio.create_task(_pass_on(reader, beyond)), asyncio.create_task(_pass_on(back, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client did not like our certificate, or is gone
        finally:
            for each in (writer, beyond):
                if each is not None:
                    each.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def secured_postgres(url: str, authority: Authority) -> AsyncIterator[tuple[SecuredPostgres, str]]:
    """Put TLS before a database; gives it with the same address at its port, without a word of TLS."""
    pair = authority.certify("postgres")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    parts = urlsplit(url)
    proxy = SecuredPostgres((parts.hostname or "", parts.port or 5432), context)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy, url.replace(f":{parts.port}/", f":{proxy.port}/")
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def secured_kafka(folder: Path, authority: Authority, users: dict[str, str]) -> AsyncIterator[tuple[str, str]]:
    """Run a Kafka with rights (ACLs) and a listener for SASL_SSL.

    Gives the address of that listener, and of a plain one, where everybody may do everything.
    """
    port, controller, safe = any_free(), any_free(), any_free()
    pair = authority.certify("kafka")
    store = folder / "kafka.pem"
    store.write_text(pair.key.read_text() + pair.certificate.read_text())
    log = folder / "kafka.log"
    more = {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{safe},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{safe}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
        "listener.name.sasl_ssl.ssl.keystore.location": str(store),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    command = await kafka.prepare(
        folder / "kafka", log, port=port, controller_port=controller, say=_nothing, more=more, users=users
    )
    plain = f"127.0.0.1:{port}"
    async with _running(command, log, lambda: kafka.is_ready(plain)):
        yield f"127.0.0.1:{safe}", plain


@asynccontextmanager
async def _running(command: Command, log: Path, ready: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    process = await spawn(command, log)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await ready():
                assert process.returncode is None, last_lines(log)
                await asyncio.sleep(0.1)
        yield
    finally:
        await stop(process, command)


def _nothing(_line: str) -> None:
    pass
