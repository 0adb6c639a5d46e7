from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from service_api import Api, Hear

from schakel_common.clock import FixedClock
from schakel_common.consumers import Event
from schakel_common.database import Database
from schakel_common.testing import TokenIssuer, api_client, service_database
from schakel_contracts.envelope import Envelope
from schakel_contracts.topics import Topic
from schakel_events.app import MIGRATIONS, make_app
from schakel_events.consumers import subscriptions
from schakel_events.reference import ReferenceData, load_reference
from schakel_events.settings import CHECKOUT_DATA, EventsSettings
from schakel_local.fixtures import PostgresServer

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture(scope="session")
def reference() -> ReferenceData:
    return load_reference(CHECKOUT_DATA)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    async with service_database(postgres_server, "events", MIGRATIONS) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=10)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str) -> EventsSettings:
    return EventsSettings(database_url=database_url, not_yet_known_wait_seconds=0)


@pytest.fixture
async def client(
    settings: EventsSettings, database: Database, issuer: TokenIssuer, clock: FixedClock, reference: ReferenceData
) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(make_app(settings, database, issuer.verifier(settings), clock, reference)) as opened:
        yield opened


@pytest.fixture
def api(client: httpx.AsyncClient, issuer: TokenIssuer, database: Database) -> Api:
    return Api(client, issuer, database)


@pytest.fixture
async def hear(database: Database, clock: FixedClock) -> Hear:
    """Let the consumers hear of an event, without Kafka between."""
    handlers = {topic.name: each.handler for each in subscriptions(clock) for topic in each.topics}

    async def hear_of(topic: Topic[Any], state: Any, *, version: int = 1) -> None:
        envelope = Envelope(
            id=uuid4(),
            source="urn:test",
            type=topic.types[0],
            subject=state.id,
            epoch=1,
            version=version,
            effective_at=NOW,
            recorded_at=NOW,
            dataschema=topic.dataschema,
            digest="",
        )
        async with database.unit_of_work() as session:
            await handlers[topic.name](session, Event(topic, envelope, state))

    return hear_of
