"""The composition root: settings to a running gateway; the only place where things are wired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute

from schakel_common.auth import TokenVerifier
from schakel_common.database import Database
from schakel_common.http import create_app
from schakel_common.serve import Parts, ServiceDefinition
from schakel_gateway.endpoint import Endpoint, GatewayHolder
from schakel_gateway.health import demand_caught_up, report_health
from schakel_gateway.operation import Gateway, make_pool
from schakel_gateway.owners import Owners
from schakel_gateway.positions import Positions
from schakel_gateway.projector import run_projector
from schakel_gateway.rate import Limits
from schakel_gateway.schema.schema import build_schema
from schakel_gateway.settings import GatewaySettings

VERSION: Final = "1.0.0"
PATH: Final = "/graphql"
CONNECTIONS_PER_OWNER_MAX: Final = 50


def build(settings: GatewaySettings, *, verifier: TokenVerifier | None = None) -> Parts:
    """Wire the gateway; connections are opened by the application's lifespan.

    Args:
        settings: of this process.
        verifier: of access tokens; made from the settings by default.
    """
    verifier = verifier or TokenVerifier(settings)
    holder = GatewayHolder(settings)
    database = Database(settings.database_url, pool_size=1)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings, verifier) as gateway:
            holder.set(gateway)
            try:
                yield
            finally:
                holder.set(None)

    async def ready() -> None:
        await demand_caught_up(holder.gateway.pool)

    app = create_app(
        title="Schakel gateway",
        version=VERSION,
        settings=settings,
        routers=[],
        ready=ready,
        lifespan=lifespan,
        verifier=verifier,
        database=database,
        description="The network view in GraphQL, at /graphql; its schema is published as schema.graphql.",
    )
    endpoint = Endpoint(build_schema(suggestions=settings.introspection), holder)
    app.router.routes += [Route(PATH, endpoint), WebSocketRoute(PATH, endpoint)]
    return Parts(
        app=app,
        database=database,
        background=[partial(run_projector, settings)],
        pools={"view": lambda: pool_use(holder)},
    )


def pool_use(holder: GatewayHolder) -> tuple[int, int]:
    """Return how many connections to the view are in use, and how many there may be."""
    pool = holder.gateway.pool
    return pool.get_size() - pool.get_idle_size(), pool.get_max_size()


@asynccontextmanager
async def opened(settings: GatewaySettings, verifier: TokenVerifier) -> AsyncIterator[Gateway]:
    """Open what operations share: the pool, the listener, one HTTP session for all owners; close it after the block."""
    pool = await make_pool(settings)
    connector = aiohttp.TCPConnector(limit_per_host=CONNECTIONS_PER_OWNER_MAX)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        positions = Positions(settings.database_url, pool)
        beside = [asyncio.create_task(work) for work in (positions.listen(), report_health(pool))]
        try:
            yield Gateway(settings, pool, positions, Owners(settings, session), verifier, Limits(settings))
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await pool.close()


DEFINITION: Final = ServiceDefinition(
    name="gateway",
    settings=GatewaySettings,
    migrations=Path(__file__).parent / "migrations",
    build=build,
)
