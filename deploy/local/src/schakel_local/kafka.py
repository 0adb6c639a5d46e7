"""Apache Kafka as one KRaft node, run from its published jars."""

import asyncio
import base64
import secrets
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from schakel_local.artefacts import locked, missing, obtain
from schakel_local.java import java
from schakel_local.places import LOOPBACK
from schakel_local.probe import listens
from schakel_local.process import Command, last_lines, run

_FORMAT_SECONDS = 60.0
_REQUEST_MS = 5_000
_TOPICS_MS = 30_000
"""The first start makes over a hundred partitions beside everything else that starts."""


class KafkaSetupError(Exception):
    """Kafka cannot be set up; the text says why."""


async def prepare(
    data: Path,
    log: Path,
    *,
    port: int,
    controller_port: int,
    say: Callable[[str], None],
    more: Mapping[str, str] = MappingProxyType({}),
    users: Mapping[str, str] = MappingProxyType({}),
    host: str = LOOPBACK,
) -> Command:
    """Fetch and check the jars, format the storage in `data` unless it is, and say how to run the broker.

    It listens on `host` and tells its clients that address. `more` are settings of the broker that count before ours;
    `users` are passwords by name (SCRAM-SHA-512), written when the storage is formatted.
    """
    artefacts = locked("kafka")
    absent = missing(artefacts)
    if absent:
        say(f"fetching {len(absent)} of {len(artefacts)} jars")
    jars = await asyncio.to_thread(obtain, artefacts)
    properties = data / "server.properties"
    if _write_properties(properties, {**_settings(data / "log", f"{host}:{port}", controller_port), **more}):
        scram = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in users.items()]
        named = [word for each in scram for word in ("--add-scram", each)]
        arguments = ("format", "--standalone", "-t", new_cluster_id(), "-c", str(properties), *named)
        options = ("-Xmx128m", "-XX:TieredStopAtLevel=1")
        command = Command(java("kafka.tools.StorageTool", *arguments, class_path=jars, options=options))
        if await run(command, log, seconds=_FORMAT_SECONDS):
            raise KafkaSetupError("the storage could not be formatted: " + " / ".join(last_lines(log, 3)))
    return Command(
        argv=java("kafka.Kafka", str(properties), class_path=jars, options=_OPTIONS),
        directory=data,
        stop_seconds=15.0,
        orphan_signal=signal.SIGTERM,
    )


async def is_ready(bootstrap: str) -> bool:
    """Whether the broker answers and its group coordinator is there.

    A fresh broker makes the coordinator's topic when it is first asked; until then each new consumer logs errors.
    """
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    if not await listens(host, int(port)):  # asked first, because the client logs an error for a port that is closed
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TOPICS_MS)
    try:
        await admin.start()
        await admin.find_coordinator("warm-up")
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return True


def new_cluster_id() -> str:
    """A random id of 22 characters, never with a dash in front: that would be read as an option."""
    while True:
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


async def ensure_topics(bootstrap: str, partitions: Mapping[str, int], *, keep_ms: int = -1) -> int:
    """Create the topics that are not there, each with its number of partitions; returns how many were made.

    Unless `keep_ms` says otherwise they neither expire nor are compacted: a topic is the history of its aggregates.

    Raises:
        KafkaSetupError: the broker refused a topic, which is named, or did not answer in time.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TOPICS_MS)
    try:
        await admin.start()
        present = set(await admin.list_topics())
        settings = {"retention.ms": str(keep_ms), "retention.bytes": "-1", "cleanup.policy": "delete"}
        new = [
            # -1 and no assignment: as many replicas as the broker's own setting says, one here, more in a cluster
            NewTopic(name, num_partitions=count, replication_factor=-1, replica_assignments={}, topic_configs=settings)
            for name, count in partitions.items()
            if name not in present
        ]
        reply = await admin.create_topics(new) if new else None
    except KafkaError as error:
        raise KafkaSetupError(
            f"Kafka at {bootstrap} does not make topics ({type(error).__name__}): is the machine busy? Try again"
        ) from error
    finally:
        await admin.close()
    made = 0
    for name, code, *_ in reply.topic_errors if reply else ():
        if code == NoError.errno:
            made += 1
        elif code != TopicAlreadyExistsError.errno:  # another run may make it at the same moment
            raise KafkaSetupError(f"topic {name} could not be made: {for_code(code).__name__}")
    return made


_OPTIONS = (
    *("-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


def _write_properties(properties: Path, settings: Mapping[str, str]) -> bool:
    """Write the broker's settings; returns whether the storage that they name is still to be formatted."""
    properties.parent.mkdir(parents=True, exist_ok=True)
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return not (Path(settings["log.dirs"]) / "meta.properties").exists()


def _settings(log: Path, address: str, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "3",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "3",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",  # else each new group waits three seconds
        "broker.session.timeout.ms": "2000",  # these two: a start after kill -9 waits for the old session
        "broker.heartbeat.interval.ms": "500",
        "log.cleaner.dedupe.buffer.size": "4194304",  # most of a small broker's memory is this buffer
        "num.io.threads": "4",
        "num.network.threads": "2",
        "log.retention.ms": "-1",
    }
