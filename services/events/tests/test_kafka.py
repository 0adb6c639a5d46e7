"""On the real Kafka: what is planned arrives, and what a neighbour says is kept, however often it says it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from service_api import Api
from service_kafka import eventually, examples, read, send

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.serve import Parts, running
from schakel_common.testing import TokenIssuer, api_client
from schakel_contracts.envelope import envelope_of
from schakel_contracts.topics import ACTIVITIES, COMPANIES, FIELDLABS, REGISTRATIONS
from schakel_events.app import DEFINITION, make_app
from schakel_events.consumers import subscriptions
from schakel_events.reference import ReferenceData
from schakel_events.settings import EventsSettings
from schakel_local.fixtures import KafkaServer

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

ACTIVITY = {
    "organiser": "hub:oost",
    "titleNl": "Lassen met robots",
    "titleEn": "Welding with robots",
    "summaryNl": "Kom kijken.",
    "summaryEn": "Come and see.",
    "startsAt": "2027-02-03T14:00:00+01:00",
}


@pytest.fixture
def settings(database_url: str, kafka_server: KafkaServer) -> EventsSettings:
    return EventsSettings(
        database_url=database_url,
        kafka_bootstrap=kafka_server.bootstrap,
        topic_prefix=f"t{uuid4().hex[:8]}-",
        not_yet_known_wait_seconds=0,
    )


@pytest.fixture
async def client(
    settings: EventsSettings, database_url: str, issuer: TokenIssuer, clock: FixedClock, reference: ReferenceData
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(database_url, pool_size=10)
    app = make_app(settings, database, issuer.verifier(settings), clock, reference)
    parts = Parts(app=app, database=database, subscriptions=subscriptions(clock))
    async with running(parts, DEFINITION, settings, ("consumers", "relay")), api_client(app) as opened:
        yield opened


async def test_an_activity_and_a_registration_arrive(api: Api, settings: EventsSettings) -> None:
    activity_id = (await api.post("/activities", ACTIVITY, groups=["/hub/oost"])).json()["id"]
    contact = {"contact": {"name": "Ann", "email": "ann@slob.example"}}
    assert (await api.post(f"/activities/{activity_id}/registrations", contact)).status_code == 201
    records = await read(settings, ACTIVITIES, 2)
    envelopes = [envelope_of(record.headers, record.value) for record in records]
    assert [(str(each.subject), each.version, each.type.split(".")[3]) for each in envelopes] == [
        (activity_id, 1, "planned"),
        (activity_id, 2, "seats-changed"),
    ]
    (registration,) = await read(settings, REGISTRATIONS, 1)
    assert b"ann@slob" not in registration.value


async def test_every_example_of_a_company_and_a_fieldlab_can_be_delivered_twice(
    api: Api, settings: EventsSettings
) -> None:
    published = [*examples(COMPANIES), *examples(FIELDLABS)]
    assert len(published) == len(COMPANIES.happenings) + len(FIELDLABS.happenings)
    await send(settings, [*published, *published])

    async def kept() -> bool:
        rows = await api.rows("SELECT kind, version FROM replica ORDER BY kind")
        return rows == [("company", len(COMPANIES.happenings)), ("fieldlab", len(FIELDLABS.happenings))]

    await eventually(kept)
