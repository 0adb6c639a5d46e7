"""What the tests of matching share: the real register, read once, and a service on a database of its own."""

from collections.abc import AsyncIterator

import pytest
from matching_world import DATA_DIR, NOW, World

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.testing import TokenIssuer, api_client, service_database
from schakel_local.fixtures import PostgresServer
from schakel_matching.app import MIGRATIONS, make_app
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.encoders import TextEncoder, load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.recommender import Recommender
from schakel_matching.reference_data import ReferenceData, catalogue_of, fieldlabs, load
from schakel_matching.settings import MatchingSettings

Encoders = tuple[TextEncoder, TextEncoder]


@pytest.fixture(scope="session")
def reference_data() -> ReferenceData:
    return load(DATA_DIR)


@pytest.fixture(scope="session")
def encoders() -> Encoders:
    return remembering(load_encoders())


@pytest.fixture(scope="session")
def register(reference_data: ReferenceData, encoders: Encoders) -> Catalogue:
    reference = reference_data
    return catalogue_of(fieldlabs(DATA_DIR), reference, encoders)


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
async def world(
    postgres_server: PostgresServer, reference_data: ReferenceData, issuer: TokenIssuer, encoders: Encoders
) -> AsyncIterator[World]:
    async with service_database(postgres_server, "matching", MIGRATIONS) as url:
        database = Database(url, pool_size=10)
        settings = MatchingSettings(database_url=url, data_dir=DATA_DIR, not_yet_known_wait_seconds=0.1)
        clock = FixedClock(NOW)
        recommender = Recommender(reference_data)
        app = make_app(settings, database, issuer.verifier(settings), clock, recommender, encoders=encoders)
        try:
            async with api_client(app) as client:
                yield World(database, client, clock, issuer, recommender)
        finally:
            await database.close()
