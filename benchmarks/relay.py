"""Relay drain against a raw idempotent aiokafka producer: same records, same broker, interleaved rounds.

    python benchmarks/relay.py [--events 20000] [--rounds 5]

It uses the test stack of `SCHAKEL_TEST_STACK` where there is one, and starts a PostgreSQL and a Kafka of its own
otherwise.

Each round fills the outbox, drains it with the real relay into one prefix of topics, and sends the very same keys,
values and headers from memory into another. A round counts only when the same versions and digests arrived in the
same order per key. The figure is the median of the rounds' ratios; at least 0.65 is the aim, 0.55 the floor.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schakel_common.broker import ensure_topics
from schakel_common.migrations import migrate
from schakel_common.relay import MAX_BATCH_BYTES, run_relay
from schakel_common.settings import ServiceSettings
from schakel_contracts.envelope import value_of
from schakel_contracts.samples import sample_of
from schakel_contracts.topics import COMPANIES, topics_of
from schakel_local import teststack

AGGREGATES = 1000
FLOOR, AIM = 0.55, 0.65
MIGRATIONS = Path(__file__).parents[1] / "libs/common/tests/events/migrations"
FILL = """
    WITH line AS (
        INSERT INTO journal (topic, kind, aggregate_id, epoch, version, type, effective_at, recorded_at, value, sha256)
        SELECT $1, 'company', md5((n % $2)::text)::uuid, 1, $3 + n / $2 + 1, $4, now(), clock_timestamp(), $5,
               encode(sha256($5), 'hex')
        FROM generate_series(0, $6 - 1) AS n ORDER BY n RETURNING seq
    ) INSERT INTO outbox (journal_seq, epoch) SELECT seq, 1 FROM line ORDER BY seq
"""

Records = list[Any]


async def read_all(settings: ServiceSettings, count: int) -> Records:
    name = f"{settings.topic_prefix}{COMPANIES.name}"
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    records: Records = []
    try:
        consumer.assign([TopicPartition(name, number) for number in range(12)])
        async with asyncio.timeout(60):
            while len(records) < count:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records.extend(batch)
    finally:
        await consumer.stop()
    return records


async def time_relay(settings: ServiceSettings, sql: asyncpg.Connection) -> float:
    """Start the relay on a full, locked outbox; time from its unlocking, when the relay leads, to the empty outbox."""
    stop = asyncio.Event()
    await ensure_topics(settings, [topic.name for topic in topics_of("registry")])
    await ensure_topics(settings, ["registry-heartbeats-v1"], heartbeats=True)
    held = await asyncpg.connect(settings.database_url)
    await held.execute("BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
    task = asyncio.create_task(run_relay(settings.database_url, settings, "registry", stop))
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'outbox'::regclass AND NOT granted)"
    while not await sql.fetchval(waiting):  # noqa: ASYNC110 - what is waited for happens in the database
        await asyncio.sleep(0.01)
    begin = time.perf_counter()
    await held.execute("COMMIT")
    while await sql.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - begin
    stop.set()
    await task
    await held.close()
    return seconds


async def time_raw(settings: ServiceSettings, records: Sequence[Any]) -> float:
    await ensure_topics(settings, [COMPANIES.name])
    name = f"{settings.topic_prefix}{COMPANIES.name}"
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        enable_idempotence=True,
        acks="all",
        max_batch_size=MAX_BATCH_BYTES,
    )
    await producer.start()
    await producer.partitions_for(name)
    ready = [(each.value, each.key, list(each.headers)) for each in records]
    begin = time.perf_counter()
    for start in range(0, len(ready), 1000):
        chunk = ready[start : start + 1000]
        pending = [await producer.send(name, value, key=key, headers=headers) for value, key, headers in chunk]
        await asyncio.gather(*pending)
    seconds = time.perf_counter() - begin
    await producer.stop()
    return seconds


def per_key(records: Records) -> dict[bytes, list[tuple[str, ...]]]:
    found: dict[bytes, list[tuple[str, ...]]] = defaultdict(list)
    for record in sorted(records, key=lambda each: (each.partition, each.offset)):
        headers = dict(record.headers)
        found[record.key].append((headers["ce_version"].decode(), headers["ce_digest"].decode()))
    return found


@contextlib.contextmanager
def parts() -> Iterator[tuple[str, str]]:
    """The administrator's address of a PostgreSQL, and the bootstrap address of a Kafka."""
    standing = os.environ.get("SCHAKEL_TEST_STACK")
    directory = Path(json.loads(Path(standing).read_text())["directory"]) if standing else Path(tempfile.mkdtemp())
    owner = None if standing else os.getpid()
    try:
        admin_url = teststack.ensure(directory, "postgres", owner)["admin_url"]
        yield str(admin_url), str(teststack.ensure(directory, "kafka", owner)["bootstrap"])
    finally:
        if not standing:
            teststack.stop(directory)
            shutil.rmtree(directory, ignore_errors=True)


async def run(admin_url: str, bootstrap: str, events: int, rounds: int) -> float:
    name = f"bench_relay_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(admin_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    base, _, tail = admin_url.rpartition("/")
    url = f"{base}/{name}" + (f"?{tail.partition('?')[2]}" if "?" in tail else "")
    ratios = []
    try:
        await migrate(url, MIGRATIONS)
        sql = await asyncpg.connect(url)
        value = value_of(sample_of(COMPANIES, "verified"))
        print(f"{events} events of {len(value)} bytes over {AGGREGATES} keys; aiokafka {version('aiokafka')}")
        for number in range(rounds + 1):
            first = number * (events // AGGREGATES)
            await sql.execute(FILL, COMPANIES.name, AGGREGATES, first, COMPANIES.type_of("verified"), value, events)
            await sql.execute("ANALYZE")
            prefix = f"bench{uuid4().hex[:8]}"
            ours = ServiceSettings(database_url=url, kafka_bootstrap=bootstrap, topic_prefix=f"{prefix}-ours-")
            raw = ours.model_copy(update={"topic_prefix": f"{prefix}-raw-"})
            relay_seconds = await time_relay(ours, sql)
            records = sorted(await read_all(ours, events), key=lambda each: each.offset)
            raw_seconds = await time_raw(raw, records)
            assert per_key(records) == per_key(await read_all(raw, events))
            if number == 0:
                continue  # warms up
            ratios.append(raw_seconds / relay_seconds)
            speeds = f"relay {events / relay_seconds:8.0f}/s   raw {events / raw_seconds:8.0f}/s"
            print(f"round {number}: {speeds}   {ratios[-1]:.2f}")
        await sql.close()
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()
    return statistics.median(ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with parts() as (admin_url, bootstrap):
        ratio = asyncio.run(run(admin_url, bootstrap, arguments.events, arguments.rounds))
    print(f"median ratio {ratio:.2f} (aim {AIM}, floor {FLOOR})")
    return 0 if ratio >= FLOOR else 1


if __name__ == "__main__":
    raise SystemExit(main())
