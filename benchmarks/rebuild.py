"""Rebuild of the network view from Kafka against a raw COPY of the same rows into the same tables and indexes.

    python benchmarks/rebuild.py [--companies 6000] [--rounds 5]

It uses the test stack of `SCHAKEL_TEST_STACK` where there is one, and starts a PostgreSQL and a Kafka of its own
otherwise.

A made-up network (companies that move, merge and are erased, referrals with backdated answers) is sent to the topics
once. Each round rebuilds the view with the real command's function (reading, checking, history, current rows, ledger,
catching up, swap), then copies the rows that came out, from memory, into an equal schema with all its indexes. A round
counts only when both hold the same rows. The figure is the median of the rounds' ratios; at least 0.5 is the aim, 0.4
the floor.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from schakel_common.broker import ensure_topics
from schakel_common.migrations import migrate
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import TOPICS, heartbeat_topic
from schakel_gateway.ledger.steps import Version
from schakel_gateway.testing import network, record
from schakel_gateway.view.rebuild import rebuild
from schakel_gateway.view.schema import SCHEMA, statements
from schakel_local import teststack

FLOOR, AIM = 0.4, 0.5
PEER = "peer"
MIGRATIONS = Path(__file__).parents[1] / "services/gateway/src/schakel_gateway/migrations"
TABLES = ("history", "line", "company_members", *(topic.plural for topic in TOPICS.values()))

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]


async def send(settings: ServiceSettings, history: Sequence[Version]) -> None:
    await ensure_topics(settings, TOPICS)
    await ensure_topics(settings, [heartbeat_topic(x) for x in ("registry", "matching", "events")], heartbeats=True)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True, acks="all", max_batch_size=262_144
    )
    await producer.start()
    for start in range(0, len(history), 1000):
        pending = []
        for each in history[start : start + 1000]:
            said = record(each)
            topic = settings.topic_prefix + said.topic.name
            pending.append(await producer.send(topic, said.value, key=said.key, headers=list(said.headers)))
        await asyncio.gather(*pending)
    await producer.stop()


async def delete_topics(settings: ServiceSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    await admin.delete_topics([x for x in await admin.list_topics() if x.startswith(settings.topic_prefix)])
    await admin.close()


async def rows_of(connection: asyncpg.Connection, schema: str) -> Rows:
    """All rows, without the columns that PostgreSQL generates."""
    result: Rows = {}
    for table in TABLES:
        columns = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND attgenerated = ''"
            " AND NOT attisdropped ORDER BY attnum",
            f"{schema}.{table}",
        )
        names = [row["attname"] for row in columns]
        found = await connection.fetch(f"SELECT {', '.join(names)} FROM {schema}.{table}")
        result[table] = (names, [tuple(row) for row in found])
    return result


async def copy(connection: asyncpg.Connection, rows: Rows) -> float:
    """COPY the rows into an empty schema with all indexes, and return the seconds."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {PEER} CASCADE")
    async with connection.transaction():
        for statement in statements(PEER):
            await connection.execute(statement)
    await connection.execute("CHECKPOINT")
    begin = time.perf_counter()
    async with connection.transaction():
        for table, (names, found) in rows.items():
            await connection.copy_records_to_table(table, records=found, columns=names, schema_name=PEER)
    return time.perf_counter() - begin


async def differs(connection: asyncpg.Connection) -> list[str]:
    """Tables in which the rebuilt view and the copied one differ (positions aside)."""
    found = []
    for table in TABLES:
        both = [f"SELECT to_jsonb(t) - 'position' AS row FROM {schema}.{table} AS t" for schema in (SCHEMA, PEER)]
        for one, other in (both, reversed(both)):
            if await connection.fetchval(f"SELECT EXISTS (({one}) EXCEPT ALL ({other}))"):
                found.append(table)
    return found


async def measure(settings: ServiceSettings, history: list[Version], rounds: int) -> list[float]:
    await migrate(settings.database_url, MIGRATIONS)
    await send(settings, history)
    versions = len(history)
    history.clear()
    gc.collect()
    gc.freeze()  # what this program needed to make the network is no burden of the rebuild
    connection = await asyncpg.connect(settings.database_url)
    ratios = []
    for number in range(rounds + 1):
        await connection.execute("CHECKPOINT")
        begin = time.perf_counter()
        made = await rebuild(settings)
        rebuilt = time.perf_counter() - begin
        copied = await copy(connection, await rows_of(connection, SCHEMA))
        assert made.versions == versions
        assert await differs(connection) == []
        if number:  # the first one warms the caches
            ratios.append(copied / rebuilt)
            print(
                f"round {number}: rebuild {rebuilt:.2f} s ({made.versions / rebuilt:,.0f} events/s,"
                f" {made.lines} lines),"
                f" COPY {copied:.2f} s, ratio {ratios[-1]:.2f}"
            )
    await connection.close()
    return ratios


@contextlib.contextmanager
def stack() -> Iterator[tuple[str, str]]:
    """The addresses of PostgreSQL and Kafka: of the standing test stack, or of parts that end with this program."""
    standing = os.environ.get("SCHAKEL_TEST_STACK")
    directory = (
        Path(json.loads(Path(standing).read_text())["directory"])
        if standing
        else Path(tempfile.mkdtemp(prefix="schakel-bench-"))
    )
    try:
        owner = None if standing else os.getpid()
        postgres = teststack.ensure(directory, "postgres", owner)
        kafka = teststack.ensure(directory, "kafka", owner)
        yield postgres["admin_url"], kafka["bootstrap"]
    finally:
        if not standing:
            teststack.stop(directory)
            shutil.rmtree(directory, ignore_errors=True)


async def main(companies: int, rounds: int) -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics find their leaders noisily
    history = network(1, companies=companies, days=1500, mixing=0.02, backdated=0.1)
    print(", ".join(f"{each} {version(each)}" for each in ("aiokafka", "asyncpg", "msgspec")), f"{len(history)} events")
    with stack() as (admin_url, bootstrap):
        name = f"bench_rebuild_{uuid4().hex[:8]}"
        admin = await asyncpg.connect(admin_url)
        await admin.execute(f'CREATE DATABASE "{name}"')
        settings = ServiceSettings(
            database_url=f"{admin_url.rsplit('/', 1)[0]}/{name}",
            kafka_bootstrap=bootstrap,
            topic_prefix=f"bench{uuid4().hex[:6]}-",
        )
        try:
            ratios = await measure(settings, history, rounds)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await admin.close()
            await delete_topics(settings)
    median = statistics.median(ratios)
    print(f"rebuild at {median:.2f} of raw COPY (floor {FLOOR}, aim {AIM})")
    if median < FLOOR:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--companies", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.companies, arguments.rounds))
