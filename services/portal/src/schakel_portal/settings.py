from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from schakel_common.settings import ServiceSettings

PACKAGE: Final = Path(__file__).parent


class PortalSettings(ServiceSettings):
    """What the pages need to know about their surroundings; every value comes from ``SCHAKEL_<NAME>``.

    Attributes:
        gateway_url: address of the gateway; GraphQL is at ``/graphql`` below it.
        public_url: address that the browser sees.
        keycloak_url: address of Keycloak as reached from here; empty means where the issuer is.
        client_id: our client at Keycloak.
        client_secret: its secret.
        session_key: Fernet key that encrypts sessions; the same for all replicas.
        gateway_seconds_max: how long a page waits for the gateway.
        security_contact: where a weakness is reported, ``mailto:`` or ``https:``; empty serves no security.txt.
        session_days: how long a session, and the drafts that it may open, are kept.
    """

    port: int = Field(default=8080, ge=0, le=65535)
    gateway_url: str = "http://127.0.0.1:8000"
    public_url: str = "http://127.0.0.1:8080"
    keycloak_url: str = ""
    client_id: str = "schakel-portal"
    client_secret: str = Field(default="", repr=False)
    session_key: str = Field(repr=False)
    gateway_seconds_max: float = Field(default=10.0, gt=0)
    security_contact: str = Field(default="", pattern=r"^$|^(mailto:|https://)[^\s]+$")
    session_days: int = Field(default=30, ge=1)

    @property
    def secure(self) -> bool:
        """Whether the browser reaches us by https."""
        return self.public_url.startswith("https://")

    @property
    def cookie_name(self) -> str:
        """``__Host-`` binds the cookie to this host and to https; browsers refuse that prefix on http."""
        return "__Host-schakel" if self.secure else "schakel"

    @property
    def origin(self) -> str:
        """Scheme, host and port that our own forms are sent from."""
        return _origin(self.public_url)

    @property
    def issuer_origin(self) -> str:
        """Where the browser signs in; empty when no issuer is set."""
        return _origin(self.issuer) if self.issuer else ""

    @property
    def back_channel(self) -> str:
        """The realm's address as reached from here."""
        path = urlsplit(self.issuer).path
        return f"{self.keycloak_url.rstrip('/')}{path}" if self.keycloak_url else self.issuer


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
