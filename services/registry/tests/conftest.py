from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from service_api import Api

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.testing import TokenIssuer, api_client, service_database
from schakel_local.fixtures import PostgresServer
from schakel_registry.app import MIGRATIONS, make_app
from schakel_registry.reference import ReferenceData, load_reference
from schakel_registry.settings import CHECKOUT_DATA, RegistrySettings

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
    async with service_database(postgres_server, "registry", MIGRATIONS) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=10)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str) -> RegistrySettings:
    return RegistrySettings(database_url=database_url, not_yet_known_wait_seconds=0)


@pytest.fixture
async def client(
    settings: RegistrySettings, database: Database, issuer: TokenIssuer, clock: FixedClock, reference: ReferenceData
) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(make_app(settings, database, issuer.verifier(settings), clock, reference)) as opened:
        yield opened


@pytest.fixture
def api(client: httpx.AsyncClient, issuer: TokenIssuer, database: Database) -> Api:
    return Api(client, issuer, database)
