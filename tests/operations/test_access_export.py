"""Who asks what is held about them gets all of it, and nothing of others; no table about people is left out."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlmodel import SQLModel

from schakel_common.database import Database
from schakel_common.held import Held, export
from schakel_common.serve import ServiceDefinition
from schakel_common.settings import ServiceSettings
from schakel_common.testing import service_database
from schakel_events.app import DEFINITION as EVENTS
from schakel_events.tables import Base as OfEvents
from schakel_local.fixtures import PostgresServer
from schakel_matching.app import DEFINITION as MATCHING
from schakel_matching.tables import Base as OfMatching
from schakel_registry.app import DEFINITION as REGISTRY
from schakel_registry.tables import Base as OfRegistry

ABOUT_PEOPLE = {"sub", "email", "phone", "company_id", "kvk_number", "challenge_id", "referral_id"}
ABOUT_NOBODY = {
    "call_back",  # of somebody without an account: nobody can show that it is theirs; deleted after 30 days
    "slate_place",  # numbers about fieldlabs
    "slate_outcome",  # the same
}
OURS, THEIRS = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(("base", "service"), [(OfRegistry, REGISTRY), (OfMatching, MATCHING), (OfEvents, EVENTS)])
def test_every_table_about_people_is_in_the_export(base: type[SQLModel], service: ServiceDefinition[Any]) -> None:
    held = held_of(service)
    said = " ".join(" ".join(held.parts.values()).split()) + " "
    about = {
        table.name
        for table in base.metadata.tables.values()
        if {column.name for column in table.columns} & ABOUT_PEOPLE
    }
    assert about
    assert {name for name in about - ABOUT_NOBODY if f"FROM {name} " not in said} == set()


def held_of(service: ServiceDefinition[Any]) -> Held:
    assert service.held is not None
    return service.held


async def exported(
    server: PostgresServer, service: ServiceDefinition[Any], *rows: str, **about: Any
) -> tuple[dict[str, Any], int]:
    """Fill a database of the service with rows, export, and count the lines about it."""
    async with service_database(server, service.name, service.migrations) as url:
        settings = ServiceSettings(
            database_url=url,
            processing_log_endpoint="http://127.0.0.1:9",
            processing_log_key=Fernet.generate_key().decode(),
        )
        database = Database(url, pool_size=1)
        try:
            async with database.unit_of_work() as session:
                for row in rows:
                    await session.execute(text(row))
            found = await export(database, settings, held_of(service), **about)
            async with database.reading() as session:
                query = text("SELECT count(*) FROM processing_line WHERE activity LIKE '%/inzageverzoeken'")
                return found, (await session.execute(query)).scalar_one()
        finally:
            await database.close()


def company(number: UUID) -> str:
    return (
        "INSERT INTO company (id, version, status, kvk_number, name, size_class, sole_trader, sbi, registered_at)"
        f" VALUES ('{number}', 1, 'verified', '{number.int:08}', 'Company {number.int}', 'small', false, '{{}}', now())"
    )


def member(number: UUID, sub: str, status: str = "active") -> str:
    return (
        "INSERT INTO member (company_id, sub, status, name, phone, asked_at)"
        f" VALUES ('{number}', '{sub}', '{status}', 'Name of {sub}', '0612345678', now())"
    )


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("about", "companies", "members"),
    [
        ({"person": "ann"}, ["Company 1"], ["ann"]),
        ({"company": OURS}, ["Company 1"], ["ann", "ben"]),
        ({"person": "eve"}, [], ["eve"]),
        ({"person": "nobody"}, [], []),
    ],
)
async def test_of_the_register_a_person_gets_the_company_and_itself_and_a_company_gets_all_its_people(
    postgres_server: PostgresServer, about: dict[str, Any], companies: list[str], members: list[str]
) -> None:
    found, lines = await exported(
        postgres_server,
        REGISTRY,
        company(OURS),
        company(THEIRS),
        member(OURS, "ann"),
        member(OURS, "ben"),
        member(THEIRS, "cas"),
        member(THEIRS, "eve", "asking"),
        **about,
    )
    assert [each["name"] for each in found["companies"]] == companies
    assert [each["sub"] for each in found["members"]] == members
    assert lines == 1
    if members:
        assert found["members"][0]["name"] == f"Name of {members[0]}"


REPLICA = (
    "INSERT INTO replica (kind, id, epoch, version, state) SELECT 'company', CAST(id AS uuid), 1, 1,"
    " jsonb_build_object('members', jsonb_build_array(jsonb_build_object('sub', sub, 'status', 'active')))"
    f" FROM (VALUES ('{OURS}', 'ann'), ('{THEIRS}', 'cas')) AS c (id, sub)"
)


def need(number: UUID, of: UUID) -> str:
    return (
        "INSERT INTO challenge (id, version, company_id, status, home_hub, routed_hub, submitted_at, language, text)"
        f" VALUES ('{number}', 1, '{of}', 'open', 'oost', 'oost', now(), 'nl', 'Text of {of.int}')"
    )


@pytest.mark.postgres
@pytest.mark.parametrize("about", [{"person": "ann"}, {"company": OURS}])
async def test_of_matching_the_needs_of_ones_own_company_come_and_no_others(
    postgres_server: PostgresServer, about: dict[str, Any]
) -> None:
    found, lines = await exported(
        postgres_server, MATCHING, REPLICA, need(uuid4(), OURS), need(uuid4(), THEIRS), **about
    )
    assert [each["text"] for each in found["challenges"]] == ["Text of 1"]
    assert set(found) == {"challenges", "drafts", "judgements", "referrals", "messages"}
    assert lines == 1


def seat(number: int, sub: str) -> str:
    return (
        "INSERT INTO registration (id, version, number, activity_id, activity_hub, sub, company_id, home_hub, status,"
        f" registered_at, name, email) VALUES ('{UUID(int=number)}', 1, {number}, '{UUID(int=9)}', 'oost', '{sub}',"
        f" '{OURS}', 'oost', 'registered', now(), 'Name of {sub}', '{sub}@example.org')"
    )


ACTIVITY = (
    "INSERT INTO activity (id, version, slug, organiser, hub, status, title_nl, title_en, summary_nl, summary_en,"
    " starts_at, date_precision, mode, fieldlabs, themes, sources, seats_taken, waiting, registrations)"
    f" VALUES ('{UUID(int=9)}', 1, 'open-day', 'hub:oost', 'oost', 'planned', '', '', '', '', '2027-01-01', 'day',"
    " 'unknown', '{}', '{}', '{}', 0, 0, 0)"
)


@pytest.mark.postgres
@pytest.mark.parametrize(("about", "people"), [({"person": "ann"}, ["ann"]), ({"company": OURS}, ["ann", "ben"])])
async def test_of_events_a_person_gets_its_own_seats_and_a_company_those_of_its_people(
    postgres_server: PostgresServer, about: dict[str, Any], people: list[str]
) -> None:
    found, lines = await exported(postgres_server, EVENTS, REPLICA, ACTIVITY, seat(1, "ann"), seat(2, "ben"), **about)
    assert [(each["sub"], each["activity"]) for each in found["registrations"]] == [(sub, "open-day") for sub in people]
    assert lines == 1
