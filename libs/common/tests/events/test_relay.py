import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from schakel_common.relay import RELAY_LOCK, run_relay
from schakel_common.settings import ServiceSettings
from schakel_contracts.envelope import envelope_of
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.topics import HUBS
from schakel_local.fixtures import KafkaServer

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
HEARTBEATS = "registry-heartbeats-v1"


async def is_drained(sql: asyncpg.Connection) -> bool:
    return bool(await sql.fetchval("SELECT count(*) = 0 FROM outbox"))


async def test_what_is_committed_arrives_as_the_contract_says_and_leaves_the_outbox(
    publish: Any, relaying: Any, kafka: Any, sql: asyncpg.Connection, eventually: Any
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1)
    await publish(aggregate, 2, "Noord-Nederland")

    async with relaying():
        first, second = await kafka.read(HUBS.name, until=lambda records: len(records) >= 2)
        await eventually(lambda: is_drained(sql))

    lines = await sql.fetch("SELECT * FROM journal ORDER BY seq")
    for record, line in zip((first, second), lines, strict=True):
        envelope = envelope_of(record.headers, record.value)
        assert list(record.headers) == envelope.headers()
        assert record.key == str(aggregate).encode()
        assert (envelope.id, envelope.subject, envelope.type) == (line["event_id"], aggregate, line["type"])
        assert (envelope.recorded_at, envelope.effective_at) == (line["recorded_at"], line["effective_at"])
        assert envelope.source == "urn:nld:oin:00000000000000000000:systeem:schakel-registry"
        assert record.value == bytes(line["value"])
    assert msgspec.json.decode(second.value)["name_nl"] == "Noord-Nederland"
    assert first.partition == second.partition


async def test_a_relay_that_loses_its_connection_stops_sending_and_another_takes_over(
    publish: Any, relaying: Any, kafka: Any, sql: asyncpg.Connection, eventually: Any
) -> None:
    async def leader() -> int | None:
        found: int | None = await sql.fetchval(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            RELAY_LOCK,
        )
        return found

    async def has_leader() -> bool:
        return await leader() is not None

    async with relaying(), relaying():
        await eventually(has_leader)
        for version in range(1, 4):
            killed = await leader()
            await publish(uuid4())
            await sql.execute("SELECT pg_terminate_backend($1)", killed)

            async def has_another(killed: int | None = killed) -> bool:
                return await leader() not in {None, killed}

            await eventually(has_another)
            await kafka.read(HUBS.name, until=lambda records, n=version: len({r.key for r in records}) >= n)
        await eventually(lambda: is_drained(sql))


def heartbeats_of(records: list[Any]) -> list[Heartbeat]:
    return [msgspec.json.decode(record.value, type=Heartbeat) for record in records]


def complete_until(records: list[Any]) -> datetime:
    return max((each.complete_until for each in heartbeats_of(records)), default=datetime.min.replace(tzinfo=UTC))


async def test_a_heartbeat_promises_nothing_that_an_open_transaction_could_still_break(
    publish: Any, relaying: Any, kafka: Any, database_url: str
) -> None:
    writer = await asyncpg.connect(database_url)
    open_transaction = writer.transaction()
    await open_transaction.start()
    await writer.execute("INSERT INTO aggregate VALUES ($1, 1)", uuid4())
    began = await writer.fetchval("SELECT now()")
    await publish()

    async with relaying():
        records = await kafka.read(HEARTBEATS, until=lambda found: len(found) >= 3, partitions=1)
        assert {each.complete_until for each in heartbeats_of(records)} == {began}

        recorded_at = await writer.fetchval("SELECT clock_timestamp()")
        await open_transaction.commit()
        records = await kafka.read(HEARTBEATS, until=lambda found: complete_until(found) > recorded_at, partitions=1)
    await writer.close()

    last = heartbeats_of(records)[-1]
    assert last.service == "registry"
    assert sum(last.offsets[HUBS.name]) == 1
    assert set(last.offsets) == {
        "registry-hubs-v1", "registry-fieldlabs-v1", "registry-companies-v1", "registry-figures-v1"
    }  # fmt: skip


async def test_every_event_below_a_heartbeat_lies_before_its_offsets(
    publish: Any, relaying: Any, kafka: Any, sql: asyncpg.Connection
) -> None:
    async def write(count: int) -> None:
        for _ in range(count):
            await publish()

    async with relaying():
        await asyncio.gather(*(write(60) for _ in range(4)))
        end = await sql.fetchval("SELECT clock_timestamp()")
        beats = heartbeats_of(
            await kafka.read(HEARTBEATS, until=lambda found: complete_until(found) > end, partitions=1)
        )
    records = await kafka.read(HUBS.name, until=lambda found: len(found) >= 240)

    assert len(beats) >= 1
    for beat in beats:
        for record in records:
            if envelope_of(record.headers, record.value).recorded_at < beat.complete_until:
                assert record.offset < beat.offsets[HUBS.name][record.partition]


async def test_while_kafka_is_away_nothing_is_deleted_its_age_is_told_and_then_it_is_sent(
    publish: Any,
    sql: asyncpg.Connection,
    settings: ServiceSettings,
    private_kafka: KafkaServer,
    eventually: Any,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, float] = {}
    monkeypatch.setattr("schakel_common.relay.measure", lambda name, value, **_: told.update({name: value}))

    async def is_told() -> bool:
        return told["outbox.unsent.count"] == 2 and told["outbox.oldest.age"] > 0

    own = settings.model_copy(update={"kafka_bootstrap": private_kafka.bootstrap})
    stop = asyncio.Event()
    task = asyncio.create_task(run_relay(own.database_url, own, "registry", stop))
    await publish()
    await eventually(lambda: is_drained(sql))

    await asyncio.to_thread(private_kafka.kill)
    await publish()
    await publish()
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 2
    await eventually(is_told, 20)
    await asyncio.to_thread(private_kafka.start)

    await eventually(lambda: is_drained(sql), 40)
    stop.set()
    await asyncio.wait_for(task, 20)


async def test_a_relay_ends_when_told_also_while_kafka_is_away(
    publish: Any, sql: asyncpg.Connection, settings: ServiceSettings, caplog: pytest.LogCaptureFixture, eventually: Any
) -> None:
    await publish()
    stop = asyncio.Event()
    away = settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    task = asyncio.create_task(run_relay(settings.database_url, away, "registry", stop))

    async def has_failed() -> bool:
        return "relay of registry starts over" in caplog.text

    await eventually(has_failed)
    stop.set()
    await asyncio.wait_for(task, 20)

    assert await sql.fetchval("SELECT count(*) FROM outbox") == 1
