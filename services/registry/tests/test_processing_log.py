"""Each processing of personal data is one line, also while the store is away; none is lost, none is left out."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from otlp_receiver import ReceivedLine, otlp_receiver
from pydantic import ValidationError
from service_api import Api

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.processing import run_processing_log
from schakel_common.testing import TokenIssuer, api_client
from schakel_registry.app import make_app
from schakel_registry.reference import ReferenceData
from schakel_registry.settings import RegistrySettings

pytestmark = pytest.mark.postgres

KEY = Fernet.generate_key().decode()
ACTIVITY = "https://schakel.smartindustry.nl/verwerkingen/"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def logged(settings: RegistrySettings) -> RegistrySettings:
    """Settings with a store that is not there yet."""
    return settings.model_copy(
        update={"processing_log_endpoint": f"http://127.0.0.1:{free_port()}", "processing_log_key": KEY}
    )


@pytest.fixture
async def watched(
    logged: RegistrySettings, database: Database, issuer: TokenIssuer, clock: FixedClock, reference: ReferenceData
) -> AsyncIterator[Api]:
    async with api_client(make_app(logged, database, issuer.verifier(logged), clock, reference)) as client:
        yield Api(client, issuer, database)


async def register(api: Api, number: str, sub: str) -> str:
    given = {
        "kvkNumber": number,
        "name": "Anoniem B.V.",
        "postcode": "2628 CD",
        "sizeClass": "small",
        "contact": {"name": "A. Noniem"},
    }
    reply = await api.post("/companies", given, sub=sub)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def unsent(api: Api) -> int:
    ((count,),) = await api.rows("SELECT count(*) FROM processing_line")
    return int(count)


def said(lines: list[ReceivedLine]) -> list[tuple[str, str]]:
    """Activity and data subject of each line, in order."""
    cipher = Fernet(KEY)
    return [
        (
            line.attributes["dpl.core.processing_activity_id"].removeprefix(ACTIVITY),
            cipher.decrypt(line.attributes["dpl.core.data_subject_id"]).decode(),
        )
        for line in lines
    ]


async def emptied(api: Api) -> None:
    """Wait until every line is acknowledged: its row is gone then."""
    async with asyncio.timeout(40):
        while await unsent(api):  # noqa: ASYNC110 - a row that goes tells nobody
            await asyncio.sleep(0.05)


async def sent(settings: RegistrySettings, api: Api) -> None:
    """Let the sender run until nothing waits."""
    stop = asyncio.Event()
    sending = asyncio.create_task(run_processing_log(settings, "registry", stop))
    await emptied(api)
    stop.set()
    await sending


async def test_commands_and_readings_are_lines_and_what_did_not_happen_is_none(
    watched: Api, logged: RegistrySettings
) -> None:
    first, second = await register(watched, "12345671", "ann"), await register(watched, "12345672", "bob")
    assert (await watched.post("/companies", {"kvkNumber": "1"}, sub="ann")).status_code == 400
    assert (await watched.get(f"/companies/{first}", sub="eve")).status_code in {403, 404}
    read = await watched.client.post(
        "/v1/private/companies",
        json={"ids": [first, second, str(uuid4())]},
        headers=watched.issuer.authorization("ann"),
    )
    assert "reason" not in read.json()["items"][first]
    assert read.json()["items"][second] == {"reason": "forbidden"}
    assert (await watched.get("/fieldlabs")).status_code == 200

    with otlp_receiver(int(logged.processing_log_endpoint.rpartition(":")[2])) as receiver:
        await sent(logged, watched)

    assert said(receiver.lines) == [
        ("bedrijven-beheren", first),
        ("bedrijven-beheren", second),
        ("bedrijven-inzien", first),
    ]
    assert {line.attributes["dpl.core.status"] for line in receiver.lines} == {"ok"}
    assert all(len(line.trace_id) in {0, 32} and line.service == "schakel-registry" for line in receiver.lines)
    assert first not in str(receiver.lines), "a data subject is encrypted"


async def test_a_store_that_goes_and_comes_back_gets_every_line_once(watched: Api, logged: RegistrySettings) -> None:
    port = int(logged.processing_log_endpoint.rpartition(":")[2])
    stop = asyncio.Event()
    sending = asyncio.create_task(run_processing_log(logged, "registry", stop))
    received: list[ReceivedLine] = []
    companies = []
    for number, is_there in enumerate((True, False, True)):
        companies += [await register(watched, f"2345{number}{each}11", f"sub-{number}-{each}") for each in range(3)]
        if is_there:
            with otlp_receiver(port) as receiver:
                await emptied(watched)
                received += receiver.lines
        else:
            assert await unsent(watched) == 3, "they wait in the database"
    stop.set()
    await sending

    assert [subject for _, subject in said(received)] == companies
    assert len({line.attributes["log.record.uid"] for line in received}) == len(companies) == 9


async def test_without_a_store_nothing_is_written(api: Api) -> None:
    await register(api, "12345671", "ann")
    assert await unsent(api) == 0


def test_a_store_without_a_key_is_refused() -> None:
    given: dict[str, Any] = {"database_url": "postgresql://x/x", "processing_log_endpoint": "http://127.0.0.1:1"}
    with pytest.raises(ValidationError, match="SCHAKEL_PROCESSING_LOG_KEY"):
        RegistrySettings(**given)
