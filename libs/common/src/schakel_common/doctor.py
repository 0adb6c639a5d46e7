"""Is everything there that a service needs? Each finding is one sentence, and says the repair where one is needed.

Run before an install and any time after. It changes nothing.
"""

import asyncio
import smtplib
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from schakel_common.auth import TokenVerifier
from schakel_common.broker import kafka_connection
from schakel_common.database import DIRECT_FAILURES
from schakel_common.kafka_look import rights, why_nobody_gets_in
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_common.signing_keys import signing_keys_of
from schakel_contracts.topics import PARTITIONS, TOPICS, heartbeat_topic, topics_of

Part = Literal["postgres", "kafka", "keycloak", "tls", "smtp", "clock"]
PARTS: Final[tuple[Part, ...]] = ("postgres", "kafka", "keycloak", "tls", "smtp", "clock")

POSTGRES_MIN: Final = 160000
"""PostgreSQL 16: the first that can grant a role without inheriting its rights."""
ANSWER_SECONDS_MAX: Final = 5.0
SKEW_SECONDS_MAX: Final = 5.0
"""Tokens live four minutes, with half a minute of leeway."""
CERTIFICATE_DAYS_MIN: Final = 14
NOT_FOUND: Final = 404

_FACTS: Final = """
    SELECT current_setting('server_version_num')::int AS version, current_database() AS database, current_user AS role,
        r.rolsuper OR r.rolbypassrls AS is_almighty, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS synchronous_commit,
        has_database_privilege(current_database(), 'CREATE') AND has_schema_privilege('public', 'CREATE') AS may_create,
        to_regclass('alembic_version') IS NOT NULL AS is_migrated,
        CASE WHEN to_regclass('journal') IS NULL THEN true
            ELSE has_table_privilege('journal', 'SELECT, INSERT') END AS may_write,
        extract(epoch FROM clock_timestamp())::float8 AS now
    FROM pg_roles AS r WHERE r.rolname = current_user
"""


class Finding(msgspec.Struct, frozen=True):
    """What was found of one thing.

    Attributes:
        part: what it is about.
        ok: whether it is as it must be.
        sentence: what is so; and what to do, where it is not ok.
    """

    part: Part
    ok: bool
    sentence: str


async def examine(
    service: str, settings: ServiceSettings, parts: tuple[Part, ...] = PARTS, *, before_start: bool = False
) -> list[Finding]:
    """Look at what a service needs, part by part.

    Args:
        service: its name; the portal needs no Kafka.
        settings: its settings.
        parts: which to look at.
        before_start: topics and the realm may be missing, because the installation makes them when it starts.
    """
    looks: Mapping[Part, Callable[[], Awaitable[list[Finding]]]] = {
        "postgres": lambda: _postgres(service, settings),
        "kafka": lambda: _kafka(service, settings, before_start=before_start),
        "keycloak": lambda: _keycloak(settings, before_start=before_start),
        "tls": lambda: _tls(settings),
        "smtp": lambda: _smtp(settings),
        "clock": lambda: _clock(settings),
    }
    return [finding for part in PARTS if part in parts for finding in await looks[part]()]


async def _postgres(service: str, settings: ServiceSettings) -> list[Finding]:
    place = _place(settings.database_url)
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS_MAX)
    except asyncpg.InvalidCatalogNameError:
        return [_bad("postgres", f"{place} has no such database: create it, owned by the service's own role.")]
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        return [_bad("postgres", f"{place} refuses the role or its password: set it in the secret of {service}.")]
    except ssl.SSLCertVerificationError as error:
        return [
            _bad(
                "postgres",
                f"{place} shows a certificate that is not trusted ({error.verify_message}): name the file of its CA as "
                "sslrootcert in SCHAKEL_DATABASE_URL.",
            )
        ]
    except (*DIRECT_FAILURES, ValueError) as error:
        return [
            _bad(
                "postgres", f"{place} does not answer ({type(error).__name__}): check SCHAKEL_DATABASE_URL and the way."
            )
        ]
    try:
        facts = await connection.fetchrow(_FACTS)
    finally:
        await connection.close()
    assert facts is not None  # noqa: S101 - whoever is connected has a role
    database, role = facts["database"], facts["role"]
    rules = [
        (facts["version"] >= POSTGRES_MIN, f"PostgreSQL {facts['version'] // 10000} is too old: use 16 or newer."),
        (not facts["is_almighty"], f"{role} passes row-level security: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS."),
        (
            facts["may_create"],
            f"{role} may not create tables in {database}: ALTER DATABASE {database} OWNER TO {role}.",
        ),
        (facts["may_write"], f"{role} may not write the journal: its tables belong to another role, REASSIGN OWNED."),
        (facts["fsync"] == "on", "fsync is off: a power cut would lose what was accepted; set fsync = on."),
        (
            facts["synchronous_commit"] != "off",
            "synchronous_commit is off: set it to on, or accepted changes get lost.",
        ),
    ]
    bad = [_bad("postgres", sentence) for holds, sentence in rules if not holds]
    state = "its tables are there" if facts["is_migrated"] else "its tables are not made yet: run `migrate`"
    return bad or [_good("postgres", f"{database} answers as {role}, version {facts['version'] // 10000}; {state}.")]


async def _kafka(service: str, settings: ServiceSettings, *, before_start: bool) -> list[Finding]:
    if service == "portal":
        return []
    if not settings.kafka_bootstrap:
        return [_bad("kafka", "no broker is named: set SCHAKEL_KAFKA_BOOTSTRAP.")]
    owned = [each for each in ("registry", "matching", "events") if each == service]
    own = {topic.name for each in owned for topic in topics_of(each)} | {heartbeat_topic(each) for each in owned}
    names = sorted({*TOPICS, *(heartbeat_topic(each) for each in ("registry", "matching", "events"))})
    admin = AIOKafkaAdminClient(**{**kafka_connection(settings), "request_timeout_ms": 5_000})
    try:
        await asyncio.wait_for(admin.start(), ANSWER_SECONDS_MAX)
        topics = {each["topic"]: each for each in await admin.describe_topics()}
        there = sorted(set(topics) & {settings.topic_prefix + name for name in names})
        kept = await _retention(admin, [name for name in there if name.removeprefix(settings.topic_prefix) in TOPICS])
        held = await rights(admin, there)
    except (KafkaError, OSError, TimeoutError):
        return [_bad("kafka", await why_nobody_gets_in(settings, ANSWER_SECONDS_MAX))]
    finally:
        await admin.close()
    findings: list[Finding] = []
    for name in names:
        if before_start and settings.topic_prefix + name not in topics:
            continue
        needed = {"WRITE", "DESCRIBE"} if name in own else {"READ", "DESCRIBE"} if service == "gateway" else set()
        full = settings.topic_prefix + name
        lacks = sorted(needed - held.get(full, needed))
        findings += _topic(full, topics, kept, is_own=name in own, is_history=name in TOPICS)
        if lacks:
            who = settings.kafka_username or "this user"
            findings.append(_bad("kafka", f"{who} may not {' and '.join(lacks)} {full}: give it these rights (ACL)."))
    bad = [finding for finding in findings if not finding.ok]
    return bad or [_good("kafka", f"{settings.kafka_bootstrap} answers; {len(findings)} topics are right.")]


def _topic(
    name: str, topics: Mapping[str, Mapping[str, object]], kept: Mapping[str, str], *, is_own: bool, is_history: bool
) -> list[Finding]:
    wanted = PARTITIONS if is_history else 1
    if name not in topics:
        who = (
            "its owner makes it at its first start if it may (CREATE on the topic)" if is_own else "its owner makes it"
        )
        return [
            _bad(
                "kafka", f"{name} is not there, or this user may not see it: {who}; else give DESCRIBE, READ and WRITE."
            )
        ]
    partitions = topics[name]["partitions"]
    count = len(partitions) if isinstance(partitions, list) else 0
    if count != wanted:
        return [_bad("kafka", f"{name} has {count} partitions: make it anew with {wanted}, and `reemit --history`.")]
    if is_history and kept.get(name, "-1") != "-1":
        return [
            _bad("kafka", f"{name} forgets after {kept[name]} ms: set retention.ms=-1, and `reemit --history` once.")
        ]
    return [_good("kafka", f"{name} is right.")]


async def _retention(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, str]:
    """Return ``retention.ms`` of each topic; those that this user may not ask about are left out."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": ""}) for name in names]
    found: dict[str, str] = {}
    for response in await admin.describe_configs(asked):
        for _code, _message, _kind, name, entries in response.resources:
            for entry in entries:
                if entry[0] == "retention.ms":
                    found[name] = entry[1]
    return found


async def _keycloak(settings: ServiceSettings, *, before_start: bool) -> list[Finding]:
    if not settings.issuer:
        return [_bad("keycloak", "no issuer is named: set SCHAKEL_ISSUER to the realm's address.")]
    base = settings.realm_url
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
    findings: list[Finding] = []
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.get(f"{base}/.well-known/openid-configuration") as reply:
                if before_start and reply.status == NOT_FOUND:
                    return [_good("keycloak", f"{base} is not there yet, but Keycloak answers.")]
                document = await reply.json() if reply.ok else {}
            if document.get("issuer") != settings.issuer:
                says = document.get("issuer", f"status {reply.status}")
                findings.append(
                    _bad("keycloak", f"the realm says {says}, SCHAKEL_ISSUER {settings.issuer}: make them equal.")
                )
            async with session.get(settings.keys_url) as reply:
                signing_keys_of(await reply.json())
            findings += await _audience(session, settings, base)
        except (aiohttp.ClientError, TimeoutError) as error:
            return [
                _bad(
                    "keycloak",
                    f"{base} does not answer ({type(error).__name__}): check SCHAKEL_ISSUER and the way to it.",
                )
            ]
        except (ValueError, KeyError, TypeError):
            findings.append(
                _bad("keycloak", f"{settings.keys_url} holds no key that may sign: check SCHAKEL_JWKS_URL.")
            )
    return findings or [_good("keycloak", f"{settings.issuer} answers, with its keys.")]


async def _audience(session: aiohttp.ClientSession, settings: ServiceSettings, base: str) -> list[Finding]:
    """Have a token made for a service client whose secret is known, and check it as any caller's is checked."""
    for client in ("verify", "events"):
        secret = getattr(settings, f"{client}_client_secret", "")
        if not secret:
            continue
        body = {"grant_type": "client_credentials", "client_id": f"schakel-{client}", "client_secret": secret}
        async with session.post(f"{base}/protocol/openid-connect/token", data=body) as reply:
            if not reply.ok:
                return [
                    _bad("keycloak", f"schakel-{client} is refused: put the realm's secret into the service's secret.")
                ]
            token = (await reply.json())["access_token"]
        try:
            await TokenVerifier(settings).verify(token)
        except Problem as problem:
            why = problem.detail or problem.slug
            return [
                _bad(
                    "keycloak",
                    f"a fresh token is refused ({why}): run `realm apply`, its audience is {settings.audience}.",
                )
            ]
        return [_good("keycloak", f"a token of schakel-{client} has the audience {settings.audience}.")]
    return []


async def _tls(settings: ServiceSettings) -> list[Finding]:
    named = [getattr(settings, name, "") for name in ("issuer", "public_url", "otlp_endpoint", "gateway_url")]
    places = sorted(
        {(urlsplit(url).hostname or "", urlsplit(url).port or 443) for url in named if url.startswith("https:")}
    )
    return [await asyncio.to_thread(_certificate, host, port) for host, port in places]


def _certificate(host: str, port: int) -> Finding:
    place = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), ANSWER_SECONDS_MAX) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        repair = "renew it" if "expired" in str(error.verify_message) else "put its CA into SSL_CERT_FILE"
        return _bad("tls", f"the certificate of {place} is not valid here ({error.verify_message}): {repair}.")
    except OSError as error:
        return _bad("tls", f"{place} cannot be reached by TLS ({type(error).__name__}): check its address.")
    until = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = int((until - time.time()) // 86_400)
    if days < CERTIFICATE_DAYS_MIN:
        return _bad("tls", f"the certificate of {place} ends in {days} days: renew it.")
    return _good("tls", f"the certificate of {place} is valid for {days} days.")


async def _smtp(settings: ServiceSettings) -> list[Finding]:
    address: str = getattr(settings, "smtp_url", "")
    if not address:
        return []
    return [await asyncio.to_thread(_mail_server, urlsplit(address).hostname or "", urlsplit(address).port or 25)]


def _mail_server(host: str, port: int) -> Finding:
    try:
        with smtplib.SMTP(host, port, timeout=ANSWER_SECONDS_MAX) as server:
            code, _ = server.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        return _bad("smtp", f"{host}:{port} does not take mail ({type(error).__name__}): check SCHAKEL_SMTP_URL.")
    return _good("smtp", f"{host}:{port} greets with {code}.")


async def _clock(settings: ServiceSettings) -> list[Finding]:
    findings: list[Finding] = []
    for name, ask in (("the database", _time_of_database), ("Keycloak", _time_of_issuer)):
        begun = time.time()
        there = await ask(settings)
        if there is None:
            continue  # that it does not answer is said where it belongs
        skew = there - (begun + time.time()) / 2
        if abs(skew) > SKEW_SECONDS_MAX:
            findings.append(_bad("clock", f"{name} is {skew:+.0f} s from here: set the time service right on both."))
    return findings or [_good("clock", f"the clocks agree within {SKEW_SECONDS_MAX:.0f} s.")]


async def _time_of_database(settings: ServiceSettings) -> float | None:
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS_MAX)
    except (*DIRECT_FAILURES, ValueError):
        return None
    try:
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    finally:
        await connection.close()
    return now.astimezone(UTC).timestamp()


async def _time_of_issuer(settings: ServiceSettings) -> float | None:
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(settings.keys_url) as reply:
            date = reply.headers.get("Date")
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return parsedate_to_datetime(date).timestamp() if date else None


def _place(url: str) -> str:
    """Host, port and database of an address, without its password."""
    parts = urlsplit(url)
    try:
        return f"{parts.hostname}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "the database"


def _good(part: Part, sentence: str) -> Finding:
    return Finding(part, ok=True, sentence=sentence)


def _bad(part: Part, sentence: str) -> Finding:
    return Finding(part, ok=False, sentence=sentence)
