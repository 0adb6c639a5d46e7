"""A process takes needs when its catalogue is made, and keeps that as new as the register."""

import asyncio

from fastapi import FastAPI
from matching_world import World

from schakel_matching.app import warming


async def test_it_is_ready_once_the_catalogue_is_there(world: World) -> None:
    cold = await world.client.get("/readyz")
    async with warming(world.database, world.recommender, FastAPI()), asyncio.timeout(20):
        while (warm := await world.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - the catalogue is made beside us
            await asyncio.sleep(0.02)

    assert (cold.status_code, cold.headers["retry-after"]) == (503, "1")
    assert warm.json() == {"status": "ready"}
