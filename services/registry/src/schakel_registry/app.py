"""The composition root: from settings to a running registry. Only here are things put together."""

from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from schakel_common.auth import TokenVerifier
from schakel_common.clock import Clock, SystemClock
from schakel_common.commands import delete_old_keys
from schakel_common.database import Database
from schakel_common.housekeeping import hourly
from schakel_common.http import create_app
from schakel_common.journal_api import router as journal_router
from schakel_common.migrations import ensure_migrated
from schakel_common.serve import Parts, ServiceDefinition
from schakel_registry.accounts import delete_accounts
from schakel_registry.api import ROUTERS
from schakel_registry.api.processings import PROCESSINGS
from schakel_registry.consumers import SUBSCRIPTIONS
from schakel_registry.held import HELD
from schakel_registry.reference import ReferenceData, load_reference
from schakel_registry.settings import RegistrySettings

VERSION: Final = "1.0.0"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


def make_app(
    settings: RegistrySettings, database: Database, verifier: TokenVerifier, clock: Clock, reference: ReferenceData
) -> FastAPI:
    """Return the HTTP application; tests give it a clock and a verifier of their own."""

    async def ready() -> None:
        await ensure_migrated(database, MIGRATIONS)

    app = create_app(
        title="Schakel registry",
        description="The register of the Smart Industry network: fieldlabs, hubs, companies and published figures.",
        version=VERSION,
        settings=settings,
        routers=[*ROUTERS, journal_router],
        ready=ready,
        verifier=verifier,
        database=database,
        processings=PROCESSINGS,
    )
    app.state.clock = clock
    app.state.reference = reference
    return app


def build(settings: RegistrySettings) -> Parts:
    """Return the parts of a registry process."""
    database = Database(settings.database_url)
    app = make_app(settings, database, TokenVerifier(settings), SystemClock(), load_reference(settings.data_dir))
    return Parts(
        app=app,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        background=[hourly(partial(delete_old_keys, database)), partial(delete_accounts, settings, database)],
    )


DEFINITION: Final = ServiceDefinition(
    name="registry", settings=RegistrySettings, migrations=MIGRATIONS, build=build, held=HELD
)
