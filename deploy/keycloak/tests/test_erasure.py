"""Who is erased has no account any more: no sign-in, no refresh, and no token for longer than five minutes."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import httpx
import pytest
from keycloak.exceptions import KeycloakGetError
from sqlalchemy import text

from schakel_common.auth import LEEWAY_SECONDS, TokenVerifier
from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.testing import api_client, service_database
from schakel_local.fixtures import PostgresServer
from schakel_registry.accounts import (
    RefusedError,
    ask_to_delete_accounts,
    delete_accounts,
    delete_waiting,
    waiting_accounts,
)
from schakel_registry.app import MIGRATIONS, make_app
from schakel_registry.reference import load_reference
from schakel_registry.settings import CHECKOUT_DATA, RegistrySettings
from schakel_registry.tables import CompanyRow, MemberRow

pytestmark = [pytest.mark.keycloak, pytest.mark.postgres]

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PASSWORD = "a-long-password-of-nobody"
FIVE_MINUTES = 300
COMPANY = {
    "kvkNumber": "12345678",
    "name": "Anoniem B.V.",
    "postcode": "2628 CD",
    "sizeClass": "small",
    "contact": {"name": "A. Noniem"},
}


@pytest.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    async with service_database(postgres_server, "registry", MIGRATIONS) as url:
        opened = Database(url, pool_size=2)
        yield opened
        await opened.close()


@pytest.fixture
def settings(own_realm: Any, database: Database) -> RegistrySettings:
    assert own_realm.job("apply", "--with", "accounts") == 0
    return RegistrySettings(
        database_url=database.url, issuer=own_realm.issuer, accounts_client_secret="schakel-accounts-demo-secret"
    )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


def person(realm: Any, name: str) -> str:
    found: str = realm.admin.create_user(
        {
            "username": f"{name}@example.org",
            "email": f"{name}@example.org",
            "emailVerified": True,
            "enabled": True,
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    )
    return found


async def asks(http: httpx.AsyncClient, realm: Any, **form: str) -> httpx.Response:
    address = f"{realm.issuer}/protocol/openid-connect/token"
    return await http.post(address, data={"client_id": "schakel-tests", **form})


async def signs_in(http: httpx.AsyncClient, realm: Any, name: str) -> httpx.Response:
    return await asks(http, realm, grant_type="password", username=f"{name}@example.org", password=PASSWORD)


async def ask(database: Database, *subs: str) -> None:
    async with database.unit_of_work() as session:
        await ask_to_delete_accounts(session, subs, NOW)


async def waiting(database: Database) -> list[str]:
    async with database.reading() as session:
        return [row[0] for row in await session.execute(text("SELECT sub FROM account_to_delete ORDER BY sub"))]


async def test_after_the_erasure_of_a_company_its_member_is_signed_out_and_cannot_sign_in(
    own_realm: Any, http: httpx.AsyncClient, settings: RegistrySettings, database: Database
) -> None:
    sub = person(own_realm, "erased")
    signed_in = (await signs_in(http, own_realm, "erased")).json()
    verifier = TokenVerifier(settings.model_copy(update={"allowed_clients": ["schakel-tests"]}))
    app = make_app(settings, database, verifier, FixedClock(NOW), load_reference(CHECKOUT_DATA))
    async with api_client(app) as client:
        who = {"Authorization": f"Bearer {signed_in['access_token']}"}
        made = await client.post("/v1/companies", json=COMPANY, headers={**who, "Idempotency-Key": str(uuid4())})
        assert made.status_code == 201, made.text
        erasure = f"/v1/companies/{made.json()['id']}/erasure"
        erased = await client.post(erasure, json={}, headers={**who, "Idempotency-Key": str(uuid4())})
        assert erased.json()["status"] == "erased"
    assert await waiting(database) == [sub]

    stop = asyncio.Event()
    deleting = asyncio.create_task(delete_accounts(settings, database, stop))
    async with asyncio.timeout(30):
        while await waiting(database):  # noqa: ASYNC110 - what is waited for happens in a database
            await asyncio.sleep(0.05)
    stop.set()
    await deleting

    refreshed = await asks(http, own_realm, grant_type="refresh_token", refresh_token=signed_in["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")
    again = await signs_in(http, own_realm, "erased")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert signed_in["expires_in"] + LEEWAY_SECONDS < FIVE_MINUTES
    assert own_realm.admin.get_users({"username": "erased@example.org", "exact": True}) == []


async def test_while_keycloak_is_away_the_account_waits_and_goes_later(
    own_realm: Any, settings: RegistrySettings, database: Database
) -> None:
    sub = person(own_realm, "later")
    await ask(database, sub)
    await ask(database, sub)  # asked twice is asked once
    away = settings.model_copy(update={"issuer": "http://127.0.0.1:9/realms/schakel"})
    with pytest.raises(aiohttp.ClientError):
        await delete_waiting(away, database)
    wrong = settings.model_copy(update={"accounts_client_secret": "not-the-secret"})
    with pytest.raises(RefusedError, match=r"^Keycloak answers 401 to schakel-accounts: is its secret right"):
        await delete_waiting(wrong, database)
    with pytest.raises(RefusedError, match=r"^set SCHAKEL_ACCOUNTS_CLIENT_SECRET to the secret of schakel-accounts$"):
        await delete_waiting(settings.model_copy(update={"accounts_client_secret": ""}), database)
    assert await waiting(database) == [sub]

    assert await delete_waiting(settings, database) == 1

    assert await waiting(database) == []
    assert await waiting_accounts(database) == (0, 0.0)
    with pytest.raises(KeycloakGetError):
        own_realm.admin.get_user(sub)
    await ask(database, sub, "never-was-there")  # died between the account and the row: done again without harm
    assert await delete_waiting(settings, database) == 2


async def test_how_many_wait_and_since_when_is_known(database: Database) -> None:
    async with database.unit_of_work() as session:
        ago = datetime.now(UTC) - timedelta(hours=2)
        await ask_to_delete_accounts(session, ["first"], ago)
        await ask_to_delete_accounts(session, ["second"], ago + timedelta(hours=1))

    count, age_seconds = await waiting_accounts(database)

    assert count == 2
    assert 7_200 <= age_seconds < 7_260, "of the oldest"


async def test_an_account_that_serves_something_else_stays(
    own_realm: Any, http: httpx.AsyncClient, settings: RegistrySettings, database: Database
) -> None:
    elsewhere, staff = person(own_realm, "elsewhere"), person(own_realm, "staff")
    own_realm.admin.group_user_add(staff, own_realm.admin.get_group_by_path("/national")["id"])
    async with database.unit_of_work() as session:
        company = uuid4()
        session.add(CompanyRow(id=company, version=1, status="verified", registered_at=NOW))
        await session.flush()
        session.add(MemberRow(company_id=company, sub=elsewhere, status="active", name="Elsewhere", asked_at=NOW))
    await ask(database, elsewhere, staff)

    assert await delete_waiting(settings, database) == 2

    assert await waiting(database) == []
    for name in ("elsewhere", "staff"):
        assert (await signs_in(http, own_realm, name)).status_code == 200


async def test_the_clients_token_may_manage_users_and_nothing_else(own_realm: Any, http: httpx.AsyncClient) -> None:
    assert own_realm.job("apply", "--with", "accounts") == 0
    assert own_realm.job("diff", "--with", "accounts") == 0
    form = {"client_id": "schakel-accounts", "client_secret": "schakel-accounts-demo-secret"}
    token = (await asks(http, own_realm, grant_type="client_credentials", **form)).json()["access_token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["resource_access"] == {"realm-management": {"roles": ["manage-users"]}}
    assert "schakel-api" not in claims["aud"]
    who = {"Authorization": f"Bearer {token}"}
    admin = f"{own_realm.server.url}/admin/realms/{own_realm.name}"
    assert (await http.get(f"{admin}/users?max=1", headers=who)).status_code == 200
    for path in ("/clients", "/identity-provider/instances", "/events"):
        assert (await http.get(admin + path, headers=who)).status_code == 403, path

    client = own_realm.admin.get_client_id("schakel-accounts")
    account = own_realm.admin.get_client_service_account_user(client)["id"]
    owner = own_realm.admin.get_client_id("realm-management")
    own_realm.admin.assign_client_role(account, owner, [own_realm.admin.get_client_role(owner, "manage-realm")])
    assert own_realm.job("diff", "--with", "accounts") == 1, "a role that was added by hand is found"
    assert own_realm.job("apply", "--with", "accounts") == 0
    assert [role["name"] for role in own_realm.admin.get_client_roles_of_user(account, owner)] == ["manage-users"]
