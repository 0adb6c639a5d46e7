"""A gateway in the test's process, on a real view with rows, before small real servers that stand for the owners."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from gateway_world import Client, Fresh, Owner, Rows, gateway_on, seed, serving, settings_of
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from schakel_common.testing.databases import PostgresServer, service_database
from schakel_common.testing.tokens import TEST_ISSUER, TokenIssuer
from schakel_gateway.app import DEFINITION
from schakel_gateway.settings import GatewaySettings


@pytest.fixture(scope="session", autouse=True)
def traced() -> None:
    """Give requests trace ids, as in a process that is served; nothing is exported."""
    trace.set_tracer_provider(TracerProvider())


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    """Signs tokens; checked by the code that checks Keycloak's."""
    return TokenIssuer(TEST_ISSUER)


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[dict[str, Owner]]:
    """The three services behind the gateway."""
    found = {name: Owner() for name in ("registry", "matching", "events")}
    async with serving(found["registry"]), serving(found["matching"]), serving(found["events"]):
        yield found


@pytest.fixture
def owners(servers: dict[str, Owner]) -> dict[str, Owner]:
    """The three services, which remember nothing of the test before."""
    for owner in servers.values():
        owner.requests.clear()
        owner.answers.clear()
    return servers


@pytest.fixture(scope="session")
async def view(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A view with the rows of `gateway_world.seed`, for tests that only read."""
    async with service_database(postgres_server, "gateway", DEFINITION.migrations) as url:
        connection = await asyncpg.connect(url)
        try:
            await seed(Rows(connection))
        finally:
            await connection.close()
        yield url


@pytest.fixture(scope="session")
def settings(view: str, servers: dict[str, Owner]) -> GatewaySettings:
    """Settings of the gateway that all reading tests share."""
    return settings_of(view, servers)


@pytest.fixture(scope="session")
async def client(settings: GatewaySettings, issuer: TokenIssuer) -> AsyncIterator[Client]:
    """A client of the gateway that all reading tests share."""
    async with gateway_on(settings, issuer) as found:
        yield found


@pytest.fixture
async def fresh(
    postgres_server: PostgresServer, servers: dict[str, Owner], issuer: TokenIssuer
) -> AsyncIterator[Fresh]:
    """A gateway on a view of the test's own, with the same rows, and a way to write more."""
    async with service_database(postgres_server, "gateway", DEFINITION.migrations) as url:
        connection = await asyncpg.connect(url)
        try:
            rows = Rows(connection)
            await seed(rows)
            async with gateway_on(settings_of(url, servers), issuer) as found:
                yield Fresh(found, rows)
        finally:
            await connection.close()
