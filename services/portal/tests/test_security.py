import pytest
from cryptography.fernet import Fernet

from schakel_portal import security
from schakel_portal.security import Seals, own_origin, safe_next
from schakel_portal.settings import PortalSettings


def settings_of(public_url: str) -> PortalSettings:
    return PortalSettings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        public_url=public_url,
        issuer="https://id.example.nl/realms/schakel",
        session_key=Fernet.generate_key().decode(),
    )


@pytest.mark.parametrize(
    "path", ["/", "/mijn", "/hulp/1/kennismaking/robohouse", "/en/fieldlabs?regio=oost&zoek=a%20b"]
)
def test_a_login_returns_to_a_path_of_ours(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "mijn",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/%2Fevil.example/%2e",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "/%255Cevil.example",
        "/mijn\r\nSet-Cookie: a=b",
        "/mijn%0d%0aSet-Cookie:a=b",
        "/\t/evil.example",
        "/" + "a" * 600,
        "//user@evil.example",
    ],
)
def test_a_login_never_returns_elsewhere(path: str | None) -> None:
    assert safe_next(path, "/mijn") == "/mijn"


def test_only_cookies_that_we_made_are_taken() -> None:
    seals, others = Seals("key"), Seals("another key")
    cookie = seals.mint()
    assert seals.genuine(cookie) == cookie
    assert seals.genuine(others.mint()) is None
    assert seals.genuine(cookie[:-1] + ("a" if cookie[-1] != "a" else "b")) is None
    assert seals.genuine("planted") is None
    assert seals.genuine(None) is None
    assert seals.genuine("ünïcode.ünïcode") is None


def test_a_form_belongs_to_one_visitor() -> None:
    seals = Seals("key")
    mine, yours = seals.mint(), seals.mint()
    assert seals.own_form(mine, seals.form_token(mine))
    assert not seals.own_form(mine, seals.form_token(yours))
    assert not seals.own_form(mine, None)
    assert not seals.own_form(None, seals.form_token(mine))


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "https://schakel.example.nl", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://other.schakel.example.nl"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_forms_from_elsewhere_are_told_apart(headers: dict[str, str], own: bool) -> None:  # noqa: FBT001 - a column of a table
    assert own_origin(settings_of("https://schakel.example.nl"), headers) is own


def test_headers_keep_to_what_internet_nl_checks() -> None:
    headers = security.headers(settings_of("https://schakel.example.nl"))
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == "'self' https://id.example.nl"
    assert policy["base-uri"] == policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_cookie_is_bound_to_the_host_on_https_only() -> None:
    assert settings_of("https://schakel.example.nl").cookie_name == "__Host-schakel"
    assert settings_of("http://127.0.0.1:8400").cookie_name == "schakel"
    assert "Strict-Transport-Security" not in security.headers(settings_of("http://127.0.0.1:8400"))
