"""A gateway in the test's process, on a real view with rows, before small real servers that stand for the owners."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from gateway_world import Client, Owner, Rows, seed, serving

from schakel_common.testing.client import api_client
from schakel_common.testing.databases import PostgresServer, service_database
from schakel_common.testing.tokens import TEST_ISSUER, TokenIssuer
from schakel_gateway.app import DEFINITION, build
from schakel_gateway.settings import GatewaySettings


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    """Signs tokens; checked by the code that checks Keycloak's."""
    return TokenIssuer(TEST_ISSUER)


@pytest.fixture
async def owners() -> AsyncIterator[dict[str, Owner]]:
    """The three services behind the gateway."""
    found = {name: Owner() for name in ("registry", "matching", "events")}
    async with serving(found["registry"]), serving(found["matching"]), serving(found["events"]):
        yield found


@pytest.fixture
async def view(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A migrated view without rows."""
    async with service_database(postgres_server, "gateway", DEFINITION.migrations) as url:
        yield url


@pytest.fixture
async def rows(view: str) -> AsyncIterator[Rows]:
    """Writes rows of the view."""
    connection = await asyncpg.connect(view)
    try:
        yield Rows(connection)
    finally:
        await connection.close()


@pytest.fixture
def settings(view: str, owners: dict[str, Owner]) -> GatewaySettings:
    """Settings of a gateway on that view and before those owners."""
    return GatewaySettings(
        database_url=view,
        issuer=TEST_ISSUER,
        registry_url=owners["registry"].address,
        matching_url=owners["matching"].address,
        events_url=owners["events"].address,
        not_yet_known_wait_seconds=0.3,
        pool_size=3,
    )


@pytest.fixture
async def client(settings: GatewaySettings, issuer: TokenIssuer) -> AsyncIterator[Client]:
    """A client of a running gateway."""
    app = build(settings, verifier=issuer.verifier(settings)).app
    async with api_client(app) as http:
        yield Client(http, issuer)


@pytest.fixture
async def seeded(rows: Rows) -> Rows:
    """A view with the rows of `gateway_world.seed`."""
    await seed(rows)
    return rows
