"""V5: the view is compared with the journals of a real owner, over HTTP, and repaired through its outbox and Kafka."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import uvicorn
from fastapi import FastAPI

from schakel_common import journal_api, outbox
from schakel_common.broker import ensure_topics
from schakel_common.database import Database
from schakel_common.http import create_app
from schakel_common.plumbing import create_plumbing
from schakel_common.relay import run_relay
from schakel_common.settings import ServiceSettings
from schakel_common.testing import TokenIssuer
from schakel_contracts.companies import CompanyState
from schakel_contracts.topics import COMPANIES, TOPICS
from schakel_gateway.maintenance import main
from schakel_gateway.projector import run_projector
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.testing import company, identifier
from schakel_gateway.verify import Report, printed, verify
from schakel_local.fixtures import KafkaServer, PostgresServer

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(120)]

WAIT_SECONDS = 40


class Owner:
    """A service that owns facts, as far as a verifier sees it: journal, outbox, relay, and the internal routes."""

    def __init__(self, database: Database, settings: GatewaySettings) -> None:
        self.database = database
        self.settings = settings

    async def say(self, state: CompanyState, version: int, happening: str = "described") -> None:
        async with self.database.unit_of_work() as session:
            await outbox.add(session, COMPANIES, happening, state, version=version, effective_at=datetime.now(UTC))


@pytest.fixture
async def owner(
    view_url: str, postgres_server: PostgresServer, kafka_server: KafkaServer, topic_prefix: str
) -> AsyncIterator[Owner]:
    name = f"test_owner_{uuid4().hex[:12]}"
    url = await asyncio.to_thread(postgres_server.create_database, name)
    statements: list[str] = []
    create_plumbing(_Recorder(statements))
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    settings = GatewaySettings(
        database_url=view_url,
        kafka_bootstrap=kafka_server.bootstrap,
        topic_prefix=topic_prefix,
        issuer="https://sso.example.nl/realm",  # as browsers see it; from here the realm is reached where its keys are
        jwks_url=f"{address}/realm/protocol/openid-connect/certs",
        registry_url=address,
        matching_url=address,
        events_url=address,
        verify_client_secret="secret",
    )
    await ensure_topics(settings, TOPICS)
    database = Database(url)
    async with _served(_application(database, settings), port), _running(url, settings):
        yield Owner(database, settings)
    await database.close()
    await asyncio.to_thread(postgres_server.drop_database, name)


class _Recorder:
    def __init__(self, statements: list[str]) -> None:
        self._statements = statements

    def execute(self, sqltext: str) -> None:
        self._statements.append(sqltext)


def _application(database: Database, settings: ServiceSettings) -> FastAPI:
    """The owner's internal routes behind the real token check, and beside them what stands for the realm."""
    issuer = TokenIssuer()
    outer = FastAPI()

    @outer.post("/realm/protocol/openid-connect/token")
    async def token() -> dict[str, str]:
        return {"access_token": issuer.token("verifier", client_id="schakel-verify")}

    async def ready() -> None:
        pass

    inner = create_app(
        title="owner",
        version="1.0.0",
        settings=settings,
        routers=[journal_api.router],
        ready=ready,
        verifier=issuer.verifier(settings),
        database=database,
    )
    outer.mount("/", inner)
    return outer


@asynccontextmanager
async def _served(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(WAIT_SECONDS):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task


@asynccontextmanager
async def _running(url: str, settings: GatewaySettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(run_relay(url, settings, "registry", stop)),
        asyncio.create_task(run_projector(settings, stop)),
    ]
    yield
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks), WAIT_SECONDS)


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


async def _three_companies(owner: Owner, connection: Any) -> None:
    for number in (1, 2, 3):
        await owner.say(company(number, members=[(f"person-{number}", "active")]), 1, "registered")
    await owner.say(company(1, "zuid"), 2)
    async with asyncio.timeout(WAIT_SECONDS):
        while await connection.fetchval("SELECT count(*) FROM view_1.history") < 4:  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.05)


def found(report: Report) -> set[tuple[str, str]]:
    return {(each.what, each.kind) for each in report.drifts}


async def test_a_view_that_is_what_the_journals_say_is_proven(owner: Owner, connection: Any) -> None:
    await _three_companies(owner, connection)
    report = await verify(owner.settings)
    assert (report.heads, list(report.drifts), report.dead) == (3, [], {})
    row = await connection.fetchrow("SELECT proven_at, proof FROM view_1.view_position")
    assert row["proven_at"] is not None
    assert row["proof"] == '{"dead": 0, "heads": 3}'
    assert "the view is what the journals say" in printed(report)


DAMAGE = {
    "lost rows": ("DELETE FROM view_1.companies WHERE id <> $1", {("row", "company"), ("members", "company")}),
    "a changed row": (
        "UPDATE view_1.companies SET state = jsonb_set(state, '{home_hub}', '\"noord\"') WHERE id = $1",
        {("row", "company")},
    ),
    "a lost line": ("DELETE FROM view_1.line WHERE subject = $1 AND leaf = 'zuid'", {("ledger", "company")}),
    "a doubled line": (
        "INSERT INTO view_1.line SELECT * FROM view_1.line WHERE subject = $1 LIMIT 1",
        {("ledger", "company")},
    ),
    "a lost member": ("DELETE FROM view_1.company_members WHERE company_id <> $1", {("members", "company")}),
    "a lost newest version": (
        "DELETE FROM view_1.history WHERE id = $1 AND version = 2",
        {("missing", "company"), ("row", "company"), ("ledger", "company")},
    ),
    "a lost first version": (
        "DELETE FROM view_1.history WHERE id = $1 AND version = 1",
        {("incomplete-history", "company"), ("ledger", "company")},
    ),
    "a changed state in the history": (
        "UPDATE view_1.history SET state = replace(state::text, 'zuid', 'oost')::json WHERE id = $1 AND version = 2",
        {("damaged-history", "company"), ("row", "company"), ("ledger", "company")},
    ),
    "a changed state with a new digest": (
        "UPDATE view_1.history SET digest = encode(sha256('x'), 'hex') WHERE id = $1 AND version = 2",
        {("other-digest", "company"), ("damaged-history", "company")},
    ),
}


async def test_each_kind_of_damage_is_found_and_repaired(
    owner: Owner, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schakel_gateway.verify.IN_FLIGHT_SECONDS", 0.3)
    await _three_companies(owner, connection)
    before = await _contents(connection)
    seen, left, same = {}, {}, {}
    for damage, (statement, _) in DAMAGE.items():
        await connection.execute(statement, identifier("company", 1))
        assert await _contents(connection) != before, damage
        seen[damage] = found(await verify(owner.settings))
        left[damage] = found(await verify(owner.settings, mend=True))
        same[damage] = await _contents(connection) == before
    assert seen == {damage: expected for damage, (_, expected) in DAMAGE.items()}
    assert left == {damage: set() for damage in DAMAGE}
    assert same == dict.fromkeys(DAMAGE, True)


async def test_what_its_owner_does_not_know_is_retired(
    owner: Owner, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schakel_gateway.verify.IN_FLIGHT_SECONDS", 0.5)
    await _three_companies(owner, connection)
    before = await _contents(connection)
    stranger = identifier("company", 9)
    await connection.execute(
        """
        INSERT INTO view_1.history (kind, id, epoch, version, type, effective_at, recorded_at, digest, state)
        SELECT kind, $1, epoch, version, type, effective_at, recorded_at,
            encode(sha256(convert_to(replace(state::text, id::text, $3), 'UTF8')), 'hex'),
            replace(state::text, id::text, $3)::json
        FROM view_1.history WHERE id = $2 AND version = 1
        """,
        stranger,
        identifier("company", 1),
        str(stranger),
    )
    assert ("unknown-to-owner", "company") in found(await verify(owner.settings))
    assert list((await verify(owner.settings, mend=True)).drifts) == []
    assert await _contents(connection) == before


async def test_a_gap_is_reported_as_halted_and_healed_by_its_owner(
    owner: Owner, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schakel_gateway.verify.IN_FLIGHT_SECONDS", 0.5)
    await _three_companies(owner, connection)
    await connection.execute("DELETE FROM view_1.history WHERE id = $1", identifier("company", 2))
    await connection.execute("DELETE FROM view_1.companies WHERE id = $1", identifier("company", 2))
    await owner.say(company(2, "noord"), 2)
    async with asyncio.timeout(WAIT_SECONDS):
        while not await connection.fetchval("SELECT count(*) FROM view_1.halted"):  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.05)
    assert {("halted", "company"), ("missing", "company")} <= found(await verify(owner.settings))
    assert list((await verify(owner.settings, mend=True)).drifts) == []
    assert await connection.fetchval(
        "SELECT home_hub FROM view_1.companies WHERE id = $1", identifier("company", 2)
    ) == ("noord")


async def test_what_is_on_its_way_is_not_accused(owner: Owner, connection: Any) -> None:
    await _three_companies(owner, connection)

    async def write() -> None:
        for version in range(3, 23):
            await owner.say(company(1, "oost" if version % 2 else "zuid"), version)

    reports = asyncio.gather(*(verify(owner.settings) for _ in range(3)))
    await write()
    assert [list(report.drifts) for report in await reports] == [[], [], []]


async def test_the_command_says_how_it_went_by_its_exit_code(
    owner: Owner, connection: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await _three_companies(owner, connection)
    await connection.execute("DELETE FROM view_1.line")
    for name, value in owner.settings.model_dump(include=_NEEDED).items():
        monkeypatch.setenv(f"SCHAKEL_{name.upper()}", str(value))
    codes = [await asyncio.to_thread(main, argv) for argv in (["verify"], ["verify", "--repair"], ["verify"])]
    assert codes == [1, 0, 0]
    assert "ledger: 3 of company" in capsys.readouterr().out


async def test_an_owner_that_does_not_answer_proves_nothing(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], connection: Any
) -> None:
    for name, value in owner.settings.model_dump(include=_NEEDED).items():
        monkeypatch.setenv(f"SCHAKEL_{name.upper()}", str(value))
    monkeypatch.setenv("SCHAKEL_MATCHING_URL", f"http://127.0.0.1:{_free_port()}")
    assert await asyncio.to_thread(main, ["verify"]) == 1
    assert "unavailable: An owner's journal cannot be read" in capsys.readouterr().err
    assert await connection.fetchval("SELECT proven_at FROM view_1.view_position") is None


_NEEDED = {
    "database_url",
    "kafka_bootstrap",
    "topic_prefix",
    "issuer",
    "jwks_url",
    "registry_url",
    "matching_url",
    "events_url",
    "verify_client_secret",
}


async def _contents(connection: Any) -> dict[str, list[str]]:
    result = {}
    for table in ("history", "companies", "company_members", "line", "halted"):
        rows = await connection.fetch(f"SELECT to_jsonb(t) - 'position' - 'since' AS row FROM view_1.{table} AS t")
        result[table] = sorted(row["row"] for row in rows)
    return result
