"""A broker that takes names and passwords over TLS only, with a private authority and rights per user."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateAclsRequest
from secured import Authority, secured_kafka, secured_postgres
from sqlalchemy import text

from schakel_common.broker import ensure_topics, kafka_connection
from schakel_common.consumers import make_broker, subscribe
from schakel_common.database import Database
from schakel_common.doctor import Finding, examine
from schakel_common.relay import run_relay
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import HUBS, TOPICS, heartbeat_topic, topics_of

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(180)]

PASSWORD = "not-to-be-logged"
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10
TOPIC, GROUP, LITERAL, PREFIXED, ALLOW = 2, 3, 3, 4, 3
HEARTBEATS = [heartbeat_topic(each) for each in ("registry", "matching", "events")]


async def allow(admin: AIOKafkaAdminClient, user: str, kind: int, name: str, pattern: int, *operations: int) -> None:
    for operation in operations:
        request = CreateAclsRequest(kind, name, pattern, f"User:{user}", "*", operation, ALLOW)
        answer = await admin._send_to_controller(request)
        assert [each[0] for each in answer.creation_responses] == [0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[tuple[str, str]]:
    """The address of the safe listener, and the plain one; `registry` has its rights, `matching` may only look."""
    users = {"registry": PASSWORD, "matching": PASSWORD}
    async with secured_kafka(tmp_path_factory.mktemp("kafka"), authority, users) as (safe, plain):
        everybody = ServiceSettings(database_url="", kafka_bootstrap=plain)
        await ensure_topics(everybody, TOPICS)
        await ensure_topics(everybody, HEARTBEATS, heartbeats=True)
        admin = AIOKafkaAdminClient(bootstrap_servers=plain)
        await admin.start()
        own = {*(topic.name for topic in topics_of("registry")), heartbeat_topic("registry")}
        for name in [*TOPICS, *HEARTBEATS]:
            await allow(admin, "registry", TOPIC, name, LITERAL, READ, DESCRIBE, DESCRIBE_CONFIGS)
            await allow(admin, "matching", TOPIC, name, LITERAL, DESCRIBE, DESCRIBE_CONFIGS)
        for name in own:
            await allow(admin, "registry", TOPIC, name, LITERAL, WRITE)
        await allow(admin, "registry", GROUP, "registry.", PREFIXED, READ)
        await admin.close()
        yield safe, plain


def told(broker: tuple[str, str], authority: Authority, user: str = "registry", **other: Any) -> ServiceSettings:
    given = {
        "database_url": "",
        "kafka_bootstrap": broker[0],
        "kafka_tls": True,
        "kafka_ca_file": authority.file,
        "kafka_username": user,
        "kafka_password": PASSWORD,
    }
    return ServiceSettings(**{**given, **other})


async def look(settings: ServiceSettings, service: str = "registry") -> list[Finding]:
    return await examine(service, settings, ("kafka",))


async def test_relay_consumer_producer_and_doctor_get_in_with_a_password_over_tls(
    broker: tuple[str, str], authority: Authority, database: Database, publish: Any
) -> None:
    async with secured_postgres(database.url, authority) as (proxy, bare):
        url = f"{bare}?sslmode=verify-full&sslrootcert={authority.file}"
        settings = told(broker, authority, database_url=url)
        behind_tls = Database(url)
        handled = asyncio.Event()

        async def handle(session: Any, _event: Any) -> None:
            await session.execute(text("SELECT 1"))
            handled.set()

        reader = make_broker(settings)
        subscribe(
            reader,
            service="registry",
            purpose="test",
            topics=[HUBS],
            database=behind_tls,
            settings=settings,
            handler=handle,
        )
        stop = asyncio.Event()
        relaying = asyncio.create_task(run_relay(url, settings, "registry", stop))
        await reader.start()
        try:
            await publish()
            await asyncio.wait_for(handled.wait(), 60)
        finally:
            stop.set()
            await relaying
            await reader.stop()
            await behind_tls.close()
        assert proxy.handshakes >= 2, "the relay's own connection, and the consumer's pool"
    (finding,) = await look(settings)
    assert finding == Finding("kafka", ok=True, sentence=f"{broker[0]} answers; {len(TOPICS) + 3} topics are right.")


async def test_plain_producer_and_consumer_are_given_the_same_connection(
    broker: tuple[str, str], authority: Authority
) -> None:
    given = kafka_connection(told(broker, authority))
    place = TopicPartition("registry-figures-v1", 3)
    async with AIOKafkaProducer(**given, acks="all", enable_idempotence=True) as producer:
        sent = await producer.send_and_wait(place.topic, b"value", partition=place.partition)
    async with AIOKafkaConsumer(**given, auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        consumer.seek(place, sent.offset)
        assert (await consumer.getone()).value == b"value"


async def test_a_wrong_password_and_an_unknown_authority_are_one_sentence_each_without_a_secret(
    broker: tuple[str, str], authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = told(broker, authority, kafka_password="wrong-and-secret")
    unknown = told(broker, authority, kafka_ca_file=Authority(tmp_path, "theirs").file)
    plain = told(broker, authority, kafka_bootstrap=broker[1])
    with caplog.at_level(logging.DEBUG):
        found = [(await look(each))[0] for each in (wrong, unknown, plain)]
        with pytest.raises(KafkaError):
            await ensure_topics(wrong, TOPICS)

    assert [each.ok for each in found] == [False] * 3
    refused, unknown_authority, without_tls = (each.sentence for each in found)
    assert refused == (
        f"{broker[0]} refuses registry or its password: set SCHAKEL_KAFKA_PASSWORD in the secret, and see that the "
        "user is there with SCRAM-SHA-512."
    )
    assert unknown_authority == (
        f"{broker[0]} shows a certificate that is not trusted (unable to get local issuer certificate): name the file "
        "of its CA in SCHAKEL_KAFKA_CA_FILE."
    )
    assert (
        without_tls
        == f"{broker[1]} and we do not both speak TLS: set SCHAKEL_KAFKA_TLS as the listener at this port is."
    )
    for line in (caplog.text, repr(wrong), refused, unknown_authority, without_tls):
        assert PASSWORD not in line
        assert "wrong-and-secret" not in line


async def test_a_user_without_a_right_is_told_which_one_and_for_which_topic(
    broker: tuple[str, str], authority: Authority
) -> None:
    found = await look(told(broker, authority, "matching"), "matching")

    own = sorted([*(topic.name for topic in topics_of("matching")), heartbeat_topic("matching")])
    assert [each.sentence for each in found] == [
        f"matching may not WRITE {name}: give it these rights (ACL)." for name in own
    ]
    gateway = await look(told(broker, authority, "matching"), "gateway")
    assert len(gateway) == len(TOPICS) + 3
    assert gateway[0].sentence.startswith("matching may not READ events-activities-v1")
