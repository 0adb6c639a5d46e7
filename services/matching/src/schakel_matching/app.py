"""The composition root: from settings to a running matching service. Only here are things put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from schakel_common import journal_api
from schakel_common.auth import TokenVerifier
from schakel_common.clock import Clock, SystemClock
from schakel_common.commands import delete_old_keys
from schakel_common.database import POOLED_FAILURES, Database
from schakel_common.housekeeping import hourly
from schakel_common.http import create_app
from schakel_common.migrations import ensure_migrated
from schakel_common.problems import Problem
from schakel_common.serve import Parts, ServiceDefinition
from schakel_matching.api import ROUTERS
from schakel_matching.api.processings import PROCESSINGS
from schakel_matching.bundles import Encoders
from schakel_matching.commands.drafts import delete_old_drafts
from schakel_matching.consumers import subscriptions
from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.ranges import MODELS
from schakel_matching.held import HELD
from schakel_matching.recommender import Recommender
from schakel_matching.reference_data import load
from schakel_matching.settings import MatchingSettings

VERSION: Final = "1.0.0"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
WARM_EVERY_SECONDS: Final = 2.0

_log: Final = logging.getLogger(__name__)


def make_app(
    settings: MatchingSettings,
    database: Database,
    verifier: TokenVerifier,
    clock: Clock,
    recommender: Recommender,
    *,
    encoders: Encoders | None = None,
) -> FastAPI:
    """Return the HTTP application; tests give it a clock and a verifier of their own.

    ``encoders`` say how close needs are to each other; without them they are bundled by their technologies alone.
    """

    async def ready() -> None:
        await ensure_migrated(database, MIGRATIONS)
        if not recommender.is_warm:
            raise Problem("unavailable", "The catalogue of the fieldlabs is being made.")

    app = create_app(
        title="Schakel matching",
        description="Needs of companies, the fieldlabs that can help and why, and introductions to their outcome.",
        version=VERSION,
        settings=settings,
        routers=[*ROUTERS, journal_api.router],
        ready=ready,
        lifespan=partial(warming, database, recommender),
        verifier=verifier,
        database=database,
        processings=PROCESSINGS,
    )
    app.state.clock = clock
    app.state.recommender = recommender
    app.state.encoders = encoders
    return app


@asynccontextmanager
async def warming(database: Database, recommender: Recommender, _app: FastAPI) -> AsyncIterator[None]:
    """Keep the catalogue as new as the register beside the block, so that no need waits until it is made."""

    async def keep_warm() -> None:
        while True:
            try:
                async with database.reading() as session:
                    await recommender.catalogue(session)
            except POOLED_FAILURES as error:
                _log.warning("the catalogue is not made: %s", type(error).__name__)
            await asyncio.sleep(WARM_EVERY_SECONDS)

    task = asyncio.create_task(keep_warm(), name="warming")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def build(settings: MatchingSettings) -> Parts:
    """Return the parts of a matching process."""
    database = Database(settings.database_url)
    clock = SystemClock()
    encoders = remembering(load_encoders(threads=settings.encoder_threads), settings.vectors_file)
    recommender = Recommender(load(settings.data_dir), encoders, MODELS[settings.matching_model])
    return Parts(
        app=make_app(settings, database, TokenVerifier(settings), clock, recommender, encoders=encoders),
        database=database,
        subscriptions=subscriptions(clock, recommender),
        background=[cleaning(database, clock)],
    )


def cleaning(database: Database, clock: Clock) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return the work that deletes, every hour, what may not be kept longer."""

    async def delete_drafts() -> int:
        async with database.unit_of_work() as session:
            return await delete_old_drafts(session, clock)

    return hourly(delete_drafts, partial(delete_old_keys, database))


DEFINITION: Final = ServiceDefinition(
    name="matching", settings=MatchingSettings, migrations=MIGRATIONS, build=build, held=HELD
)
