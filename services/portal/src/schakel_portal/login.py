"""Signing in at the identity provider: OpenID Connect, authorization code flow with PKCE.

The browser only ever holds our cookie; the tokens stay here. Rules: OAuth 2.0 for Browser-Based Applications (backend
for frontend), RFC 7636 (S256), RFC 9207 (``iss`` in the answer), OpenID Connect Back-Channel Logout 1.0.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from schakel_common.auth import ALGORITHMS, keys_over_http
from schakel_common.clock import Clock
from schakel_common.problems import Problem
from schakel_common.signing_keys import SigningKeys
from schakel_portal.sessions import IdentityUnavailable, PendingLogin, RefreshRefused, Tokens
from schakel_portal.settings import PortalSettings
from schakel_portal.texts import Language

LEEWAY_SECONDS: Final = 30
LOGOUT_TOKEN_SECONDS_MAX: Final = 300
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_SECONDS_MAX: Final = 5.0


class LoginRefused(Exception):  # noqa: N818 - an answer that we refuse, and no failure of ours
    """What came back from the identity provider does not belong to a login that this browser began."""


class IdentityProvider:
    """Keycloak, as this client sees it.

    Args:
        settings: issuer, client and addresses.
        http: the shared HTTP client.
        keys: the realm's public keys.
        clock: for the times in tokens.
    """

    def __init__(self, settings: PortalSettings, http: aiohttp.ClientSession, keys: SigningKeys, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._keys = keys
        self._clock = clock
        self._front = f"{settings.issuer}/protocol/openid-connect"
        self._back = f"{settings.back_channel}/protocol/openid-connect"

    @property
    def callback(self) -> str:
        """Where the browser comes back; registered to the letter at the identity provider."""
        return f"{self._settings.public_url}/login/callback"

    def begin(self, next_path: str) -> PendingLogin:
        """Return the secrets of a new login: state, nonce and PKCE verifier, 256 bits each."""
        return PendingLogin(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=next_path,
        )

    def address(self, login: PendingLogin, language: Language, *, new_account: bool) -> str:
        """Return where to send the browser: to sign in, or to make an account first (``prompt=create``)."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "client_id": self._settings.client_id,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": self.callback,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        if new_account:
            parameters["prompt"] = "create"
        return f"{self._front}/auth?{urlencode(parameters)}"

    async def finish(self, login: PendingLogin, answer: Mapping[str, str]) -> tuple[Tokens, Mapping[str, Any]]:
        """Exchange the code for tokens; returns them with the checked claims of the identity token.

        Raises:
            LoginRefused: another issuer answered, or the identity token is not ours.
            IdentityUnavailable: the identity provider does not answer.
        """
        if answer.get("iss") != self._settings.issuer:
            raise LoginRefused("the answer names another issuer")
        status, reply = await self._post(
            "token",
            grant_type="authorization_code",
            code=answer.get("code", ""),
            redirect_uri=self.callback,
            code_verifier=login.verifier,
        )
        if status != 200:  # noqa: PLR2004 - an HTTP status
            raise LoginRefused("the code was refused")
        claims = await self._claims(str(reply.get("id_token", "")))
        if not hmac.compare_digest(str(claims.get("nonce", "")), login.nonce):
            raise LoginRefused("the identity token is of another login")
        return self._tokens(reply), claims

    async def refresh(self, tokens: Tokens) -> Tokens:
        """Return newer tokens.

        Raises:
            RefreshRefused: the session has ended at the identity provider.
            IdentityUnavailable: it does not answer.
        """
        status, reply = await self._post("token", grant_type="refresh_token", refresh_token=tokens.refresh)
        if status != 200:  # noqa: PLR2004 - an HTTP status
            raise RefreshRefused
        return self._tokens({"refresh_token": tokens.refresh, "id_token": tokens.identity, **reply})

    def logout_address(self, tokens: Tokens, language: Language) -> str:
        """Return where to send the browser to end the session there too (RP-initiated logout)."""
        parameters = {
            "id_token_hint": tokens.identity,
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": f"{self._settings.public_url}/",
            "ui_locales": language,
        }
        return f"{self._front}/logout?{urlencode(parameters)}"

    async def logged_out(self, logout_token: str) -> tuple[str | None, str | None]:
        """Check a logout token; returns the ``sid`` and ``sub`` whose sessions end.

        Raises:
            LoginRefused: it is no logout token of this issuer for this client.
        """
        claims = await self._claims(logout_token)
        events = claims.get("events")
        if not isinstance(events, dict) or _LOGOUT_EVENT not in events or "nonce" in claims:
            raise LoginRefused("not a logout token")
        if self._clock.now().timestamp() - float(claims["iat"]) > LOGOUT_TOKEN_SECONDS_MAX:
            raise LoginRefused("the logout token is too old")
        sid, subject = claims.get("sid"), claims.get("sub")
        if not sid and not subject:
            raise LoginRefused("the logout token names nobody")
        return (str(sid) if sid else None), (str(subject) if subject else None)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token of this issuer for this client, signed by a key of the realm and of now."""
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = await self._keys.find(str(header.get("kid", "")))
            if key is None:
                raise LoginRefused("the token is signed with an unknown key")
            claims = jwt.decode(token, KeySet([key]), algorithms=list(ALGORITHMS)).claims
        except Problem as error:
            raise IdentityUnavailable from error
        except (JoseError, ValueError, RecursionError) as error:
            raise LoginRefused("the token is not well signed") from error
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._settings.issuer or self._settings.client_id not in audiences:
            raise LoginRefused("the token is of another issuer or for another client")
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise LoginRefused("the token was given to another client")
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise LoginRefused("the token has no times")
        if expires + LEEWAY_SECONDS <= now or issued - LEEWAY_SECONDS > now:
            raise LoginRefused("the token is not of now")

    def _tokens(self, reply: Mapping[str, Any]) -> Tokens:
        try:
            lifetime = timedelta(seconds=float(reply["expires_in"]))
            return Tokens(
                access=reply["access_token"],
                refresh=reply["refresh_token"],
                identity=reply["id_token"],
                access_until=self._clock.now() + lifetime,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IdentityUnavailable("the reply holds no tokens") from error

    async def _post(self, endpoint: str, **fields: str) -> tuple[int, Mapping[str, Any]]:
        secret = aiohttp.encode_basic_auth(self._settings.client_id, self._settings.client_secret)
        timeout = aiohttp.ClientTimeout(total=_SECONDS_MAX)
        try:
            async with self._http.post(
                f"{self._back}/{endpoint}",
                data=fields,
                headers={"Authorization": secret},
                timeout=timeout,
                allow_redirects=False,
            ) as reply:
                document = await reply.json(content_type=None)
                if reply.status >= 500 or not isinstance(document, dict):  # noqa: PLR2004 - an HTTP status
                    raise IdentityUnavailable
                return reply.status, document
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise IdentityUnavailable from error


def keys_of(settings: PortalSettings, monotonic: Any) -> SigningKeys:  # noqa: ANN401 - a clock function
    """Return the realm's keys, fetched from where this process reaches it."""
    address = settings.jwks_url or f"{settings.back_channel}/protocol/openid-connect/certs"
    return SigningKeys(keys_over_http(address), monotonic)
