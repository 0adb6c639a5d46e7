"""Signing in and up at the real Keycloak, as a browser without scripts does, and what the tokens then say."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jws

from schakel_common.auth import TokenVerifier
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings

pytestmark = pytest.mark.keycloak

PUBLIC_URL = "https://portal.test.example"
CALLBACK = f"{PUBLIC_URL}/login/callback"
SECRET = "schakel-portal-demo-secret"


class Browser:
    """Follows Keycloak's pages; carries its cookies itself, because they are marked for https only."""

    def __init__(self, issuer: str, client: httpx.AsyncClient) -> None:
        self.issuer = issuer
        self.code_verifier = secrets.token_urlsafe(48)
        self._client = client
        self._cookies: dict[str, str] = {}

    async def open(self, **changes: str | None) -> httpx.Response:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.code_verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": "schakel-portal",
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": CALLBACK,
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        parameters = {name: value for name, value in query.items() if value is not None}
        return await self._send("GET", f"{self.issuer}/protocol/openid-connect/auth", params=parameters)

    async def follow(self, page: httpx.Response, label: str) -> httpx.Response:
        (link,) = re.findall(rf'<a href="([^"]+)">{label}</a>', page.text)
        return await self._send("GET", str(httpx.URL(str(page.url)).join(html.unescape(link))))

    async def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        (action,) = re.findall(r'<form[^>]* action="([^"]+)" method="post"', page.text)
        return await self._send("POST", html.unescape(action), data=fields)

    async def _send(self, method: str, url: str, **more: Any) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        reply = await self._client.request(method, url, headers={"Cookie": cookies}, **more)
        for line in reply.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return reply


def fields_of(page: httpx.Response) -> list[str]:
    inputs = re.findall(r"<input[^>]*>", page.text)
    shown = [tag for tag in inputs if not re.search(r'type="(hidden|submit)"', tag)]
    return [name for tag in shown for name in re.findall(r' name="([^"]+)"', tag)]


def code_of(reply: httpx.Response) -> str:
    assert reply.status_code == 302
    assert reply.headers["location"].startswith(f"{CALLBACK}?")
    query = parse_qs(urlsplit(reply.headers["location"]).query)
    assert query["state"] == ["the-state"]
    return query["code"][0]


def claims_of(token: str) -> dict[str, Any]:
    payload = jws.extract_compact(token.encode()).payload
    assert payload is not None
    found: dict[str, Any] = httpx.Response(200, content=payload).json()
    return found


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def browser(own_realm: Any, http: httpx.AsyncClient) -> Browser:
    return Browser(own_realm.issuer, http)


@pytest.fixture
def grant(own_realm: Any, http: httpx.AsyncClient) -> Callable[..., Any]:
    async def ask(**form: str) -> httpx.Response:
        return await http.post(f"{own_realm.issuer}/protocol/openid-connect/token", data=form)

    return ask


@pytest.fixture
def verifier(own_realm: Any) -> TokenVerifier:
    return TokenVerifier(ServiceSettings(database_url="", issuer=own_realm.issuer))


async def tokens_of(browser: Browser, grant: Callable[..., Any], email: str) -> dict[str, Any]:
    reply = await browser.submit(await browser.open(), username=email, password="schakel-demo")
    return await redeemed(browser, grant, code_of(reply))


async def redeemed(browser: Browser, grant: Callable[..., Any], code: str) -> dict[str, Any]:
    reply = await grant(
        grant_type="authorization_code",
        code=code,
        redirect_uri=CALLBACK,
        client_id="schakel-portal",
        client_secret=SECRET,
        code_verifier=browser.code_verifier,
    )
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


async def test_the_code_flow_gives_a_token_that_the_services_accept(
    own_realm: Any, browser: Browser, grant: Callable[..., Any], verifier: TokenVerifier
) -> None:
    tokens = await tokens_of(browser, grant, "fieldlab@demo.example")
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])

    assert (access["iss"], access["aud"], access["azp"]) == (own_realm.issuer, "schakel-api", "schakel-portal")
    assert access["exp"] - access["iat"] == 240
    assert access["typ"] == "Bearer"
    assert "/fieldlab/robohouse" in access["groups"]
    assert not {"email", "name", "preferred_username", "realm_access", "resource_access"} & set(access)
    assert (identity["email"], identity["nonce"]) == ("fieldlab@demo.example", "the-nonce")
    assert "groups" not in identity

    principal = await verifier.verify(tokens["access_token"])
    assert principal.subject == access["sub"]
    assert "fieldlab:robohouse" in principal.scopes
    for wrong in ("id_token", "refresh_token"):
        with pytest.raises(Problem) as caught:
            await verifier.verify(tokens[wrong])
        assert caught.value.slug == "token-refused"


async def test_a_group_that_was_taken_away_is_gone_after_a_refresh(
    own_realm: Any, browser: Browser, grant: Callable[..., Any]
) -> None:
    admin = own_realm.admin
    user, group = admin.get_user_id("hub@demo.example"), admin.get_group_by_path("/hub/zuid-holland")["id"]
    tokens = await tokens_of(browser, grant, "hub@demo.example")
    assert claims_of(tokens["access_token"])["groups"] == ["/hub/zuid-holland"]
    admin.group_user_remove(user, group)

    refreshed = await grant(
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        client_id="schakel-portal",
        client_secret=SECRET,
    )

    assert "groups" not in claims_of(refreshed.json()["access_token"])
    admin.group_user_add(user, group)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"response_type": "id_token token"},
    ],
    ids=["no PKCE", "plain PKCE", "implicit", "implicit with identity"],
)
async def test_another_flow_than_code_with_pkce_is_refused(browser: Browser, changes: dict[str, str | None]) -> None:
    reply = await browser.open(**changes)

    assert reply.status_code in {302, 400}
    location = reply.headers.get("location", "")
    assert "error=" in location or reply.status_code == 400
    assert "code=" not in location.replace("response_mode", "")
    assert "access_token=" not in location


@pytest.mark.parametrize(
    "address",
    [
        f"{CALLBACK}/more",
        f"{CALLBACK}?next=https://evil.example",
        "https://evil.example/login/callback",
        f"{PUBLIC_URL}/",
        "https://portal.test.example@evil.example/login/callback",
    ],
)
async def test_only_the_exact_address_is_gone_back_to(browser: Browser, address: str) -> None:
    reply = await browser.open(redirect_uri=address)

    assert reply.status_code == 400
    assert "location" not in reply.headers


async def test_a_code_is_worth_nothing_without_its_verifier_and_only_once(
    browser: Browser, grant: Callable[..., Any]
) -> None:
    code = code_of(await browser.submit(await browser.open(), username="company@demo.example", password="schakel-demo"))
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "schakel-portal",
        "client_secret": SECRET,
    }
    stolen = await grant(**form, code_verifier="x" * 64)

    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    replay = await grant(**form, code_verifier=browser.code_verifier)
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")


async def test_a_password_is_taken_from_the_tests_client_only(
    own_realm: Any, grant: Callable[..., Any], verifier: TokenVerifier
) -> None:
    del own_realm
    form = {"grant_type": "password", "username": "national@demo.example", "password": "schakel-demo"}
    portal = await grant(**form, client_id="schakel-portal", client_secret=SECRET)
    cli = await grant(**form, client_id="schakel-cli")
    tests = await grant(**form, client_id="schakel-tests")

    assert (portal.status_code, cli.status_code, tests.status_code) == (400, 400, 200)
    assert claims_of(tests.json()["access_token"])["groups"] == ["/national"]
    with pytest.raises(Problem) as caught:  # production settings do not know that client
        await verifier.verify(tests.json()["access_token"])
    assert caught.value.slug == "token-refused"


async def test_a_service_account_is_its_own_scope(grant: Callable[..., Any], verifier: TokenVerifier) -> None:
    reply = await grant(
        grant_type="client_credentials", client_id="schakel-verify", client_secret="schakel-verify-demo-secret"
    )

    principal = await verifier.verify(reply.json()["access_token"])

    assert principal.scopes == frozenset({"service:schakel-verify"})


async def test_signing_up_asks_an_address_and_a_password_and_goes_straight_on(
    browser: Browser, grant: Callable[..., Any], verifier: TokenVerifier
) -> None:
    form = await browser.follow(await browser.open(), "Account maken")
    assert fields_of(form) == ["email", "password", "password-confirm"]
    email, password = f"{secrets.token_hex(6)}@nieuw.example", "een lange zin als wachtwoord"
    answers = {"email": email, "password": password, "password-confirm": password}

    tokens = await redeemed(browser, grant, code_of(await browser.submit(form, **answers)))

    assert claims_of(tokens["id_token"])["email"] == email
    assert (await verifier.verify(tokens["access_token"])).scopes == frozenset()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"password": "kort", "password-confirm": "kort"}, "Kies een wachtwoord van ten minste 12 tekens."),
        ({"password-confirm": "iets heel anders"}, "De twee wachtwoorden zijn niet gelijk."),
        ({"email": "geen adres"}, "Dit is geen e-mailadres. Een voorbeeld: naam@bedrijf.nl"),
        ({"email": "company@demo.example"}, "Met dit e-mailadres is al een account gemaakt. Log in."),
    ],
)
async def test_a_mistake_in_signing_up_is_said_in_plain_dutch(
    browser: Browser, answers: dict[str, str], message: str
) -> None:
    form = await browser.follow(await browser.open(), "Account maken")
    good = {"email": "iemand@nieuw.example", "password": "een lange zin", "password-confirm": "een lange zin"}

    page = await browser.submit(form, **{**good, **answers})

    assert page.status_code == 200
    assert message in html.unescape(page.text)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("nl", ("Inloggen bij Schakel", "Inloggen", "Het e-mailadres of het wachtwoord klopt niet.")),
        ("en", ("Log in to Schakel", "Log in", "The e-mail address or the password is not right.")),
    ],
)
async def test_the_pages_are_ours_in_both_languages(
    browser: Browser, http: httpx.AsyncClient, language: str, texts: tuple[str, str, str]
) -> None:
    title, button, failed = texts
    page = await browser.open(ui_locales=language)
    wrong = await browser.submit(page, username="company@demo.example", password="wrong")

    assert f'lang="{language}"' in page.text
    assert f"<title>{title}</title>" in page.text
    assert re.search(rf'id="kc-login"[^>]*>\s*{button}\s*<', page.text)
    assert failed in html.unescape(wrong.text)
    (style,) = re.findall(r'href="([^"]+/css/schakel\.css)"', page.text)
    sheet = await http.get(str(httpx.URL(str(page.url)).join(style)))
    assert "--schakel-brand" in sheet.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
