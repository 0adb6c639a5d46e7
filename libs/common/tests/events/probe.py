"""A small service of its own process, to be killed: it publishes hubs and keeps what it hears, as a real one does."""

import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import outbox, replica
from schakel_common.cli import main
from schakel_common.consumers import Subscription
from schakel_common.database import Database
from schakel_common.event import Event
from schakel_common.http import create_app
from schakel_common.migrations import ensure_migrated
from schakel_common.serve import Parts, ServiceDefinition
from schakel_common.settings import ServiceSettings
from schakel_common.testing import TokenIssuer
from schakel_contracts.envelope import instant_of
from schakel_contracts.hubs import HubState
from schakel_contracts.topics import HUBS

MIGRATIONS = Path(__file__).parent / "migrations"


async def keep(session: AsyncSession, event: Event) -> None:
    if await replica.apply(session, event):
        await session.execute(
            text("INSERT INTO effect (id, epoch, version) VALUES (:id, :epoch, :version)"),
            {"id": event.envelope.subject, "epoch": event.envelope.epoch, "version": event.envelope.version},
        )


async def publish(database: Database, aggregate: UUID) -> None:
    """Make the next version of a hub: a use case with a row lock, as the outbox wants it."""
    async with database.unit_of_work() as session:
        upsert = text(
            "INSERT INTO aggregate VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET version = aggregate.version + 1"
            " RETURNING version"
        )
        version: int = (await session.execute(upsert, {"id": aggregate})).scalar_one()
        state = HubState(
            id=aggregate, slug="x", kind="hub", name_nl="", name_en="", description_nl="", description_en=""
        )
        happening = "registered" if version == 1 else "described"
        when = instant_of("2025-03-01T00:00:00Z")
        await outbox.add(session, HUBS, happening, state, version=version, effective_at=when)


def build(settings: ServiceSettings) -> Parts:
    database = Database(settings.database_url)

    async def ready() -> None:
        await ensure_migrated(database, MIGRATIONS)

    app = create_app(
        title="Probe",
        version="1.0.0",
        settings=settings,
        routers=(),
        ready=ready,
        lifespan=lambda _app: _no_lifespan(),
        verifier=TokenIssuer().verifier(settings),
        database=database,
    )
    return Parts(app=app, database=database, subscriptions=(Subscription("probe", [HUBS], keep),))


def _no_lifespan() -> AbstractAsyncContextManager[None]:
    return nullcontext()


DEFINITION = ServiceDefinition(name="registry", settings=ServiceSettings, migrations=MIGRATIONS, build=build)

if __name__ == "__main__":
    if sys.argv[1] == "publish":
        asyncio.run(publish(Database(os.environ["SCHAKEL_DATABASE_URL"]), UUID(sys.argv[2])))
        raise SystemExit(0)
    raise SystemExit(main(DEFINITION, sys.argv[1:]))
