"""The five services as data: their ports, their roles, and the environment that each process gets."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from schakel_local.places import CHECKOUT
from schakel_local.postgres import url as embedded_url
from schakel_local.secret import Secrets

REALM = "schakel"
DATA = CHECKOUT / "data"
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Service:
    """One service: `roles` is what its single process does; `loads` when it has a `load --data` command."""

    name: str
    port: int
    roles: str
    loads: bool = False

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return f"schakel_{self.name}"

    @property
    def database(self) -> str:
        """The name of its database and of the role that owns it."""
        return f"schakel_{self.name}"


SERVICES = (
    Service("portal", 8400, "api"),
    Service("gateway", 8401, "api,consumers"),
    Service("registry", 8402, "api,consumers,relay", loads=True),
    Service("matching", 8403, "api,consumers,relay"),
    Service("events", 8404, "api,consumers,relay", loads=True),
)
BY_NAME = {service.name: service for service in SERVICES}
GATEWAY_READER = "schakel_gateway_reader"
"""The role that the gateway becomes for a read, so that row-level security binds it (it owns the tables itself)."""


@dataclass(frozen=True)
class Addresses:
    """Where everything of one run is reached; `ports` by service name."""

    postgres_admin: str
    kafka: str
    keycloak: str
    ports: dict[str, int]

    def of(self, name: str) -> str:
        """The address of a service."""
        return f"http://{_HOST}:{self.ports[name]}"


def own(name: str) -> str:
    """A part of one's own as set in the environment (`SCHAKEL_POSTGRES_URL`, `SCHAKEL_KAFKA_BOOTSTRAP`, ...), or ''."""
    return os.environ.get(name, "").rstrip("/")


def addresses(port_of: Callable[[str, int], int], secrets: Secrets) -> Addresses:
    """The addresses of a run, given how a port is chosen (by name and preferred number)."""
    postgres = own("SCHAKEL_POSTGRES_URL") or embedded_url(port_of("postgres", 54320), secrets.password("postgres"))
    return Addresses(
        postgres_admin=postgres,
        kafka=own("SCHAKEL_KAFKA_BOOTSTRAP") or f"{_HOST}:{port_of('kafka', 9092)}",
        keycloak=own("SCHAKEL_KEYCLOAK_URL") or f"http://{_HOST}:{port_of('keycloak', 8480)}",
        ports={service.name: port_of(service.name, service.port) for service in SERVICES},
    )


def database_url(service: Service, where: Addresses, secrets: Secrets) -> str:
    """The address of a service's own database, as its own role."""
    server = urlsplit(where.postgres_admin)
    password = secrets.password(service.database)
    return f"postgresql://{service.database}:{password}@{server.hostname}:{server.port or 5432}/{service.database}"


def environment(service: Service, where: Addresses, secrets: Secrets) -> dict[str, str]:
    """What the process of a service is told, on top of our own environment."""
    issuer = f"{where.keycloak}/realms/{REALM}"
    told = {
        "SCHAKEL_DATABASE_URL": database_url(service, where, secrets),
        "SCHAKEL_KAFKA_BOOTSTRAP": where.kafka,
        "SCHAKEL_ISSUER": issuer,
        "SCHAKEL_JWKS_URL": f"{issuer}/protocol/openid-connect/certs",
        "SCHAKEL_ALLOWED_CLIENTS": "schakel-portal,schakel-gateway,schakel-load,schakel-cli,schakel-tests",
        "SCHAKEL_INSTANCE": "local",  # a consumer that comes back under its old name rejoins at once
        "SCHAKEL_HOST": _HOST,
        "SCHAKEL_PORT": str(where.ports[service.name]),
        "SCHAKEL_OTLP_ENDPOINT": own("SCHAKEL_OTLP_ENDPOINT"),
        "SCHAKEL_KEYCLOAK_URL": where.keycloak,
        "SCHAKEL_PUBLIC_URL": where.of("portal"),
        "SCHAKEL_DATA_DIR": str(DATA),
        "PYTHONDONTWRITEBYTECODE": "",  # where it is set, each process would compile all packages anew
        **{f"SCHAKEL_{name.upper()}_URL": where.of(name) for name in BY_NAME if name != "portal"},
    }
    return told | _secrets_of(service, secrets)


def realm_environment(where: Addresses, secrets: Secrets) -> dict[str, str]:
    """What the job that applies the realm is told: the portal's address and the secrets of the clients."""
    return {
        "SCHAKEL_PUBLIC_URL": where.of("portal"),
        "SCHAKEL_PORTAL_CLIENT_SECRET": secrets.password("client-portal"),
        "SCHAKEL_VERIFY_CLIENT_SECRET": secrets.password("client-verify"),
        "SCHAKEL_EVENTS_CLIENT_SECRET": secrets.password("client-events"),
        "SCHAKEL_ACCOUNTS_CLIENT_SECRET": secrets.password("client-accounts"),
    }


def is_there(module: str) -> bool:
    """Whether a package can be run with `python -m`."""
    try:
        return importlib.util.find_spec(f"{module}.__main__") is not None
    except ModuleNotFoundError:
        return False


def _secrets_of(service: Service, secrets: Secrets) -> dict[str, str]:
    if service.name == "portal":
        return {
            "SCHAKEL_CLIENT_ID": "schakel-portal",
            "SCHAKEL_CLIENT_SECRET": secrets.password("client-portal"),
            "SCHAKEL_SESSION_KEY": secrets.key("session"),
        }
    if service.name == "gateway":
        return {"SCHAKEL_VERIFY_CLIENT_SECRET": secrets.password("client-verify")}
    if service.name == "registry":
        return {"SCHAKEL_ACCOUNTS_CLIENT_SECRET": secrets.password("client-accounts")}
    if service.name == "events":
        return {"SCHAKEL_EVENTS_CLIENT_SECRET": secrets.password("client-events")}
    return {}
