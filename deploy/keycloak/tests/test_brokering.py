"""Signing in at somebody else's identity provider, played by another realm of the same Keycloak."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit
from uuid import uuid4

import httpx
import pytest
from joserfc import jws
from keycloak import KeycloakAdmin

from schakel_common.auth import TokenVerifier
from schakel_common.settings import ServiceSettings
from schakel_keycloak.__main__ import administrator

pytestmark = pytest.mark.keycloak

CALLBACK = "https://portal.test.example/login/callback"
SECRET = "schakel-portal-demo-secret"
THEIR_SECRET = "secret-of-the-broker"
PASSWORD = "a-long-password-of-nobody"
OK = 200


@dataclass
class StandIn:
    """The realm of another organisation, with one client: us."""

    name: str
    issuer: str
    admin: KeycloakAdmin

    def person(self, email: str, *groups: str) -> str:
        """Make a user in groups; returns its id."""
        user: str = self.admin.create_user(
            {
                "username": email,
                "email": email,
                "emailVerified": True,
                "enabled": True,
                "firstName": "Some",
                "lastName": "Body",
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            }
        )
        for group in groups:
            made = self.admin.create_group({"name": group})
            assert made is not None
            self.admin.group_user_add(user, made)
        return user

    def leave(self, user: str) -> None:
        """Take a user out of its groups."""
        for group in self.admin.get_user_groups(user):
            self.admin.group_user_remove(user, group["id"])


@pytest.fixture
def stand_in(own_realm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    name = f"theirs-{uuid4().hex[:8]}"
    server = own_realm.server
    with administrator(server.url, server.admin_user, server.admin_password, name) as admin:
        admin.create_realm({"realm": name, "enabled": True})
        admin.connection.get_token()
        mapper = {
            "name": "groups",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-group-membership-mapper",
            "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
        }
        admin.create_client(
            {
                "clientId": "schakel",
                "secret": THEIR_SECRET,
                "standardFlowEnabled": True,
                "attributes": {"pkce.code.challenge.method": "S256"},
                "redirectUris": [f"{own_realm.issuer}/broker/{each}/endpoint" for each in ("staff", "eherkenning")],
                "protocolMappers": [mapper],
            }
        )
        issuer = f"{server.url}/realms/{name}"
        for each in ("STAFF", "EHERKENNING"):
            monkeypatch.setenv(f"SCHAKEL_{each}_ISSUER", issuer)
            monkeypatch.setenv(f"SCHAKEL_{each}_AUTHORIZATION_URL", f"{issuer}/protocol/openid-connect/auth")
            monkeypatch.setenv(f"SCHAKEL_{each}_TOKEN_URL", f"{issuer}/protocol/openid-connect/token")
            monkeypatch.setenv(f"SCHAKEL_{each}_KEYS_URL", f"{issuer}/protocol/openid-connect/certs")
            monkeypatch.setenv(f"SCHAKEL_{each}_CLIENT_ID", "schakel")
            monkeypatch.setenv(f"SCHAKEL_{each}_CLIENT_SECRET", THEIR_SECRET)
        yield StandIn(name, issuer, admin)
        for each in own_realm.admin.get_idps():
            own_realm.admin.delete_idp(each["alias"])
        admin.delete_realm(name)


@dataclass
class Browser:
    """Follows links, forms and redirects; keeps a cookie for its path, because two realms give cookies of one name."""

    http: httpx.AsyncClient
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)

    async def open(self, url: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Send a request and follow until a page, or until our portal is called."""
        while True:
            path = urlsplit(url).path
            held = "; ".join(
                f"{name}={value}" for (name, under), value in self.cookies.items() if path.startswith(under)
            )
            reply = await self.http.request(method, url, headers={"Cookie": held}, **more)
            for line in reply.headers.get_list("set-cookie"):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name, morsel["path"]] = morsel.value
            if reply.status_code not in {302, 303}:
                return reply
            url, method, more = urljoin(url, reply.headers["location"]), "GET", {}
            if url.startswith(CALLBACK):
                return reply

    async def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the page's form."""
        (action,) = re.findall(r'<form[^>]* action="([^"]+)" method="post"', page.text)
        return await self.open(urljoin(str(page.url), html.unescape(action)), "POST", data=fields)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


async def begin(http: httpx.AsyncClient, issuer: str, alias: str) -> tuple[Browser, str, httpx.Response]:
    """Go to the portal's sign-in and choose a provider; return the provider's page."""
    browser, verifier = Browser(http), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = httpx.QueryParams(
        client_id="schakel-portal",
        response_type="code",
        scope="openid",
        redirect_uri=CALLBACK,
        state="the-state",
        code_challenge=challenge,
        code_challenge_method="S256",
    )
    page = await browser.open(f"{issuer}/protocol/openid-connect/auth?{query}")
    (link,) = {html.unescape(each) for each in re.findall(rf'href="([^"]*/broker/{alias}/login[^"]*)"', page.text)}
    return browser, verifier, await browser.open(urljoin(str(page.url), link))


async def access_token(http: httpx.AsyncClient, issuer: str, reply: httpx.Response, verifier: str) -> str:
    assert reply.status_code == 302, reply.text
    query = parse_qs(urlsplit(reply.headers["location"]).query)
    assert query["state"] == ["the-state"]
    form = {
        "grant_type": "authorization_code",
        "code": query["code"][0],
        "redirect_uri": CALLBACK,
        "client_id": "schakel-portal",
        "client_secret": SECRET,
        "code_verifier": verifier,
    }
    answer = await http.post(f"{issuer}/protocol/openid-connect/token", data=form)
    assert answer.status_code == OK, answer.text
    token: str = answer.json()["access_token"]
    return token


async def signs_in(http: httpx.AsyncClient, realm: Any, email: str) -> str:
    browser, verifier, page = await begin(http, realm.issuer, "staff")
    reply = await browser.submit(page, username=email, password=PASSWORD)
    return await access_token(http, realm.issuer, reply, verifier)


async def scopes(realm: Any, token: str) -> frozenset[str]:
    return (await TokenVerifier(ServiceSettings(database_url="", issuer=realm.issuer)).verify(token)).scopes


async def test_staff_sign_in_at_their_organisation_and_get_the_groups_that_it_says_at_each_sign_in(
    own_realm: Any, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    assert own_realm.job("apply", "--with", "staff") == 0
    assert own_realm.job("diff", "--with", "staff") == 0
    anna = stand_in.person("anna@hub.example", "schakel-hub-oost", "something-else")

    assert await scopes(own_realm, await signs_in(http, own_realm, "anna@hub.example")) == {"hub:oost"}
    stand_in.leave(anna)
    assert await scopes(own_realm, await signs_in(http, own_realm, "anna@hub.example")) == frozenset()
    stand_in.person("bas@hub.example", "schakel-national", "schakel-hub-noord")
    assert await scopes(own_realm, await signs_in(http, own_realm, "bas@hub.example")) == {"national", "hub:noord"}
    own_realm.admin.delete_user(own_realm.admin.get_user_id("anna@hub.example"))


async def test_an_address_that_is_known_already_is_not_taken_over(
    own_realm: Any, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    assert own_realm.job("apply", "--with", "staff") == 0
    stand_in.person("national@demo.example")
    browser, _, page = await begin(http, own_realm.issuer, "staff")

    reply = await browser.submit(page, username="national@demo.example", password=PASSWORD)

    assert reply.status_code == OK
    assert "first-broker-login" in str(reply.url), "the owner of the account is asked first"


async def test_with_eherkenning_a_person_comes_in_without_any_group_and_gives_an_address(
    own_realm: Any, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    assert own_realm.job("apply", "--with", "eherkenning") == 0
    stand_in.admin.create_user(
        {
            "username": "8f2e77c1",
            "enabled": True,
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    )
    profile = stand_in.admin.get_realm_users_profile()
    for attribute in profile["attributes"]:
        attribute.pop("required", None)
    stand_in.admin.update_realm_users_profile(profile)
    browser, verifier, page = await begin(http, own_realm.issuer, "eherkenning")
    asked = await browser.submit(page, username="8f2e77c1", password=PASSWORD)
    assert 'name="email"' in asked.text

    reply = await browser.submit(asked, email="someone@firm.example", username="someone@firm.example")

    token = await access_token(http, own_realm.issuer, reply, verifier)
    assert await scopes(own_realm, token) == frozenset()
    claims = jws.extract_compact(token.encode()).payload
    assert claims is not None
    assert b"8f2e77c1" not in claims, "what eHerkenning calls the person stays at Keycloak"


def test_providers_are_off_unless_asked_for_and_what_was_changed_by_hand_is_put_right(
    own_realm: Any, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    del stand_in
    assert own_realm.admin.get_idps() == []
    assert own_realm.job("apply", "--with", "staff", "--with", "eherkenning") == 0
    admin = own_realm.admin
    staff = admin.get_idp("staff")
    admin.update_idp("staff", {**staff, "trustEmail": False})
    widening = {
        "name": "all-national",
        "identityProviderAlias": "staff",
        "identityProviderMapper": "oidc-hardcoded-group-idp-mapper",
        "config": {"syncMode": "FORCE", "group": "/national"},
    }
    admin.add_mapper_to_idp("staff", widening)
    capsys.readouterr()

    assert own_realm.job("apply", "--with", "staff", "--with", "eherkenning") == 0

    told = capsys.readouterr().out
    assert "change identity provider staff: trustEmail: False becomes True" in told
    assert "remove mapper all-national from staff" in told
    assert THEIR_SECRET not in told
    assert own_realm.job("diff", "--with", "nothing") == 2
    assert "there is no nothing: --with takes accounts, eherkenning, staff" in capsys.readouterr().err
