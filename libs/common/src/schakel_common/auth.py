"""Who is calling: an access token of the realm, checked here without asking Keycloak.

Rules: RFC 8725 (an algorithm list of our own, no key from the token's header), NL GOV OAuth 2.0 (bearer in the header
only, issuer and audience checked) and `docs/adr/0008`. A token is never logged and never repeated in a reply.
"""

import hashlib
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from schakel_common.metrics import measure
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_common.signing_keys import FetchKeys, SigningKeys

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_SECONDS: Final = 30
LIFETIME_SECONDS_MAX: Final = 3600
"""A token that lives longer than this cannot be one of ours: the realm gives four minutes."""
REMEMBERED_SECONDS: Final = 60
REMEMBERED_TOKENS_MAX: Final = 10_000
TOKEN_CHARACTERS_MAX: Final = 16_384
FETCH_SECONDS_MAX: Final = 3.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as the token says; what a company's member may do is not in it.

    Attributes:
        subject: Keycloak's random id of the user or of the service account.
        client_id: the client that the token was given to (``azp``).
        scopes: opaque strings such as ``national``, ``hub:noord``, ``fieldlab:robohouse``, ``service:schakel-verify``.
        token: the token itself, to pass on in the user's name.
    """

    subject: str
    client_id: str
    scopes: frozenset[str]
    token: str = field(default="", repr=False, compare=False)

    def has(self, scope: str) -> bool:
        """Whether the caller has exactly this scope; scopes do not contain each other."""
        return scope in self.scopes

    def require(self, *scopes: str) -> None:
        """Raise Problem ``forbidden`` unless the caller has at least one of these scopes."""
        if self.scopes.isdisjoint(scopes):
            raise Problem("forbidden")


def scope_of_group(path: str) -> str | None:
    """Turn a group's path into a scope: ``/hub/noord`` becomes ``hub:noord``.

    Returns:
        None for what could pass as another scope: a part with a colon, or the ``service`` scopes, which no group gives.
    """
    parts = path.strip("/").split("/")
    if not all(parts) or any(":" in part for part in parts) or parts[0] == "service":
        return None
    return ":".join(parts)


class TokenVerifier:
    """Checks access tokens with the realm's public keys.

    Args:
        settings: issuer, audience and the client lists.
        fetch_keys: gets the JWKS document; by default over HTTP from ``settings.keys_url``.
        now: seconds since 1970.
        monotonic: seconds that never run back, for the pace of fetching.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        fetch_keys: FetchKeys | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._users_clients = frozenset(settings.allowed_clients)
        self._service_clients = frozenset(settings.service_clients)
        self._keys = SigningKeys(fetch_keys or keys_over_http(settings.keys_url), monotonic)
        self._now = now
        self._remembered: dict[bytes, tuple[Principal, float]] = {}

    async def verify(self, token: str) -> Principal:
        """Return who this token is about.

        Raises:
            Problem: ``token-refused`` when anything about the token is wrong; ``unavailable`` when no key was ever
                fetched and Keycloak does not answer.
        """
        if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
            raise _refused("the token is not a JWT")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if self._now() < known[1]:
                return known[0]
            del self._remembered[digest]
        claims = await self._signed_claims(token)
        principal = self._principal(claims, token)
        self._remember(digest, principal, min(float(claims["exp"]), self._now() + REMEMBERED_SECONDS))
        return principal

    async def _signed_claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, RecursionError) as error:
            raise _refused("the token is not a JWT") from error
        kid = header.get("kid")
        if (
            header.get("alg") not in ALGORITHMS
            or not isinstance(kid, str)
            or {"jku", "x5u", "jwk", "x5c", "crit"} & set(header)
        ):
            raise _refused("the token is not signed in a way that is accepted here")
        key = await self._keys.find(kid)
        if key is None:
            raise _refused("the token is signed with a key that is not known here")
        try:
            return jwt.decode(token, KeySet([key]), algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, RecursionError) as error:
            raise _refused("the signature of the token is not right") from error

    def _principal(self, claims: Mapping[str, Any], token: str) -> Principal:
        self._check_times(claims)
        if claims.get("iss") != self._issuer:
            raise _refused("the token is of another issuer")
        audiences = claims.get("aud")
        if self._audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise _refused("the token is for another audience")
        if claims.get("typ") != "Bearer":
            raise _refused("the token is not an access token")
        subject, client = claims.get("sub"), claims.get("azp")
        if not isinstance(subject, str) or not subject:
            raise _refused("the token is about nobody")
        if client in self._service_clients:
            return Principal(subject, str(client), frozenset({f"service:{client}"}), token)
        if client not in self._users_clients:
            raise _refused("the token was given to a client that may not call here")
        groups = claims.get("groups", [])
        scopes = (
            (scope_of_group(group) for group in groups if isinstance(group, str)) if isinstance(groups, list) else ()
        )
        return Principal(subject, str(client), frozenset(scope for scope in scopes if scope is not None), token)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        expires, issued, begins = (_instant(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None or issued is None:
            raise _refused("the token does not say how long it is valid")
        if expires + LEEWAY_SECONDS <= now:
            raise _refused("the token has expired")
        if max(issued, begins or 0.0) - LEEWAY_SECONDS > now:
            raise _refused("the token is not valid yet")
        if expires - issued > LIFETIME_SECONDS_MAX:
            raise _refused("the token is valid for longer than is accepted here")

    def _remember(self, digest: bytes, principal: Principal, until: float) -> None:
        while len(self._remembered) >= REMEMBERED_TOKENS_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = (principal, until)


def bearer_of(authorization: str | None) -> str | None:
    """Return the token of an Authorization header, None when there is no such header.

    Raises:
        Problem: ``token-refused`` when the header holds anything but one bearer token (RFC 6750, 2.1).
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise _refused("the Authorization header must be: Bearer <token>")
    return token


def keys_over_http(url: str) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """Return a function that fetches the JWKS document, in bounded time and without following redirects."""

    async def fetch() -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS_MAX)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url, allow_redirects=False, raise_for_status=True) as reply,
        ):
            document = json.loads(await reply.read())
        if not isinstance(document, dict):
            raise TypeError("the key set is no JSON object")
        return document

    return fetch


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused("a time in the token is no number")
    return float(value)


def _refused(reason: str) -> Problem:
    _logger.info("token refused: %s", reason)
    measure("token.refused.count", 1, reason="token-refused")
    return Problem("token-refused", reason)
