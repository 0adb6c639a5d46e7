import os
import subprocess
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schakel_local import kafka, postgres
from schakel_local.fixtures import KafkaServer, PostgresServer


@pytest.mark.postgres
async def test_a_database_is_made_as_a_copy_of_a_template(postgres_server: PostgresServer) -> None:
    name = f"copy_{os.getpid()}"
    postgres_server.create_database(f"{name}_template")
    postgres_server.execute("CREATE TABLE fact (n int); INSERT INTO fact VALUES (7)", f"{name}_template")
    try:
        connection = await asyncpg.connect(postgres_server.create_database(name, template=f"{name}_template"))
        assert await connection.fetchval("SELECT n FROM fact") == 7
        await connection.close()
    finally:
        postgres_server.drop_database(name)
        postgres_server.drop_database(f"{name}_template")
    assert postgres_server.execute(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{name}%'") == "0"


@pytest.mark.postgres
def test_what_is_promised_about_a_killed_database_holds(postgres_server: PostgresServer) -> None:
    assert postgres_server.execute("SHOW fsync") == "on"
    assert postgres_server.execute("SHOW synchronous_commit") == "on"
    assert postgres_server.execute("SHOW data_checksums") == "on"
    assert postgres_server.execute("SHOW server_version_num")[:2] == "18"


@pytest.mark.postgres
def test_a_part_that_others_use_is_not_killed(postgres_server: PostgresServer) -> None:
    with pytest.raises(RuntimeError, match="private_postgres"):
        postgres_server.kill()
    assert postgres_server.execute("SELECT 1") == "1"


@pytest.mark.postgres
def test_a_committed_row_survives_kill_9(private_postgres: PostgresServer) -> None:
    url = private_postgres.create_database("survivor")
    private_postgres.execute("CREATE TABLE fact (n int)", "survivor")
    private_postgres.execute("INSERT INTO fact VALUES (1)", "survivor")
    private_postgres.kill()
    assert subprocess.run([str(postgres.binaries() / "pg_isready"), "-d", url, "-q"], check=False).returncode == 2
    private_postgres.start()
    assert private_postgres.execute("SELECT n FROM fact", "survivor") == "1"
    private_postgres.drop_database("survivor")


@pytest.mark.kafka
async def test_an_acknowledged_record_survives_kill_9(private_kafka: KafkaServer) -> None:
    assert await kafka.ensure_topics(private_kafka.bootstrap, {"survivor": 1}) == 1
    assert await kafka.ensure_topics(private_kafka.bootstrap, {"survivor": 1}) == 0
    producer = AIOKafkaProducer(bootstrap_servers=private_kafka.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait("survivor", b"value", key=b"key")
    await producer.stop()
    private_kafka.restart()
    consumer = AIOKafkaConsumer("survivor", bootstrap_servers=private_kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert (record.key, record.value) == (b"key", b"value")


def test_the_database_programs_are_found_without_importing_the_wheel() -> None:
    assert (postgres.binaries() / "postgres").exists()
    assert isinstance(postgres.binaries(), Path)


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    ids = [kafka.new_cluster_id() for _ in range(2000)]  # one in 64 random ids begins with a dash
    assert not [one for one in ids if one.startswith("-") or len(one) != 22]
