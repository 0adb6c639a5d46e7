"""The attacks on tokens of the security catalogue, against the very check that the services use."""

import asyncio
import base64
import hmac
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from schakel_common.auth import REMEMBERED_SECONDS, Principal, TokenVerifier, bearer_of, scope_of_group
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_common.signing_keys import FETCH_EVERY_SECONDS, FRESH_SECONDS
from schakel_common.testing import TokenIssuer


class Clocks:
    def __init__(self) -> None:
        self.wall = time.time()
        self.steady = 1_000.0

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def fresh_issuer(issuer: TokenIssuer) -> TokenIssuer:
    return TokenIssuer(key=issuer.key)  # making a key takes longer than most of these tests


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def verifier(fresh_issuer: TokenIssuer, settings: ServiceSettings, clocks: Clocks) -> TokenVerifier:
    trusted = settings.model_copy(update={"issuer": fresh_issuer.issuer})
    return TokenVerifier(
        trusted, fetch_keys=fresh_issuer.fetch_keys, now=lambda: clocks.wall, monotonic=lambda: clocks.steady
    )


async def test_whoever_checks_a_token_a_refused_one_is_counted(
    verifier: TokenVerifier, fresh_issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, float]] = []
    monkeypatch.setattr("schakel_common.auth.measure", lambda name, value, **_: counted.append((name, value)))

    await verifier.verify(fresh_issuer.token("somebody"))
    assert counted == []
    await refusal(verifier, "abc")
    with pytest.raises(Problem):
        bearer_of("Basic abc")

    assert counted == [("token.refused.count", 1)] * 2


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Problem) as caught:
        await verifier.verify(token)
    assert caught.value.slug == "token-refused"
    assert token not in str(caught.value.document())
    return caught.value.detail


def part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_good_token_names_the_caller(fresh_issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token = fresh_issuer.token("someone", ["/national", "/hub/noord", "/fieldlab/robohouse"])

    principal = await verifier.verify(token)

    assert principal == Principal(
        subject="someone",
        client_id="schakel-portal",
        scopes=frozenset({"national", "hub:noord", "fieldlab:robohouse"}),
    )
    assert principal.token == token
    assert token not in repr(principal)


async def test_without_groups_there_are_no_scopes(fresh_issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    assert (await verifier.verify(fresh_issuer.token("someone"))).scopes == frozenset()


@pytest.mark.parametrize("audience", ["schakel-api", ["account", "schakel-api"]])
async def test_the_audience_may_be_a_text_or_a_list(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, audience: object
) -> None:
    assert (await verifier.verify(fresh_issuer.token("someone", aud=audience))).subject == "someone"


async def test_a_service_account_has_its_own_scope_whatever_its_groups(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    token = fresh_issuer.token("robot", ["/national"], "schakel-verify")

    assert (await verifier.verify(token)).scopes == frozenset({"service:schakel-verify"})


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/national", "national"),
        ("/hub/noord", "hub:noord"),
        ("/service/schakel-verify", None),
        ("/hub:noord", None),
        ("/hub/", "hub"),
        ("", None),
    ],
)
def test_a_group_becomes_a_scope_only_when_it_cannot_pass_as_another(path: str, scope: str | None) -> None:
    assert scope_of_group(path) == scope


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
async def test_an_unsigned_token_is_refused(fresh_issuer: TokenIssuer, verifier: TokenVerifier, algorithm: str) -> None:
    _, claims, _ = fresh_issuer.token("someone").split(".")
    header = part({"alg": algorithm, "typ": "JWT", "kid": fresh_issuer.key.kid})

    assert await refusal(verifier, f"{header}.{claims}.") == "the token is not signed in a way that is accepted here"


async def test_a_token_signed_with_the_public_key_as_secret_is_refused(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    assert isinstance(fresh_issuer.key, RSAKey)
    _, claims, _ = fresh_issuer.token("someone").split(".")
    signed = f"{part({'alg': 'HS256', 'kid': fresh_issuer.key.kid})}.{claims}"
    mac = hmac.digest(fresh_issuer.key.as_pem(private=False), signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    assert await refusal(verifier, forged) == "the token is not signed in a way that is accepted here"


@pytest.mark.parametrize("algorithm", ["PS256", "RS512", "ES256"])
async def test_another_algorithm_than_the_keys_own_is_refused(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, algorithm: str
) -> None:
    _, claims, signature = fresh_issuer.token("someone").split(".")
    header = part({"alg": algorithm, "kid": fresh_issuer.key.kid})

    await refusal(verifier, f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "' OR 1=1 --", "https://evil.example/key", "", None, 7, ["a"], "x" * 9000]
)
async def test_a_key_id_is_only_a_name(fresh_issuer: TokenIssuer, verifier: TokenVerifier, kid: object) -> None:
    _, claims, signature = fresh_issuer.token("someone").split(".")

    await refusal(verifier, f"{part({'alg': 'RS256', 'kid': kid})}.{claims}.{signature}")


@pytest.mark.parametrize("parameter", ["jku", "x5u", "jwk", "x5c"])
async def test_a_key_in_the_header_is_refused_and_never_fetched(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, parameter: str
) -> None:
    own = RSAKey.generate_key(2048, {"kid": "mine"})
    claims = jwt.decode(fresh_issuer.token("someone"), fresh_issuer.key).claims
    values = {
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/cert",
        "jwk": own.as_dict(private=False),
        "x5c": ["MIIB"],
    }
    header = part({"alg": "RS256", "kid": "mine", parameter: values[parameter]})

    await refusal(verifier, f"{header}.{part(claims)}.AAAA")

    assert fresh_issuer.fetches == 0


async def test_a_token_of_another_key_with_a_known_key_id_is_refused(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    other = TokenIssuer()
    other.key = RSAKey.import_key(other.key.as_dict(private=True), {"kid": str(fresh_issuer.key.kid)})

    assert await refusal(verifier, other.token("someone")) == "the signature of the token is not right"


async def test_a_changed_claim_breaks_the_signature(fresh_issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    header, claims, signature = fresh_issuer.token("someone").split(".")
    changed = {**json.loads(base64.urlsafe_b64decode(claims + "==")), "groups": ["/national"]}

    assert await refusal(verifier, f"{header}.{part(changed)}.{signature}") == "the signature of the token is not right"


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 31}, "the token has expired"),
        ({"exp": None}, "the token does not say how long it is valid"),
        ({"iat": None}, "the token does not say how long it is valid"),
        ({"exp": NOW + 10 * 365 * 86400}, "the token is valid for longer than is accepted here"),
        ({"exp": "later"}, "a time in the token is no number"),
        ({"exp": True}, "a time in the token is no number"),
        ({"exp": float("inf")}, "a time in the token is no number"),
        ({"nbf": NOW + 3600}, "the token is not valid yet"),
        ({"iat": NOW + 3600, "exp": NOW + 3700}, "the token is not valid yet"),
        ({"iss": "https://login.test.example/realms/other"}, "the token is of another issuer"),
        ({"iss": None}, "the token is of another issuer"),
        ({"aud": "account"}, "the token is for another audience"),
        ({"aud": ["account"]}, "the token is for another audience"),
        ({"aud": None}, "the token is for another audience"),
        ({"azp": "stranger"}, "the token was given to a client that may not call here"),
        ({"azp": None}, "the token was given to a client that may not call here"),
        ({"typ": "ID"}, "the token is not an access token"),
        ({"typ": "Refresh"}, "the token is not an access token"),
        ({"typ": None}, "the token is not an access token"),
        ({"sub": ""}, "the token is about nobody"),
    ],
)
async def test_a_wrong_claim_is_refused(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, claims: dict[str, Any], reason: str
) -> None:
    assert await refusal(verifier, fresh_issuer.token(**claims)) == reason


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "é.é.é", "x" * 20_000, "[" * 15_000])
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Problem) as caught:
        await verifier.verify(token)

    assert (caught.value.slug, caught.value.detail) == ("token-refused", "the token is not a JWT")


async def test_clocks_may_differ_by_thirty_seconds(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks
) -> None:
    token = fresh_issuer.token("someone")
    clocks.advance(-29)
    assert (await verifier.verify(token)).subject == "someone"
    clocks.advance(29 + 240 + 29)
    assert (await verifier.verify(token)).subject == "someone"
    clocks.advance(2)
    assert await refusal(verifier, token) == "the token has expired"


async def test_p256_keys_are_accepted_too(fresh_issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    fresh_issuer.key = ECKey.generate_key("P-256", {"kid": "elliptic", "use": "sig"})

    assert (await verifier.verify(fresh_issuer.token("someone"))).subject == "someone"


async def test_a_new_key_is_fetched_once_and_the_old_one_is_gone(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks
) -> None:
    old = fresh_issuer.token("someone")
    await verifier.verify(old)
    fresh_issuer.rotate()
    clocks.advance(FETCH_EVERY_SECONDS)

    tokens = [fresh_issuer.token(f"user {number}") for number in range(20)]
    callers = await asyncio.gather(*(verifier.verify(token) for token in tokens))

    assert [caller.subject for caller in callers] == [f"user {number}" for number in range(20)]
    assert fresh_issuer.fetches == 2
    clocks.advance(61)
    assert await refusal(verifier, old) == "the token is signed with a key that is not known here"


async def test_a_withdrawn_key_is_refused_within_five_minutes_without_any_unknown_one(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks
) -> None:
    token = fresh_issuer.token("someone", exp=NOW + 3000)
    await verifier.verify(token)
    fresh_issuer.rotate()
    clocks.advance(FRESH_SECONDS + 1)
    assert (await verifier.verify(token)).subject == "someone"  # this one starts the fetch beside it
    await asyncio.sleep(0)
    clocks.advance(REMEMBERED_SECONDS)
    assert FRESH_SECONDS + 1 + REMEMBERED_SECONDS < 300

    assert await refusal(verifier, token) == "the token is signed with a key that is not known here"


async def test_a_flood_of_unknown_keys_causes_one_fetch_per_ten_seconds(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks
) -> None:
    await verifier.verify(fresh_issuer.token("someone"))
    clocks.advance(FETCH_EVERY_SECONDS)
    stranger = TokenIssuer()
    for number in range(50):
        await refusal(verifier, stranger.token(headers={"kid": f"kid-{number}"}))
        clocks.advance(0.19)

    assert fresh_issuer.fetches == 2
    clocks.advance(FETCH_EVERY_SECONDS)
    await refusal(verifier, stranger.token())
    assert fresh_issuer.fetches == 3
    assert (await verifier.verify(fresh_issuer.token("still fine"))).subject == "still fine"


async def test_known_keys_serve_while_keycloak_is_down(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks
) -> None:
    await verifier.verify(fresh_issuer.token("someone"))
    fresh_issuer.down = True
    clocks.steady += 3600

    assert (await verifier.verify(fresh_issuer.token("someone else"))).subject == "someone else"
    await asyncio.sleep(0)
    assert (await verifier.verify(fresh_issuer.token("a third"))).subject == "a third"


async def test_before_the_first_key_a_down_keycloak_is_unavailable_not_a_bad_token(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    fresh_issuer.down = True

    with pytest.raises(Problem) as caught:
        await verifier.verify(fresh_issuer.token("someone"))

    assert (caught.value.slug, caught.value.retry_after_seconds) == ("unavailable", 5)


async def test_a_token_is_checked_once_a_minute(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = 0
    decode = jwt.decode

    def counted(*args: Any, **kwargs: Any) -> jwt.Token:
        nonlocal checks
        checks += 1
        return decode(*args, **kwargs)

    monkeypatch.setattr(jwt, "decode", counted)
    token = fresh_issuer.token("someone")
    for _ in range(10):
        await verifier.verify(token)
    assert checks == 1
    clocks.advance(61)
    await verifier.verify(token)
    assert checks == 2


async def test_no_token_reaches_the_log(
    fresh_issuer: TokenIssuer, verifier: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = fresh_issuer.token("someone", aud="other")

    await refusal(verifier, token)

    assert "token refused: the token is for another audience" in caplog.text
    assert not any(piece in caplog.text for piece in token.split("."))


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "Bearer a b", "abc"])
def test_another_authorization_than_one_bearer_token_is_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        bearer_of(header)

    assert caught.value.slug == "token-refused"


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer_of("bearer abc") == "abc"
    assert bearer_of(None) is None


def test_require_wants_one_of_the_scopes_and_no_wider_one() -> None:
    hub = Principal("someone", "schakel-portal", frozenset({"hub:noord"}))

    hub.require("national", "hub:noord")
    for scope in ("hub", "hub:oost", "national", "hub:noord2"):
        with pytest.raises(Problem) as caught:
            hub.require(scope)
        assert caught.value.slug == "forbidden"
