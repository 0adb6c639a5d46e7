"""Real parts as pytest fixtures: one stack for the whole run, also with many workers, started when first asked for.

`SCHAKEL_TEST_STACK` may name the file of a standing stack (`./schakel test-stack start`); then that one is used and
left running. Tests take databases and topic names of their own; nothing that one test makes is in another's way.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from schakel_local import keycloak, postgres, teststack
from schakel_local.holder import PartName
from schakel_local.places import CHECKOUT

_RUN = pytest.StashKey[Path]()
_REALM_SECONDS = 120
_REALM_FILES = {".py", ".yaml", ".yml", ".json", ".toml"}


@dataclass(frozen=True)
class Held:
    """A part of the test stack; `shared` when others use it too, so that it may not be killed."""

    name: PartName
    directory: Path
    shared: bool

    def kill(self) -> None:
        """End the process with SIGKILL and keep it down. Only for a part of one's own (`private_kafka` and so on)."""
        self._refuse_when_shared()
        teststack.signal_holder(self.directory, self.name, signal.SIGUSR1, "down")

    def start(self) -> None:
        """Start the part after `kill`, at the same address, and wait until it is ready."""
        teststack.signal_holder(self.directory, self.name, signal.SIGUSR2, "ready")

    def restart(self) -> None:
        """`kill` and `start`."""
        self.kill()
        self.start()

    def _refuse_when_shared(self) -> None:
        if self.shared:
            raise RuntimeError(f"other tests use this {self.name}: take the fixture private_{self.name} to kill it")


@dataclass(frozen=True)
class PostgresServer(Held):
    """PostgreSQL for tests. `admin_url` is the superuser's address."""

    admin_url: str

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of `template` (nobody may be connected to it); returns its address."""
        clause = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        self.execute(f'CREATE DATABASE "{name}"{clause}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, also when connections to it are open."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        """The superuser's address of a database."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL with psql and return what it printed. Blocks for some tens of milliseconds; works in any test."""
        command = [str(postgres.binaries() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url(database)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()


@dataclass(frozen=True)
class KafkaServer(Held):
    """Kafka for tests: one broker at `bootstrap`. Topics are not made by themselves."""

    bootstrap: str


@dataclass(frozen=True)
class KeycloakServer(Held):
    """Keycloak for tests with the realm `schakel` and its demo users, when the realm job is there to apply it."""

    url: str
    admin_password: str
    admin_user: str = keycloak.ADMIN
    realm: str = "schakel"

    @property
    def issuer(self) -> str:
        """What tokens of the realm carry as `iss`."""
        return f"{self.url}/realms/{self.realm}"


def pytest_configure(config: pytest.Config) -> None:
    """Choose this run's stack: the standing one, the one of the process that began the run, or a new one."""
    standing = os.environ.get("SCHAKEL_TEST_STACK")
    worker_input: dict[str, str] | None = getattr(config, "workerinput", None)
    if standing:
        config.stash[_RUN] = Path(json.loads(Path(standing).read_text())["directory"])
    elif worker_input is not None:
        config.stash[_RUN] = Path(worker_input["schakel_run"])
    else:
        config.stash[_RUN] = Path(tempfile.mkdtemp(prefix="schakel-test-"))
        (config.stash[_RUN] / "owner").write_text(str(os.getpid()))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker which stack is this run's."""
    config: pytest.Config = node.config  # type: ignore[attr-defined] # xdist ships no types for its nodes
    node.workerinput["schakel_run"] = str(config.stash[_RUN])  # type: ignore[attr-defined] # as above


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the run ends its stack, after all workers have ended."""
    directory = config.stash.get(_RUN, None)
    owner = directory / "owner" if directory else None
    if directory and owner and owner.exists() and owner.read_text() == str(os.getpid()):
        teststack.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what the collected tests ask for, side by side, before the first one's time begins to count."""
    directory = session.config.stash[_RUN]
    asked = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    if session.config.option.collectonly or not asked & {"kafka_server", "postgres_server"}:
        return
    owner = _owner(directory)
    with ThreadPoolExecutor() as pool:
        kafka = pool.submit(teststack.ensure, directory, "kafka", owner) if "kafka_server" in asked else None
        if "postgres_server" in asked:
            teststack.ensure(directory, "postgres", owner)
        if "keycloak_server" in asked:
            _apply_realm(_keycloak(directory, shared=True))
        if kafka:
            kafka.result()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> PostgresServer:
    """The PostgreSQL of this run."""
    return _postgres(pytestconfig.stash[_RUN], shared=True)


@pytest.fixture(scope="session")
def kafka_server(pytestconfig: pytest.Config) -> KafkaServer:
    """The Kafka of this run."""
    return _kafka(pytestconfig.stash[_RUN], shared=True)


@pytest.fixture(scope="session")
def keycloak_server(pytestconfig: pytest.Config, postgres_server: PostgresServer) -> KeycloakServer:
    """The Keycloak of this run, with the realm and the demo users. It keeps its data in the run's PostgreSQL."""
    del postgres_server
    server = _keycloak(pytestconfig.stash[_RUN], shared=True)
    _apply_realm(server)
    return server


@pytest.fixture(scope="session")
def private_directory() -> Iterator[Path]:
    """The place of this worker's own parts, which its tests may kill."""
    directory = Path(tempfile.mkdtemp(prefix="schakel-test-own-"))
    yield directory
    teststack.stop(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def private_postgres(private_directory: Path) -> PostgresServer:
    """A PostgreSQL of one's own, to be killed; a test leaves it running."""
    return _postgres(private_directory, shared=False)


@pytest.fixture(scope="session")
def private_kafka(private_directory: Path) -> KafkaServer:
    """A Kafka of one's own, to be killed; a test leaves it running."""
    return _kafka(private_directory, shared=False)


@pytest.fixture(scope="session")
def private_keycloak(private_directory: Path, private_postgres: PostgresServer) -> KeycloakServer:
    """A Keycloak of one's own, to be killed; a test leaves it running. Its data is in one's own PostgreSQL."""
    del private_postgres
    server = _keycloak(private_directory, shared=False)
    _apply_realm(server)
    return server


def _owner(directory: Path) -> int | None:
    owner = directory / "owner"
    return int(owner.read_text()) if owner.exists() else None


def _postgres(directory: Path, *, shared: bool) -> PostgresServer:
    record = teststack.ensure(directory, "postgres", _owner(directory) if shared else os.getpid())
    return PostgresServer("postgres", directory, shared, record["admin_url"])


def _kafka(directory: Path, *, shared: bool) -> KafkaServer:
    record = teststack.ensure(directory, "kafka", _owner(directory) if shared else os.getpid())
    return KafkaServer("kafka", directory, shared, record["bootstrap"])


def _keycloak(directory: Path, *, shared: bool) -> KeycloakServer:
    record = teststack.ensure(directory, "keycloak", _owner(directory) if shared else os.getpid())
    return KeycloakServer("keycloak", directory, shared, record["url"], record["admin_password"])


def _apply_realm(server: KeycloakServer) -> None:
    """Apply the realm once per run; on a standing stack again when the realm's files have changed since."""
    if importlib.util.find_spec("schakel_keycloak.__main__") is None:
        return
    marker = server.directory / "realm.applied"
    sources = sorted(path for path in (CHECKOUT / "deploy" / "keycloak").rglob("*") if path.is_file())
    contents = b"".join(
        path.read_bytes() for path in sources if path.suffix in {".py", ".yaml", ".yml", ".json", ".toml"}
    )
    digest = hashlib.sha256(contents).hexdigest()
    with teststack.locked(server.directory / "realm.lock"):
        if marker.exists() and marker.read_text() == digest:
            return
        command = [sys.executable, "-m", "schakel_keycloak", "apply", "--demo", "--url", server.url]
        command += ["--admin-user", server.admin_user, "--admin-password-env", "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD"]
        environment = {**os.environ, "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": server.admin_password}
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=environment, capture_output=True, text=True, check=False, timeout=_REALM_SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"the realm could not be applied: {done.stdout}{done.stderr}")
        marker.write_text(digest)
