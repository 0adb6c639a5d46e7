import asyncio
import os
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).parent / "probe.py"


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROBE),
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_setting_that_is_missing_is_named() -> None:
    assert await run("migrate") == (2, "", "SCHAKEL_DATABASE_URL: Field required\n")


async def test_a_secret_that_is_missing_is_named_with_what_it_belongs_to() -> None:
    url = {"SCHAKEL_DATABASE_URL": "postgresql://nowhere/x"}
    assert await run("serve", **url, SCHAKEL_KAFKA_USERNAME="registry") == (
        2,
        "",
        "set SCHAKEL_KAFKA_USERNAME and SCHAKEL_KAFKA_PASSWORD together, or neither\n",
    )
    code, _, err = await run(
        "serve", **url, SCHAKEL_PROCESSING_LOG_ENDPOINT="http://log", SCHAKEL_PROCESSING_LOG_KEY="x"
    )
    assert (code, err) == (
        2,
        "set SCHAKEL_PROCESSING_LOG_KEY to a Fernet key: 32 random bytes in URL-safe base64\n",
    )


async def test_an_unknown_role_says_which_there_are() -> None:
    code, _, err = await run("serve", "--roles", "api,cook", SCHAKEL_DATABASE_URL="postgresql://nowhere/x")

    assert code == 2
    assert "'api,cook' is not a list of api, consumers, relay" in err


async def test_a_database_or_kafka_that_is_away_is_one_line_without_the_password() -> None:
    url = "postgresql://user:secret@127.0.0.1:1/x"
    code, _, err = await run("reemit", "--history", SCHAKEL_DATABASE_URL=url)
    assert (code, err) == (1, "ConnectionRefusedError: is the database at its address, and migrated?\n")

    kafka = {"SCHAKEL_DATABASE_URL": url, "SCHAKEL_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    code, _, err = await run("dead-letters", "list", **kafka)
    assert code == 1
    assert err.splitlines()[-1] == "KafkaConnectionError: does Kafka answer at SCHAKEL_KAFKA_BOOTSTRAP?"
    assert "secret" not in err


async def test_a_migration_without_its_database_is_one_line_and_a_failure() -> None:
    url = "postgresql://user:secret@127.0.0.1:1/x"
    assert await run("migrate", SCHAKEL_DATABASE_URL=url) == (
        1,
        "",
        "ConnectionRefusedError: is the database at its address, and migrated?\n",
    )


async def test_a_service_begins_only_when_its_schema_is_there() -> None:
    url = "postgresql://user:secret@127.0.0.1:1/x"
    code, _, err = await run("serve", "--roles", "api", "--wait-for-schema", "0", SCHAKEL_DATABASE_URL=url)
    assert (code, err) == (1, "ConnectionRefusedError: is the database at its address, and migrated?\n")


async def test_a_service_that_waits_for_its_schema_ends_when_told_to() -> None:
    environment = {"PATH": os.environ["PATH"], "SCHAKEL_DATABASE_URL": "postgresql://user:secret@127.0.0.1:1/x"}
    waits = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROBE), "serve", "--wait-for-schema", "50"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert waits.stdout is not None
    assert b"waits for the database" in await waits.stdout.readline()
    waits.terminate()
    assert await waits.wait() == 0


@pytest.mark.postgres
async def test_commands_print_what_they_did(database_url: str) -> None:
    assert await run("reemit", "--current", "--reason", "restored", SCHAKEL_DATABASE_URL=database_url) == (
        0,
        '{"epoch": 2, "events": 0}\n',
        "",
    )
    code, _, err = await run("reemit", "--history", "--kind", "dragon", SCHAKEL_DATABASE_URL=database_url)
    assert code == 1
    assert err.startswith("invalid-input: There is no such kind; known are activity, ")
