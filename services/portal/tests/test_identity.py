"""Tokens of the identity provider, right and wrong, with keys of our own."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import RSAKey

from schakel_common.clock import FixedClock
from schakel_common.signing_keys import SigningKeys
from schakel_portal.login import IdentityProvider, LoginRefused
from schakel_portal.settings import PortalSettings

ISSUER = "https://id.example.nl/realms/schakel"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
EVENT: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
SETTINGS = PortalSettings(
    database_url="postgresql://nobody@127.0.0.1:1/none", issuer=ISSUER, session_key=Fernet.generate_key().decode()
)


def logout_claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": ISSUER,
        "aud": "schakel-portal",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=2)).timestamp()),
        "jti": str(uuid4()),
        "sid": "sid-1",
        "sub": "someone",
        "events": EVENT,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def signed(claims: dict[str, Any], key: RSAKey = KEY, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"} | header, claims, key)


def with_the_public_key_as_secret(claims: dict[str, Any]) -> str:
    """The old trick: HS256, with what everybody knows as the secret."""
    parts = [{"alg": "HS256", "kid": "one"}, claims]
    text = ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    seal = hmac.digest(KEY.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{urlsafe_b64encode(seal).rstrip(b'=').decode()}"


@pytest.fixture
async def identity() -> Any:
    async def fetch() -> dict[str, Any]:
        return {"keys": [KEY.as_dict(private=False)]}

    async with aiohttp.ClientSession() as http:
        yield IdentityProvider(SETTINGS, http, SigningKeys(fetch, lambda: 0.0), FixedClock(NOW))


async def test_a_logout_token_names_the_session_that_ends(identity: IdentityProvider) -> None:
    assert await identity.logged_out(signed(logout_claims())) == ("sid-1", "someone")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://id.example.nl/realms/other"},
        {"aud": "another-client"},
        {"aud": None},
        {"azp": "another-client"},
        {"exp": int((NOW - timedelta(minutes=1)).timestamp())},
        {"exp": None},
        {"iat": int((NOW + timedelta(hours=1)).timestamp())},
        {"iat": int((NOW - timedelta(hours=1)).timestamp())},
        {"events": None},
        {"events": {"something": {}}},
        {"nonce": "of-an-identity-token"},
        {"sid": None, "sub": None},
    ],
)
async def test_another_token_ends_nothing(identity: IdentityProvider, changes: dict[str, Any]) -> None:
    with pytest.raises(LoginRefused):
        await identity.logged_out(signed(logout_claims(**changes)))


async def test_tokens_that_are_not_signed_by_the_realm_are_refused(identity: IdentityProvider) -> None:
    claims = logout_claims()
    unsigned = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0." + signed(claims).split(".")[1] + "."
    symmetric = with_the_public_key_as_secret(claims)
    stranger = signed(claims, RSAKey.generate_key(2048, {"kid": "one"}))
    unknown = signed(claims, KEY, kid="two")
    for token in ("", "a.b.c", unsigned, symmetric, stranger, unknown):
        with pytest.raises(LoginRefused):
            await identity.logged_out(token)


async def test_each_login_has_secrets_of_its_own(identity: IdentityProvider) -> None:
    first, second = identity.begin("/mijn"), identity.begin("/mijn")
    assert len({first.state, first.nonce, first.verifier, second.state, second.nonce, second.verifier}) == 6
    assert min(len(first.state), len(first.nonce), len(first.verifier)) >= 43
    address = identity.address(first, "en", new_account=False)
    assert "prompt=" not in address
    assert "ui_locales=en" in address
    assert first.verifier not in address


async def test_an_answer_of_another_issuer_is_not_even_exchanged(identity: IdentityProvider) -> None:
    login = identity.begin("/mijn")
    for answer in ({"code": "c"}, {"code": "c", "iss": "https://evil.example/realms/schakel"}):
        with pytest.raises(LoginRefused, match="another issuer"):
            await identity.finish(login, answer)
