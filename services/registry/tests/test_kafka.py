"""On the real Kafka: what is registered arrives, and what a neighbour says is kept, however often it says it."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from service_api import Api
from service_kafka import eventually, examples, read, send

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.serve import Parts, running
from schakel_common.testing import TokenIssuer, api_client
from schakel_contracts.companies import CompanyState
from schakel_contracts.envelope import envelope_of
from schakel_contracts.topics import COMPANIES, REFERRALS
from schakel_local.fixtures import KafkaServer
from schakel_registry.app import DEFINITION, make_app
from schakel_registry.consumers import SUBSCRIPTIONS
from schakel_registry.reference import ReferenceData
from schakel_registry.settings import RegistrySettings

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]


@pytest.fixture
def settings(database_url: str, kafka_server: KafkaServer) -> RegistrySettings:
    return RegistrySettings(
        database_url=database_url,
        kafka_bootstrap=kafka_server.bootstrap,
        topic_prefix=f"t{uuid4().hex[:8]}-",
        not_yet_known_wait_seconds=0,
    )


@pytest.fixture
async def client(
    settings: RegistrySettings, database_url: str, issuer: TokenIssuer, clock: FixedClock, reference: ReferenceData
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(database_url, pool_size=10)
    app = make_app(settings, database, issuer.verifier(settings), clock, reference)
    parts = Parts(app=app, database=database, subscriptions=SUBSCRIPTIONS)
    async with running(parts, DEFINITION, settings, ("consumers", "relay")), api_client(app) as opened:
        yield opened


async def test_a_registered_company_arrives_with_its_envelope(api: Api, settings: RegistrySettings) -> None:
    company = {
        "kvkNumber": "01234567",
        "name": "Slob Staal",
        "postcode": "3356 LK",
        "sizeClass": "small",
        "contact": {"name": "Ann"},
    }
    company_id = UUID((await api.post("/companies", company)).json()["id"])
    (record,) = await read(settings, COMPANIES, 1)
    envelope = envelope_of(record.headers, record.value)
    assert (envelope.subject, envelope.version, envelope.type) == (
        company_id,
        1,
        "nl.smartindustry.companies.registered.v1",
    )
    assert record.key == str(company_id).encode()
    assert msgspec.json.decode(record.value, type=CompanyState).home_hub == "zuid-holland"
    assert b"Slob" not in record.value
    await eventually(lambda: outbox_is_empty(api))


async def outbox_is_empty(api: Api) -> bool:
    return await api.rows("SELECT count(*) FROM outbox") == [(0,)]


async def test_every_example_of_a_referral_can_be_delivered_twice(api: Api, settings: RegistrySettings) -> None:
    published = examples(REFERRALS)
    assert len(published) == len(REFERRALS.happenings)
    await send(settings, [*published, *published])

    async def kept() -> bool:
        return await api.rows("SELECT count(*) FROM replica WHERE state ->> 'status' = 'erased'") == [(1,)]

    await eventually(kept)
    assert await api.rows("SELECT DISTINCT kind, version FROM replica") == [("referral", len(published))]
