"""The projector on real Kafka: killed at named points, a broker lost, a rebuild; the figures stay the same."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schakel_common.broker import ensure_topics
from schakel_common.settings import ServiceSettings
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.topics import PARTITIONS, TOPIC_OF_KIND, TOPICS, heartbeat_topic, topics_of
from schakel_gateway.ledger.figures import network_figures
from schakel_gateway.ledger.steps import Version
from schakel_gateway.projector import run_projector
from schakel_gateway.testing import case, day, identifier, network, record, version
from schakel_gateway.view.broker import broker_client, identities
from schakel_gateway.view.reading import snapshot
from schakel_gateway.view.rebuild import rebuild
from schakel_local.fixtures import KafkaServer

pytestmark = pytest.mark.kafka

WAIT_SECONDS = 40
PROGRAM = """
import asyncio
from schakel_common.settings import ServiceSettings
from schakel_gateway.projector import run_projector
asyncio.run(run_projector(ServiceSettings(), asyncio.Event()))
"""
BARRIERS = ("projector.before_apply", "projector.before_write", "projector.after_commit")


@pytest.fixture
def settings(view_url: str, kafka_server: KafkaServer, topic_prefix: str) -> ServiceSettings:
    return ServiceSettings(database_url=view_url, kafka_bootstrap=kafka_server.bootstrap, topic_prefix=topic_prefix)


class Owners:
    """Stands for the services: what they recorded, sent to the topics, and their heartbeats."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.ends: dict[tuple[str, int], int] = {}

    async def send(self, versions: Sequence[Version], *, complete_until: datetime | None = None) -> None:
        prefix = self.settings.topic_prefix
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            for each in versions:
                said, topic = record(each), TOPIC_OF_KIND[each.kind].name
                done = await producer.send_and_wait(
                    prefix + topic, said.value, key=said.key, headers=list(said.headers)
                )
                self.ends[topic, done.partition] = done.offset + 1
            if complete_until is not None:
                for service in ("registry", "matching", "events"):
                    offsets = {
                        topic.name: [self.ends.get((topic.name, number), 0) for number in range(PARTITIONS)]
                        for topic in topics_of(service)
                    }
                    beat = Heartbeat(service=service, complete_until=complete_until, offsets=offsets)
                    await producer.send_and_wait(prefix + heartbeat_topic(service), msgspec.json.encode(beat))
        finally:
            await producer.stop()


@pytest.fixture
async def owners(settings: ServiceSettings) -> Owners:
    await _make_topics(settings)
    return Owners(settings)


async def _make_topics(settings: ServiceSettings) -> None:
    await ensure_topics(settings, TOPICS)
    await ensure_topics(settings, [heartbeat_topic(x) for x in ("registry", "matching", "events")], heartbeats=True)


@asynccontextmanager
async def projecting(settings: ServiceSettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_projector(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, WAIT_SECONDS)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in a database or another process
            await asyncio.sleep(0.05)


async def reaches(connection: Any, complete_until: datetime) -> None:
    async def there() -> bool:
        return bool(
            await connection.fetchval("SELECT view_1.watermark() + interval '1 microsecond' >= $1", complete_until)
        )

    await until(there)


async def said_by_the_view(connection: Any, pool: Any) -> dict[str, Any]:
    """Rows, history, lines and figures, without what may differ between two ways to the same view."""
    result: dict[str, Any] = {}
    for table in ("history", "line", "company_members", "halted", *(topic.plural for topic in TOPICS.values())):
        rows = await connection.fetch(f"SELECT to_jsonb(t) - 'position' - 'since' AS row FROM view_1.{table} AS t")
        result[table] = sorted(row["row"] for row in rows)
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        for as_of in (10, 30, 60, 90):
            answer = await network_figures(reader, as_of=day(as_of).isoformat(), known_at=day(50))
            result[f"figures {as_of}"] = answer["indicators"]
    return result


async def expected(connection: Any, pool: Any, project: Any, history: Sequence[Version]) -> dict[str, Any]:
    """What the view says when nothing goes wrong; leaves the view empty."""
    await project(history)
    await connection.executemany(
        "INSERT INTO view_1.heartbeat VALUES ($1, $2)",
        [(service, day(1000)) for service in ("registry", "matching", "events")],
    )
    result = await said_by_the_view(connection, pool)
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'view_1'"
        " AND tablename NOT IN ('view_position', 'indicator')"
    )
    await connection.execute("TRUNCATE " + ", ".join(f"view_1.{row['tablename']}" for row in tables))
    await connection.execute("UPDATE view_1.view_position SET position = 0, begins = NULL")
    return result


async def test_every_topic_reaches_the_view_with_its_watermark(
    connection: Any, pool: Any, project: Any, settings: ServiceSettings, owners: Owners
) -> None:
    history = network(11, companies=6)
    wanted = await expected(connection, pool, project, history)
    async with projecting(settings):
        await owners.send(history[:40])
        await owners.send(history[20:], complete_until=day(1000))
        await reaches(connection, day(1000))
    assert await said_by_the_view(connection, pool) == wanted


class Killed:
    """A projector in a process of its own, to be killed at a barrier."""

    def __init__(self, settings: ServiceSettings, barriers: Path) -> None:
        self.barriers = barriers
        self._environment = {
            **os.environ,
            "SCHAKEL_DATABASE_URL": settings.database_url,
            "SCHAKEL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SCHAKEL_TOPIC_PREFIX": settings.topic_prefix,
            "SCHAKEL_BARRIERS": str(barriers),
        }

    async def run_until_killed_at(self, name: str) -> None:
        (self.barriers / f"{name}.armed").touch()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env=self._environment)
        try:
            reached = self.barriers / f"{name}.reached"
            await until(lambda: _exists(reached))
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
            (self.barriers / f"{name}.armed").unlink(missing_ok=True)
            (self.barriers / f"{name}.reached").unlink(missing_ok=True)


async def _exists(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


@pytest.mark.timeout(180)
async def test_killed_between_any_two_steps_it_loses_and_doubles_nothing(  # noqa: PLR0917 - fixtures by name
    connection: Any, pool: Any, project: Any, settings: ServiceSettings, owners: Owners, tmp_path: Path
) -> None:
    history = network(12, companies=6)
    wanted = await expected(connection, pool, project, history)
    killed = Killed(settings, tmp_path)
    size = len(history) // 6 + 1
    kills = 0
    for number, start in enumerate(range(0, len(history), size)):
        last = start + size >= len(history)
        await owners.send(history[start : start + size], complete_until=day(1000) if last else None)
        await killed.run_until_killed_at(BARRIERS[number % len(BARRIERS)])
        kills += 1
    async with projecting(settings):
        await reaches(connection, day(1000))
    assert kills == 6
    assert await said_by_the_view(connection, pool) == wanted


async def has_caught_up(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT caught_up_at IS NOT NULL FROM view_1.view_position"))


async def test_a_view_has_caught_up_once_it_has_what_lay_in_the_topics_and_not_before(
    connection: Any, settings: ServiceSettings, owners: Owners, tmp_path: Path
) -> None:
    await owners.send([version(case(number), 1, 1) for number in range(5)])
    await Killed(settings, tmp_path).run_until_killed_at("projector.before_write")
    assert not await has_caught_up(connection)
    async with projecting(settings):
        await until(lambda: has_caught_up(connection))
        assert await connection.fetchval("SELECT count(*) FROM view_1.cases") == 5


async def test_a_view_of_empty_topics_has_caught_up_at_once(
    connection: Any, settings: ServiceSettings, owners: Owners
) -> None:
    del owners  # the topics are there
    assert not await has_caught_up(connection)
    async with projecting(settings):
        await until(lambda: has_caught_up(connection))


async def test_a_second_projector_waits_until_the_first_is_gone(
    connection: Any, settings: ServiceSettings, owners: Owners
) -> None:
    async with projecting(settings), projecting(settings):
        await owners.send([version(case(1), 1, 1)], complete_until=day(2))
        await reaches(connection, day(2))
        holders = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7103 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert holders == 1
        pid = await connection.fetchval(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7103 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        await connection.execute(
            "SELECT pg_terminate_backend($1)", pid
        )  # the leader loses its connection: its lock too
        await owners.send([version(case(2), 1, 3)], complete_until=day(4))
        await reaches(connection, day(4))
    assert await connection.fetchval("SELECT count(*) FROM view_1.cases") == 2


async def test_a_bad_record_becomes_a_dead_letter_and_what_stands_behind_it_arrives(
    connection: Any, settings: ServiceSettings, owners: Owners
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    good = record(version(case(1), 1, 1))
    try:
        for value, headers in ((b"{", []), (None, []), (good.value, [("ce_specversion", b"9.9"), *good.headers[1:]])):
            await producer.send_and_wait(
                settings.topic_prefix + "events-cases-v1", value, key=good.key, headers=headers
            )
    finally:
        await producer.stop()
    async with projecting(settings):
        await owners.send([version(case(1), 1, 1)], complete_until=day(2))
        await reaches(connection, day(2))
    rows = await connection.fetch('SELECT reason, detail FROM view_1.dead ORDER BY "offset"')
    assert [row["reason"] for row in rows] == ["malformed-envelope"] * 3
    assert rows[2]["detail"] == "header ce_specversion is not 1.0"
    assert await connection.fetchval("SELECT count(*) FROM view_1.cases") == 1


@pytest.mark.timeout(120)
async def test_a_rebuild_from_the_topics_gives_the_live_view_again_while_the_projector_runs(
    connection: Any, pool: Any, settings: ServiceSettings, owners: Owners
) -> None:
    history = network(13, companies=8)
    async with projecting(settings):
        await owners.send(history[:-30], complete_until=day(49))
        await owners.send(history[40:60])  # repeats lie in the topics for ever
        await reaches(connection, day(49))
        await owners.send(history[-30:], complete_until=day(1000))
        await reaches(connection, day(1000))
        before = await said_by_the_view(connection, pool)
        position = await connection.fetchval("SELECT position FROM view_1.view_position")
        await connection.execute("DELETE FROM view_1.line WHERE leaf = 'oost'")  # damaged: the rebuild repairs it
        rebuilt = await rebuild(settings)
        assert rebuilt.versions == len(history)
        assert rebuilt.position > position
        assert await said_by_the_view(connection, pool) == before
        assert await has_caught_up(connection)
        await owners.send([version(case(99), 1, 70)], complete_until=datetime.now(UTC))  # and it goes on from there
        await until(lambda: _has_case_99(connection))
    schemas = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'view%'")
    assert [row["nspname"] for row in schemas] == ["view_1"]


async def _has_case_99(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM view_1.cases WHERE slug = 'case-99')"))


@pytest.mark.timeout(120)
async def test_a_lost_broker_and_its_history_sent_again_give_the_same_figures(
    connection: Any,
    pool: Any,
    settings: ServiceSettings,
    owners: Owners,
    private_kafka: KafkaServer,
) -> None:
    history = network(14, companies=6)
    async with projecting(settings):
        await owners.send(history, complete_until=day(1000))
        await reaches(connection, day(1000))
    before = await said_by_the_view(connection, pool)
    old_cluster = await connection.fetchval("SELECT min(cluster_id) FROM view_1.topic_offset")
    empty = settings.model_copy(update={"kafka_bootstrap": private_kafka.bootstrap})
    await _make_topics(empty)
    again = Owners(empty)
    async with projecting(empty):
        # The empty broker says that it is complete; what the view had stays.
        await again.send([], complete_until=day(1001))
        await reaches(connection, day(1001))
        assert await said_by_the_view(connection, pool) == before
        await again.send(history, complete_until=day(1002))
        await reaches(connection, day(1002))
    assert await said_by_the_view(connection, pool) == before
    assert await connection.fetchval("SELECT min(cluster_id) FROM view_1.topic_offset") != old_cluster
    assert await connection.fetchval("SELECT sum(next) FROM view_1.topic_offset") == len(history)


@pytest.mark.timeout(120)
async def test_topics_made_anew_under_a_running_projector_are_read_from_their_beginning(
    connection: Any, pool: Any, settings: ServiceSettings, owners: Owners
) -> None:
    history = network(15, companies=4)
    async with projecting(settings):
        await owners.send(history, complete_until=day(1000))
        await reaches(connection, day(1000))
        before = await said_by_the_view(connection, pool)
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([settings.topic_prefix + topic for topic in TOPICS])
        finally:
            await admin.close()
        await until(lambda: _made_again(settings))
        again = Owners(settings)
        # Fewer records than were read before: stored offsets would satisfy this heartbeat without reading any of them.
        await again.send([*history[:5], version(case(77), 1, 60)], complete_until=day(1001))
        await reaches(connection, day(1001))
        assert await connection.fetchval("SELECT count(*) FROM view_1.cases WHERE slug = 'case-77'") == 1
        await connection.execute("DELETE FROM view_1.cases WHERE slug = 'case-77'")
        await connection.execute("DELETE FROM view_1.history WHERE kind = 'case' AND state ->> 'slug' = 'case-77'")
        await connection.execute("DELETE FROM view_1.line WHERE subject = $1", identifier("case", 77))
        assert await said_by_the_view(connection, pool) == before


async def _made_again(settings: ServiceSettings) -> bool:
    """A topic that is being deleted cannot be made yet."""
    try:
        await _make_topics(settings)
    except KafkaError:
        return False
    async with broker_client(settings) as client:
        try:
            await identities(client, settings.topic_prefix, TOPICS)
        except KafkaError:
            return False
    return True
