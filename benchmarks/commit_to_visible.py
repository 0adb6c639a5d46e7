"""From a command's commit to the row in the network view, against the broker's round trip, in one run.

    python benchmarks/commit_to_visible.py [--samples 200] [--rounds 5]

A real relay and a real projector run in processes of their own, as in production. Ours: the time from the return of a
commit (aggregate, journal and outbox row) until a reader of the view is told and finds the row. The floor: the time
from handing a record of the same size to an idempotent producer until a waiting consumer holds it. One at a time, one
of ours and one of the floor in turn, so that both wake the same idle processes; the figure is the median of the rounds'
ratios of p50. At most 4 is the bar. Round trips in a row, which keep every process awake, are printed beside it.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from relay import parts

from schakel_common import outbox
from schakel_common.broker import ensure_topics
from schakel_common.database import Database
from schakel_common.settings import ServiceSettings
from schakel_contracts.envelope import value_of
from schakel_contracts.samples import sample_of
from schakel_contracts.topics import COMPANIES

BAR = 4.0
WAIT_SECONDS_MAX = 60.0
IS_VISIBLE = "SELECT EXISTS (SELECT FROM view_1.companies WHERE id = $1)"


def run_service(service: str, told: Mapping[str, str], *words: str) -> list[str]:
    """Return the command line of a service, and migrate its database when that is what is asked."""
    command = [sys.executable, "-m", f"schakel_{service}", *words]
    if words == ("migrate",):
        subprocess.run(command, env={**os.environ, **told}, check=True, stdout=subprocess.DEVNULL)
    return command


@contextmanager
def pipeline(told: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """A relay and a projector, each in its own process."""
    started = []
    for service, roles in (("registry", "relay"), ("gateway", "consumers")):
        run_service(service, told[service], "migrate")
        command = run_service(service, told[service], "serve", "--roles", roles)
        started.append(subprocess.Popen(command, env={**os.environ, **told[service]}, stdout=subprocess.DEVNULL))
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Visible:
    """Tells when a company can be read from the view."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._told = asyncio.Event()

    async def listen(self) -> None:
        """Hear of every new position of the view."""
        await self._connection.add_listener("view_position", lambda *_: self._told.set())

    def forget(self) -> None:
        """Count only what is said from now on."""
        self._told.clear()

    async def wait(self, company: UUID) -> None:
        """Return when a reader that was told finds the company; TimeoutError when that never comes."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                await self._told.wait()
                self._told.clear()
                if await self._connection.fetchval(IS_VISIBLE, company):
                    return


async def commit(database: Database) -> UUID:
    company = uuid4()
    state = msgspec.structs.replace(sample_of(COMPANIES, "registered"), id=company)
    async with database.unit_of_work() as session:
        await outbox.add(session, COMPANIES, "registered", state, version=1, effective_at=datetime.now(UTC))
    return company


async def time_ours(database: Database, visible: Visible) -> float:
    visible.forget()
    company = await commit(database)
    begin = time.perf_counter()
    await visible.wait(company)
    return time.perf_counter() - begin


async def time_floor(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, topic: str) -> float:
    value = value_of(sample_of(COMPANIES, "registered"))
    begin = time.perf_counter()
    sent = await producer.send(topic, value, partition=0)
    record = await consumer.getone()
    seconds = time.perf_counter() - begin
    assert record.value == value
    await sent
    return seconds


async def measure(told: Mapping[str, Mapping[str, str]], bootstrap: str, samples: int, rounds: int) -> float:
    raw = ServiceSettings(database_url="postgresql://unused/unused", kafka_bootstrap=bootstrap, topic_prefix="floor-")
    topic = f"round-trip-{uuid4().hex[:8]}"
    await ensure_topics(raw, [topic])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    database = Database(told["registry"]["SCHAKEL_DATABASE_URL"])
    view = await asyncpg.connect(told["gateway"]["SCHAKEL_DATABASE_URL"])
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(f"floor-{topic}", 0)])
    visible = Visible(view)
    await visible.listen()
    ratios = []
    try:
        await visible.wait(await commit(database))  # warms up
        for number in range(rounds + 1):
            ours, floor = [], []
            for _ in range(samples):
                ours.append(await time_ours(database, visible))
                floor.append(await time_floor(producer, consumer, f"floor-{topic}"))
            in_a_row = [await time_floor(producer, consumer, f"floor-{topic}") for _ in range(samples)]
            hot = statistics.median(in_a_row)
            p50, floor_p50 = statistics.median(ours), statistics.median(floor)
            p99, floor_p99 = (statistics.quantiles(each, n=100)[98] for each in (ours, floor))
            if number == 0:
                continue  # warms up
            ratios.append(p50 / floor_p50)
            print(
                f"round {number}: commit to visible p50 {p50 * 1000:.2f} p99 {p99 * 1000:.2f} ms   "
                f"round trip p50 {floor_p50 * 1000:.2f} p99 {floor_p99 * 1000:.2f} ms   {ratios[-1]:.2f}   "
                f"(round trips in a row: p50 {hot * 1000:.2f} ms, {p50 / hot:.2f})"
            )
    finally:
        await producer.stop()
        await consumer.stop()
        await view.close()
        await database.close()
    return statistics.median(ratios)


async def databases(admin_url: str, names: list[str], *, drop: bool = False) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        for name in names:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            if not drop:
                await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with parts() as (admin_url, bootstrap):
        run = uuid4().hex[:8]
        names = {service: f"bench_visible_{service}_{run}" for service in ("registry", "gateway")}
        asyncio.run(databases(admin_url, list(names.values())))
        told = {
            service: {
                "SCHAKEL_DATABASE_URL": urlsplit(admin_url)._replace(path=f"/{name}").geturl(),
                "SCHAKEL_KAFKA_BOOTSTRAP": bootstrap,
                "SCHAKEL_TOPIC_PREFIX": f"bench{run}-",
                "SCHAKEL_ISSUER": "http://127.0.0.1:1/realms/schakel",
                "SCHAKEL_PORT": str(free_port()),
                "SCHAKEL_DATA_DIR": str(Path(__file__).parents[1] / "data"),
            }
            for service, name in names.items()
        }
        try:
            with pipeline(told):
                ratio = asyncio.run(measure(told, bootstrap, arguments.samples, arguments.rounds))
        finally:
            asyncio.run(databases(admin_url, list(names.values()), drop=True))
    print(f"median ratio {ratio:.2f} (bar {BAR})")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
