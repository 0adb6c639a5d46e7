"""Access tokens for fast tests: signed with a key made here, checked by the same code as Keycloak's."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from schakel_common.auth import TokenVerifier
from schakel_common.settings import ServiceSettings

TEST_ISSUER: Final = "https://login.test.example/realms/schakel"


class TokenIssuer:
    """Stands for the realm: has a key, publishes it, and signs what a test wants.

    Attributes:
        issuer: the ``iss`` of its tokens.
        key: the key it signs with.
        fetches: how often the keys were fetched.
        down: set it to make fetching fail.
    """

    def __init__(self, issuer: str = TEST_ISSUER, key: RSAKey | ECKey | None = None) -> None:
        self.issuer = issuer
        self.key = key or RSAKey.generate_key(2048, {"kid": uuid4().hex, "use": "sig"})
        self.fetches = 0
        self.down = False

    def jwks(self) -> dict[str, Any]:
        """Return the key set that the realm would publish."""
        return dict(KeySet([self.key]).as_dict(private=False))

    async def fetch_keys(self) -> Mapping[str, Any]:
        """Fetch the key set as a verifier does; ConnectionError while `down`."""
        self.fetches += 1
        if self.down:
            raise ConnectionError("the issuer is down")
        return self.jwks()

    def rotate(self) -> None:
        """Replace the key by a new one; the old one is no longer published."""
        self.key = RSAKey.generate_key(2048, {"kid": uuid4().hex, "use": "sig"})

    def verifier(self, settings: ServiceSettings) -> TokenVerifier:
        """Return a verifier that trusts this issuer, with the audience and the clients of the settings."""
        return TokenVerifier(settings.model_copy(update={"issuer": self.issuer}), fetch_keys=self.fetch_keys)

    def token(
        self,
        subject: str | None = None,
        groups: Sequence[str] = (),
        client_id: str = "schakel-portal",
        *,
        headers: Mapping[str, Any] | None = None,
        **overrides: Any,  # noqa: ANN401 - any claim
    ) -> str:
        """Sign an access token as Keycloak would give it.

        Args:
            subject: a random one by default.
            groups: full paths, such as ``/hub/noord``; without any the claim is absent, as with Keycloak.
            client_id: becomes ``azp``.
            headers: further header parameters.
            overrides: claims to replace; None removes one.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject or str(uuid4()),
            "aud": "schakel-api",
            "azp": client_id,
            "typ": "Bearer",
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 240,
            **({"groups": list(groups)} if groups else {}),
            **overrides,
        }
        algorithm = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        header = {"alg": algorithm, "kid": self.key.kid, **(headers or {})}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, self.key)

    def authorization(self, subject: str | None = None, groups: Sequence[str] = (), **more: Any) -> dict[str, str]:  # noqa: ANN401 - see `token`
        """Return the header that carries such a token."""
        return {"Authorization": f"Bearer {self.token(subject, groups, **more)}"}
