"""A process takes needs when its catalogue is made, and keeps that as new as the register."""

import asyncio

import httpx
from matching_world import World

from schakel_matching.app import make_app, warming
from schakel_matching.recommender import Recommender
from schakel_matching.settings import MatchingSettings


async def test_it_is_ready_once_the_catalogue_is_there(world: World) -> None:
    cold_one = Recommender(world.recommender.reference)
    settings = MatchingSettings(database_url="postgresql://the-database-is-given@127.0.0.1/beside")
    app = make_app(settings, world.database, world.issuer.verifier(settings), world.clock, cold_one)
    transport = httpx.ASGITransport(app=app)  # without its lifespan, which would warm it
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
        cold = await client.get("/readyz")
        async with warming(world.database, cold_one, app), asyncio.timeout(20):
            while (warm := await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - the catalogue is made beside us
                await asyncio.sleep(0.02)

    assert (cold.status_code, cold.headers["retry-after"]) == (503, "1")
    assert warm.json() == {"status": "ready"}
