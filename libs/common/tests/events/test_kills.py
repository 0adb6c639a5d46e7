"""kill -9 between any two lines that matter, at named points, and a start over: nothing lost, nothing doubled."""

import asyncio
import signal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
START_SECONDS = 40


async def effects(sql: asyncpg.Connection, aggregate: UUID) -> list[int]:
    rows = await sql.fetch("SELECT version FROM effect WHERE id = $1 ORDER BY seq", aggregate)
    return [row["version"] for row in rows]


RELAY_AND_CONSUMER = [
    "relay.before_send",
    "relay.after_send_before_ack",
    "relay.after_ack_before_delete",
    "relay.after_delete",
    "consumer.before_handle",
    "consumer.before_commit",
    "consumer.after_commit_before_ack",
    "consumer.after_ack",
]


@pytest.mark.parametrize("name", RELAY_AND_CONSUMER)
async def test_a_process_killed_there_loses_and_doubles_nothing(
    processes: Any, publish: Any, sql: asyncpg.Connection, eventually: Any, name: str
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1)
    await publish(aggregate, 2)
    processes.arm(name)
    process = await processes.start("serve", "--roles", "consumers,relay")
    await processes.reached(name)
    await processes.kill(process)

    await publish(aggregate, 3)
    await processes.start("serve", "--roles", "consumers,relay")

    async def all_effects() -> bool:
        return await effects(sql, aggregate) == [1, 2, 3]

    await eventually(all_effects, START_SECONDS)
    assert await sql.fetchval("SELECT count(*) FROM effect") == 3
    assert await sql.fetchval("SELECT count(*) FROM journal") == 3


@pytest.mark.parametrize(("name", "committed"), [("outbox.before_commit", 0), ("outbox.after_commit", 1)])
async def test_a_use_case_killed_there_is_done_whole_or_not_at_all(
    processes: Any, sql: asyncpg.Connection, name: str, committed: int
) -> None:
    aggregate = uuid4()
    processes.arm(name)
    process = await processes.start("publish", str(aggregate))
    await processes.reached(name)
    await processes.kill(process)

    for table in ("aggregate", "journal", "outbox"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == committed


async def test_a_service_told_to_stop_ends_by_itself_and_answers_probes_before(
    processes: Any, publish: Any, sql: asyncpg.Connection, eventually: Any
) -> None:
    async def status(path: str, port: int) -> int:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return 0
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return int(line.split()[1])

    aggregate, port = uuid4(), processes.free_port()
    process = await processes.start("serve", "--roles", "consumers,relay", port=port)

    async def is_ready() -> bool:
        return await status("/readyz", port) == 200

    async def has_effect() -> bool:
        return await effects(sql, aggregate) == [1]

    await eventually(is_ready, START_SECONDS)
    assert await status("/livez", port) == 200
    assert await status("/v1/openapi.json", port) == 404
    await publish(aggregate)
    await eventually(has_effect, START_SECONDS)
    process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(process.wait(), 20) in {0, -signal.SIGTERM}
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0
