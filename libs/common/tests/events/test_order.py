"""The order that a relay must keep, under writers that take their numbers early and commit late, and under kill -9.

Sequence numbers are drawn before the commit, so a reader that remembers the last one it saw misses those that commit
later: the naive reader below shows it in the same run.
"""

import asyncio
import random
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import outbox, replica
from schakel_common.database import Database
from schakel_common.event import Event
from schakel_contracts.envelope import envelope_of, instant_of
from schakel_contracts.topics import HUBS

WRITERS = 8
WRITES = 100
AGGREGATES = [UUID(int=number) for number in range(1, 6)]
KILLS = 4
EFFECTIVE_AT = instant_of("2025-03-01T00:00:00Z")


async def keep(session: AsyncSession, event: Event) -> None:
    if await replica.apply(session, event):
        parameters = {"id": event.envelope.subject, "epoch": event.envelope.epoch, "version": event.envelope.version}
        await session.execute(
            text("INSERT INTO effect (id, epoch, version) VALUES (:id, :epoch, :version)"), parameters
        )


async def write(database: Database, make_hub: Any, chance: random.Random) -> None:
    """Insert somewhere first, so that the transaction's id is early; take the aggregate's lock late; commit later."""
    for _ in range(WRITES):
        async with database.unit_of_work() as session:
            await session.execute(text("INSERT INTO aggregate VALUES (:id, 0)"), {"id": uuid4()})
            await asyncio.sleep(chance.uniform(0, 0.006))
            aggregate = chance.choice(AGGREGATES)
            locked = text("UPDATE aggregate SET version = version + 1 WHERE id = :id RETURNING version")
            version: int = (await session.execute(locked, {"id": aggregate})).scalar_one()
            happening = "registered" if version == 1 else "described"
            state = make_hub(aggregate)
            await outbox.add(session, HUBS, happening, state, version=version, effective_at=EFFECTIVE_AT)
            await asyncio.sleep(chance.uniform(0, 0.004))


async def read_naively(url: str, stop: asyncio.Event) -> int:
    """Count what a reader sees that asks for everything after the last number it saw."""
    connection = await asyncpg.connect(url)
    seen, last = 0, 0
    while not stop.is_set():
        rows = await connection.fetch("SELECT seq FROM journal WHERE seq > $1 ORDER BY seq", last)
        seen, last = seen + len(rows), rows[-1]["seq"] if rows else last
        await asyncio.sleep(0.001)
    await connection.close()
    return seen


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_nothing_is_lost_inverted_or_doubled_while_the_relay_is_killed_again_and_again(
    processes: Any, consuming: Any, make_hub: Any, sql: asyncpg.Connection, eventually: Any
) -> None:
    url = processes.settings.database_url
    database = Database(url, pool_size=WRITERS)
    await sql.executemany("INSERT INTO aggregate VALUES ($1, 0)", [(each,) for each in AGGREGATES])
    stop = asyncio.Event()
    naive = asyncio.create_task(read_naively(url, stop))
    relays = [await processes.start("serve", "--roles", "relay") for _ in range(2)]

    async def kill_and_replace() -> None:
        for number in range(1, KILLS + 1):
            goal = number * WRITERS * WRITES // (KILLS + 2)

            async def have_effects(goal: int = goal) -> bool:
                return await count(sql) >= goal

            await eventually(have_effects, 60)
            relays[0].kill()
            await relays.pop(0).wait()
            relays.append(await processes.start("serve", "--roles", "relay"))

    async with consuming(keep):
        writers = [write(database, make_hub, random.Random(number)) for number in range(WRITERS)]
        await asyncio.gather(*writers, kill_and_replace())

        async def have_all() -> bool:
            return await count(sql) == WRITERS * WRITES

        await eventually(have_all, 60)
    stop.set()
    seen_naively = await naive
    await database.close()

    assert seen_naively < WRITERS * WRITES
    for aggregate in AGGREGATES:
        rows = await sql.fetch("SELECT version FROM effect WHERE id = $1 ORDER BY seq", aggregate)
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    assert await sql.fetchval("SELECT count(*) FROM journal") == WRITERS * WRITES


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_first_occurrences_in_the_topic_are_in_order_after_kills_in_a_backlog(
    processes: Any, publish: Any, kafka: Any, sql: asyncpg.Connection, eventually: Any
) -> None:
    aggregate = uuid4()
    for version in range(1, 41):
        await publish(aggregate, version)
    for name in ("relay.after_send_before_ack", "relay.after_ack_before_delete"):
        processes.arm(name)
        process = await processes.start("serve", "--roles", "relay")
        await processes.reached(name)
        await processes.kill(process)
    await processes.start("serve", "--roles", "relay")

    async def is_drained() -> bool:
        return bool(await sql.fetchval("SELECT count(*) = 0 FROM outbox"))

    await eventually(is_drained, 40)
    records = await kafka.read(HUBS.name, until=lambda found: len(found) >= 80)

    versions = [envelope_of(record.headers, record.value).version for record in records]
    firsts = list(dict.fromkeys(versions))
    assert firsts == list(range(1, 41))
    assert all(later <= earlier + 1 for earlier, later in pairwise(versions))


async def count(sql: asyncpg.Connection) -> int:
    counted: int = await sql.fetchval("SELECT count(*) FROM effect")
    return counted
