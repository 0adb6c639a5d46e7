"""PostgreSQL, Kafka and Keycloak as parts of a supervised run: the same for `up` and for the tests."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from schakel_local import kafka, keycloak, postgres
from schakel_local.places import CHECKOUT, LOOPBACK
from schakel_local.ports import Ports
from schakel_local.process import Command
from schakel_local.secret import Secrets
from schakel_local.supervisor import Part, Say

THEMES = CHECKOUT / "deploy" / "keycloak" / "themes"
KEYCLOAK_DATABASE = "schakel_keycloak"


@dataclass(frozen=True)
class Place:
    """Where a run keeps its things: its data directory and what is chosen once in it.

    `host` is the address that its parts listen on; another than the loopback is for programs outside of this machine's
    own network, such as the pods of a cluster.
    """

    directory: Path
    ports: Ports
    secrets: Secrets
    host: str = LOOPBACK

    @property
    def logs(self) -> Path:
        """One log per part and job."""
        return self.directory / "logs"


def postgres_part(place: Place) -> tuple[Part, str]:
    """PostgreSQL, and the address of its superuser."""
    port = place.ports.take("postgres", 54320)
    password = place.secrets.password("postgres")
    admin_url = postgres.url(port, password, host=place.host)

    async def prepare(say: Say) -> Command:
        log = place.logs / "postgres.log"
        data = place.directory / "postgres"
        return await postgres.prepare(data, log, host=place.host, port=port, password=password, say=say)

    async def ready() -> bool:
        return await postgres.is_ready(admin_url)

    return Part("postgres", prepare, ready, address=f"{place.host}:{port}"), admin_url


def kafka_part(place: Place) -> tuple[Part, str]:
    """Kafka, and its bootstrap address."""
    port = place.ports.take("kafka", 9092)
    controller_port = place.ports.take("kafka-controller", 9093)
    bootstrap = f"{place.host}:{port}"

    async def prepare(say: Say) -> Command:
        data, log = place.directory / "kafka", place.logs / "kafka.log"
        return await kafka.prepare(data, log, host=place.host, port=port, controller_port=controller_port, say=say)

    async def ready() -> bool:
        return await kafka.is_ready(bootstrap)

    return Part("kafka", prepare, ready, address=bootstrap), bootstrap


def keycloak_part(place: Place, postgres_admin_url: str, needs: tuple[str, ...] = ()) -> tuple[Part, str]:
    """Keycloak with its data in PostgreSQL, and its address."""
    port = place.ports.take("keycloak", 8480)
    url = f"http://{place.host}:{port}"
    password = place.secrets.password(KEYCLOAK_DATABASE)
    server = urlsplit(postgres_admin_url)
    database = {
        "url": f"jdbc:postgresql://{server.hostname}:{server.port or 5432}/{KEYCLOAK_DATABASE}",
        "user": KEYCLOAK_DATABASE,
        "password": password,
    }

    async def prepare(say: Say) -> Command:
        command = await keycloak.prepare(
            place.directory / "keycloak",
            place.logs / "keycloak.log",
            host=place.host,
            port=port,
            database=database,
            admin_password=place.secrets.password("keycloak-admin"),
            themes=THEMES,
            say=say,
        )
        await postgres.ensure_database(postgres_admin_url, KEYCLOAK_DATABASE, password)
        return command

    async def ready() -> bool:
        return await keycloak.is_ready(url)

    return Part("keycloak", prepare, ready, needs, url, ready_seconds=300.0), url
