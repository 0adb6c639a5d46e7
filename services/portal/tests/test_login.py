"""Signing in and out at the real Keycloak, as a browser does."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet

from schakel_common.testing.client import api_client
from schakel_local.fixtures import KeycloakServer
from schakel_portal.app import build
from schakel_portal.settings import PortalSettings

pytestmark = [pytest.mark.keycloak, pytest.mark.postgres]


@pytest.fixture
def settings(database_url: str, gateway: Any, keycloak_server: KeycloakServer) -> PortalSettings:
    return PortalSettings(
        database_url=database_url,
        gateway_url=gateway.address,
        public_url="http://127.0.0.1:8400",
        issuer=keycloak_server.issuer,
        session_key=Fernet.generate_key().decode(),
        client_secret="schakel-portal-demo-secret",
    )


@pytest.fixture
async def browser(settings: PortalSettings) -> AsyncIterator[httpx.AsyncClient]:
    parts = build(settings)
    async with api_client(parts.app) as client:
        client.base_url = httpx.URL("http://127.0.0.1:8400")
        yield client
    await parts.database.close()


async def at_keycloak(address: str, **fields: str) -> str:
    """Fill in Keycloak's form; returns where it sends the browser.

    Its cookies are carried by hand: they are marked Secure; to a browser loopback is secure, to httpx it is not.
    """
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(address)
        cookies = "; ".join(each.partition(";")[0] for each in page.headers.get_list("set-cookie"))
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert action, page.text[:500]
        reply = await browser.post(unescape(action[1]), data=fields, headers={"Cookie": cookies})
        assert reply.status_code == 302, reply.text[:2000]
        return reply.headers["location"]


async def signed_in_at(browser: httpx.AsyncClient, path: str = "/mijn") -> httpx.Response:
    begun = await browser.get("/login", params={"next": path})
    back = await at_keycloak(begun.headers["location"], username="company@demo.example", password="schakel-demo")
    return await browser.get(back)


def me(gateway: Any, *scopes: str) -> None:
    gateway.values["me"] = {"subject": "someone", "scopes": list(scopes), "companies": []}


async def test_signing_in_goes_back_where_one_was_under_a_new_cookie(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any
) -> None:
    me(gateway, "hub:oost")
    await browser.get("/login", params={"next": "/loket/oost"})
    before = browser.cookies[settings.cookie_name]
    reply = await signed_in_at(browser, "/loket/oost")
    assert (reply.status_code, reply.headers["location"]) == (303, "/loket/oost")
    assert browser.cookies[settings.cookie_name] != before
    page = await browser.get("/mijn")
    assert "Loket Oost" in page.text
    assert gateway.asked[-1]["headers"]["Authorization"].startswith("Bearer ey")
    browser.cookies.set(settings.cookie_name, before, domain="127.0.0.1")
    assert (await browser.get("/mijn")).status_code == 303


async def test_a_new_account_comes_back_to_where_it_was_needed(browser: httpx.AsyncClient, gateway: Any) -> None:
    me(gateway)
    begun = await browser.get("/login", params={"next": "/agenda/open-dag", "nieuw": ""})
    password = f"een lang wachtwoord {uuid4().hex}"
    fields = {"email": f"{uuid4().hex}@example.nl", "password": password, "password-confirm": password}
    back = await at_keycloak(begun.headers["location"], **fields)
    reply = await browser.get(back)
    assert (reply.status_code, reply.headers["location"]) == (303, "/agenda/open-dag")
    assert "Uitloggen" in (await browser.get("/agenda/open-dag")).text


async def test_an_answer_without_our_state_signs_nobody_in(browser: httpx.AsyncClient, gateway: Any) -> None:
    begun = await browser.get("/login")
    back = httpx.URL(
        await at_keycloak(begun.headers["location"], username="company@demo.example", password="schakel-demo")
    )
    for state in ("", "guessed"):
        reply = await browser.get(back.copy_set_param("state", state))
        assert reply.status_code == 400
        assert "Inloggen lukte niet" in reply.text
    assert (await browser.get(back.copy_set_param("iss", "https://evil.example"))).status_code == 400
    assert (await browser.get(back)).status_code == 400
    assert (await browser.get("/mijn")).status_code == 303
    assert gateway.operations() == []


async def test_an_answer_serves_once_and_only_in_the_browser_that_began(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any
) -> None:
    me(gateway)
    begun = await browser.get("/login")
    back = await at_keycloak(begun.headers["location"], username="company@demo.example", password="schakel-demo")
    mine = browser.cookies[settings.cookie_name]
    browser.cookies.clear()
    assert (await browser.get(back)).status_code == 400
    browser.cookies.set(settings.cookie_name, mine, domain="127.0.0.1")
    assert (await browser.get(back)).status_code == 303
    assert (await browser.get(back)).status_code == 400


async def test_giving_up_at_the_identity_provider_loses_nothing(browser: httpx.AsyncClient) -> None:
    begun = httpx.URL((await browser.get("/login", params={"next": "/agenda"})).headers["location"])
    reply = await browser.get("/login/callback", params={"state": begun.params["state"], "error": "access_denied"})
    assert reply.status_code == 400
    assert 'href="/login?next=%2Fagenda"' in reply.text


async def test_signing_out_ends_it_here_and_there(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any
) -> None:
    me(gateway)
    await signed_in_at(browser)
    cookie = browser.cookies[settings.cookie_name]
    page = (await browser.get("/mijn")).text
    found = re.search(r'name="formToken" value="([^"]+)"', page)
    assert found
    assert (await browser.post("/logout", data={})).status_code == 403
    reply = await browser.post("/logout", data={"formToken": found[1]})
    address = httpx.URL(reply.headers["location"])
    assert str(address).startswith(f"{settings.issuer}/protocol/openid-connect/logout?")
    assert address.params["post_logout_redirect_uri"] == "http://127.0.0.1:8400/"
    async with httpx.AsyncClient(trust_env=False) as keycloak:
        there = await keycloak.get(address)
    assert (there.status_code, there.headers["location"]) == (302, "http://127.0.0.1:8400/")
    browser.cookies.set(settings.cookie_name, cookie, domain="127.0.0.1")
    assert (await browser.get("/mijn")).status_code == 303


async def test_only_a_logout_token_ends_a_session_from_elsewhere(browser: httpx.AsyncClient, gateway: Any) -> None:
    me(gateway)
    await signed_in_at(browser)
    access = gateway.asked[-1]["headers"]["Authorization"].removeprefix("Bearer ")
    for token in ("", "a.b.c", access):
        assert (await browser.post("/backchannel-logout", data={"logout_token": token})).status_code == 400
    assert (await browser.get("/mijn")).status_code == 200
