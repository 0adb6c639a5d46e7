import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from schakel_common import outbox
from schakel_common.broker import ensure_topics
from schakel_common.consumers import Handler, make_broker, subscribe
from schakel_common.database import Database
from schakel_common.relay import run_relay
from schakel_common.settings import ServiceSettings
from schakel_common.testing import service_database
from schakel_contracts.envelope import Reference
from schakel_contracts.hubs import HubState
from schakel_contracts.topics import HUBS, Topic
from schakel_local.fixtures import KafkaServer, PostgresServer

MIGRATIONS = Path(__file__).parent / "migrations"
LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    async with service_database(postgres_server, "plumbing", MIGRATIONS) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def hub(aggregate: UUID, name: str = "Noord") -> HubState:
    return HubState(
        id=aggregate,
        slug="noord",
        kind="hub",
        name_nl=name,
        name_en=name,
        description_nl="",
        description_en="",
        provinces=["NL-GR"],
    )


@dataclass
class Publish:
    """Publishes versions of hubs, as a use case would."""

    database: Database

    async def __call__(self, aggregate: UUID | None = None, version: int = 1, name: str = "Noord") -> Reference:
        async with self.database.unit_of_work() as session:
            happening = "registered" if version == 1 else "described"
            return await outbox.add(
                session, HUBS, happening, hub(aggregate or uuid4(), name), version=version, effective_at=LONG_AGO
            )


@pytest.fixture
def publish(database: Database) -> Publish:
    return Publish(database)


@pytest.fixture
def make_hub() -> Callable[..., HubState]:
    return hub


@pytest.fixture
async def settings(database_url: str, kafka_server: KafkaServer) -> ServiceSettings:
    settings = ServiceSettings(
        database_url=database_url, kafka_bootstrap=kafka_server.bootstrap, topic_prefix=f"t{uuid4().hex[:8]}-"
    )
    await ensure_topics(settings, [HUBS.name])
    await ensure_topics(settings, ["registry-heartbeats-v1"], heartbeats=True)
    return settings


@dataclass
class Kafka:
    """Reads and writes raw records of this test's topics."""

    settings: ServiceSettings

    def name(self, topic: str) -> str:
        return f"{self.settings.topic_prefix}{topic}"

    async def send(self, topic: str, value: bytes | None, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap) as producer:
            await producer.send_and_wait(self.name(topic), value, key=key, headers=headers)

    async def read(
        self, topic: str, *, until: Callable[[list[ConsumerRecord]], bool], partitions: int = 12, seconds: float = 20
    ) -> list[ConsumerRecord]:
        """Read a topic from its beginning until a condition holds; the condition's failure is a TimeoutError."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        records: list[ConsumerRecord] = []
        try:
            consumer.assign([TopicPartition(self.name(topic), number) for number in range(partitions)])
            async with asyncio.timeout(seconds):
                while not until(records):
                    for batch in (await consumer.getmany(timeout_ms=100)).values():
                        records.extend(batch)
        finally:
            await consumer.stop()
        return records


@pytest.fixture
def kafka(settings: ServiceSettings) -> Kafka:
    return Kafka(settings)


@pytest.fixture
def relaying(settings: ServiceSettings) -> Callable[[], Any]:
    """Returns a context manager in which a relay of the registry runs."""

    @asynccontextmanager
    async def relaying() -> AsyncIterator[asyncio.Task[None]]:
        stop = asyncio.Event()
        task = asyncio.create_task(run_relay(settings.database_url, settings, "registry", stop))
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait_for(task, 15)

    return relaying


@dataclass
class Consuming:
    """Runs a consumer of hubs with a given handler."""

    settings: ServiceSettings
    database: Database
    brokers: list[Any] = field(default_factory=list)

    @asynccontextmanager
    async def __call__(self, handler: Handler, topic: Topic[Any] = HUBS) -> AsyncIterator[Any]:
        broker = make_broker(self.settings)
        subscribe(
            broker,
            service="matching",
            purpose="test",
            topics=[topic],
            database=self.database,
            settings=self.settings,
            handler=handler,
        )
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()


@pytest.fixture
def consuming(settings: ServiceSettings, database: Database) -> Consuming:
    return Consuming(settings, database)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until a condition holds; fails after a bound."""

    async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.02)

    return eventually


@dataclass
class Processes:
    """Starts the probe as its own process, with barriers in a directory of this test."""

    settings: ServiceSettings
    directory: Path
    eventually: Any
    instance: str = "probe"
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    @staticmethod
    def free_port() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            return port

    async def start(self, *arguments: str, port: int = 0) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).parent / "probe.py"),
            *arguments,
            env={
                "PATH": os.environ["PATH"],
                "SCHAKEL_DATABASE_URL": self.settings.database_url,
                "SCHAKEL_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
                "SCHAKEL_TOPIC_PREFIX": self.settings.topic_prefix,
                "SCHAKEL_INSTANCE": self.instance,
                "SCHAKEL_PORT": str(port or self.free_port()),
                "SCHAKEL_BARRIERS": str(self.directory),
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    def arm(self, name: str) -> None:
        (self.directory / f"{name}.armed").touch()

    async def reached(self, name: str) -> None:
        async def has_been_reached() -> bool:
            return (self.directory / f"{name}.reached").exists()

        await self.eventually(has_been_reached, 40)

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        process.kill()
        await process.wait()
        for armed in self.directory.glob("*.armed"):
            armed.unlink()


@pytest.fixture
async def processes(settings: ServiceSettings, tmp_path: Path, eventually: Any) -> AsyncIterator[Processes]:
    processes = Processes(settings, tmp_path, eventually)
    yield processes
    for process in processes.running:
        if process.returncode is None:
            process.kill()
            await process.wait()
