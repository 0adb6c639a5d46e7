"""What an installation finds around it: PostgreSQL, Kafka and Keycloak beside the cluster, and secrets inside it."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import yaml
from running import ROOT, RunningStack
from site_images import THIS

from schakel_local import postgres, teststack
from schakel_local.cluster.cluster import Cluster
from schakel_local.holder import PartName
from schakel_local.secret import Secrets
from schakel_local.services import GATEWAY_READER, SERVICES

NAMESPACE: Final = "schakel"
PORTAL_PORT, GATEWAY_PORT = 30080, 30081
VALUES: Final = ROOT / "tests" / "cluster" / "values.yaml"


@dataclass(frozen=True)
class Surroundings:
    """The parts beside a cluster: their addresses as pods and this machine know them, and the secrets of the site."""

    cluster: Cluster
    directory: Path
    postgres_admin: str
    kafka: str
    keycloak: str
    keycloak_password: str

    @property
    def portal(self) -> str:
        """The address that browsers see."""
        return f"http://{self.cluster.node_address}:{PORTAL_PORT}"

    @property
    def gateway(self) -> str:
        """The address that GraphQL clients use."""
        return f"http://{self.cluster.node_address}:{GATEWAY_PORT}"

    @property
    def secrets(self) -> Secrets:
        """Passwords and keys of the site."""
        return Secrets(self.directory)

    def database_url(self, service: str) -> str:
        """A service's database, as its own role."""
        name, server = f"schakel_{service}", urlsplit(self.postgres_admin)
        return f"postgresql://{name}:{self.secrets.password(name)}@{server.hostname}:{server.port}/{name}"

    def execute(self, sql: str) -> None:
        """Run SQL as the database's administrator."""

        async def run() -> None:
            connection = await asyncpg.connect(self.postgres_admin)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        asyncio.run(run())

    def values(self, **more: Any) -> str:
        """The file of values of this site, with others laid over it at the top level."""
        found: dict[str, Any] = yaml.safe_load(VALUES.read_text())
        found["image"]["tag"] = THIS
        found["publicUrl"] = self.portal
        found["issuer"] = f"{self.keycloak}/realms/schakel"
        found["kafka"]["bootstrap"] = self.kafka
        for part, address in (
            ("postgres", self.postgres_admin),
            ("kafka", f"//{self.kafka}"),
            ("keycloak", self.keycloak),
        ):
            found["networkPolicy"][part] = {"port": urlsplit(address).port}
        merge(found, more)
        return json.dumps(found)

    def stack(self) -> RunningStack:
        """The installation as the journeys know a running platform."""
        return RunningStack(self.directory, self.directory)

    def make_secret(self, name: str, **values: str) -> None:
        """Make a secret, or set it anew."""
        given = {key.replace("_", "-"): value for key, value in values.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": given}
        self.cluster.kubectl("-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(secret))

    def make_secrets(self) -> None:
        """Make every secret that the chart asks for."""
        for service in SERVICES:
            self.make_secret(f"schakel-{service.name}-database", uri=self.database_url(service.name))
        own = self.secrets
        self.make_secret("schakel-portal", client_secret=own.password("client-portal"), session_key=own.key("session"))
        self.make_secret(
            "schakel-realm",
            admin_password=self.keycloak_password,
            portal_client_secret=own.password("client-portal"),
            verify_client_secret=own.password("client-verify"),
            events_client_secret=own.password("client-events"),
        )

    def change_password(self, service: str) -> None:
        """Give the role of a service a new password, in the database and in the secret; its pods do not know it yet."""
        name, file = f"schakel_{service}", self.directory / "secrets.json"
        kept = json.loads(file.read_text())
        kept[name] = secrets.token_urlsafe(24)
        file.write_text(json.dumps(kept))
        self.make_secret(f"schakel-{service}-database", uri=self.database_url(service))
        self.execute(f"ALTER ROLE {name} PASSWORD '{kept[name]}'")

    def add_demo_users(self) -> None:
        """Add the demo users and the tests' client, which no chart contains, to the realm that the release made."""
        told = {
            "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": self.keycloak_password,
            "SCHAKEL_PUBLIC_URL": self.portal,
            **{
                f"SCHAKEL_{client.upper()}_CLIENT_SECRET": self.secrets.password(f"client-{client}")
                for client in ("portal", "verify", "events")
            },
        }
        command = [sys.executable, "-m", "schakel_keycloak", "apply", "--demo", "--url", self.keycloak]
        done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def merge(base: dict[str, Any], more: dict[str, Any]) -> None:
    """Lay values over others, as Helm does with several files."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


@contextmanager
def surroundings(cluster: Cluster, directory: Path) -> Iterator[Surroundings]:
    """Start the parts on the address by which pods reach this machine, with an empty database for each service."""
    host = cluster.host_address

    def part(name: PartName) -> dict[str, Any]:
        return teststack.ensure(directory, name, os.getpid(), host)

    try:
        with ThreadPoolExecutor() as pool:
            kafka = pool.submit(part, "kafka")
            admin = part("postgres")["admin_url"]
            keycloak = part("keycloak")
            bootstrap = kafka.result()["bootstrap"]
        site = Surroundings(cluster, directory, admin, bootstrap, keycloak["url"], keycloak["admin_password"])
        asyncio.run(_make_databases(site))
        _describe(site)
        yield site
    finally:
        teststack.stop(directory)


async def _make_databases(site: Surroundings) -> None:
    for service in SERVICES:
        await postgres.ensure_database(site.postgres_admin, service.database, site.secrets.password(service.database))
    await postgres.ensure_reader(site.postgres_admin, GATEWAY_READER, "schakel_gateway")


def _describe(site: Surroundings) -> None:
    """Write down where everything is, as the launcher does for a platform on a laptop."""
    server = urlsplit(site.postgres_admin)
    addresses = {
        "portal": site.portal,
        "gateway": site.gateway,
        "keycloak": site.keycloak,
        "kafka": site.kafka,
        "postgres": f"{server.hostname}:{server.port}",
    }
    record = {"pid": os.getpid(), "address": site.portal, "parts": {k: {"address": v} for k, v in addresses.items()}}
    (site.directory / "run.json").write_text(json.dumps(record))
