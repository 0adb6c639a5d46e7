"""The whole platform, started by the command that a newcomer types, with what a test needs to drive and to hurt it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import httpx
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
DEMO_PASSWORD = "schakel-demo"
TESTS_CLIENT = "schakel-tests"
POLL_SECONDS = 0.05
START_SECONDS_MAX = 240.0

Answer = TypeVar("Answer")


def wait_until(ask: Callable[[], Answer], *, what: str, timeout_seconds: float = 30.0) -> Answer:
    """Ask until the answer is truthy, and return it; bounded."""
    deadline = time.monotonic() + timeout_seconds
    between = threading.Event()
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_seconds:.0f} s; the last answer was {answer!r}")
        between.wait(POLL_SECONDS)
    return answer


@dataclass(frozen=True)
class Reply:
    """What the gateway answered: its HTTP status and the GraphQL document."""

    status: int
    document: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The data of an answer without errors."""
        assert "errors" not in self.document, self.document["errors"]
        data: dict[str, Any] = self.document["data"]
        return data

    @property
    def snapshot(self) -> dict[str, Any]:
        """The moment that the answer is of."""
        snapshot: dict[str, Any] = self.document["extensions"]["snapshot"]
        return snapshot


class RunningStack:
    """A running platform: its addresses, its users, its processes."""

    def __init__(self, directory: Path, barriers: Path) -> None:
        self.directory = directory
        self.barriers = barriers
        self._http = httpx.Client(timeout=30, trust_env=False)
        self._tokens: dict[str, tuple[str, float]] = {}

    def record(self) -> dict[str, Any]:
        """What the supervisor has written down: ``pid``, ``address`` and the state of each part."""
        record: dict[str, Any] = json.loads((self.directory / "run.json").read_text())
        return record

    def address(self, part: str) -> str:
        """Where a part is reached."""
        address: str = self.record()["parts"][part]["address"]
        return address

    @property
    def portal_url(self) -> str:
        """The address that a browser opens."""
        return self.address("portal")

    @property
    def gateway_url(self) -> str:
        """The address that a GraphQL client uses."""
        return self.address("gateway")

    def secret(self, name: str) -> str:
        """A secret of this run, by the name the launcher gave it."""
        return str(json.loads((self.directory / "secrets.json").read_text())[name])

    def database_url(self, service: str) -> str:
        """A service's database, as its own role."""
        name = f"schakel_{service}"
        return f"postgresql://{name}:{self.secret(name)}@{self.address('postgres')}/{name}"

    async def fetch(self, service: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read rows of a service's database, past every rule of ours: for checks that must not trust our code."""
        connection = await asyncpg.connect(self.database_url(service))
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    def rows(self, service: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The same, for a test that is not a coroutine."""
        return asyncio.run(self.fetch(service, sql, *values))

    def kill(self, part: str) -> None:
        """Kill the process of a part at once, as a power cut would."""
        os.kill(int(self.record()["parts"][part]["pid"]), signal.SIGKILL)

    def pid(self, part: str) -> int:
        """The process of a part now; 0 while there is none."""
        return int(self.record()["parts"][part]["pid"])

    def wait_back(self, part: str, *, dead_pid: int, timeout_seconds: float = 90.0) -> None:
        """Wait until the supervisor has started a part again and it serves."""

        def is_back() -> bool:
            state = self.record()["parts"][part]
            return state["status"] == "ready" and int(state["pid"]) not in (0, dead_pid)

        wait_until(is_back, what=f"{part} back after its death", timeout_seconds=timeout_seconds)

    def token(self, user: str) -> str:
        """An access token of a demo user, such as ``company``; renewed when it has less than a minute left."""
        token, until = self._tokens.get(user, ("", 0.0))
        if time.monotonic() < until:
            return token
        reply = self._http.post(
            f"{self.address('keycloak')}/realms/schakel/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": TESTS_CLIENT,
                "username": f"{user}@demo.example",
                "password": DEMO_PASSWORD,
            },
        )
        reply.raise_for_status()
        document = reply.json()
        self._tokens[user] = (document["access_token"], time.monotonic() + document["expires_in"] - 60)
        return str(document["access_token"])

    def graphql(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        user: str | None = None,
        key: str | None = None,
        read_after: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Ask the gateway as a user (or as nobody); a mutation gets a fresh idempotency key unless one is given."""
        sent = {"Idempotency-Key": key or str(uuid4()), **(headers or {})}
        if user is not None:
            sent["Authorization"] = f"Bearer {self.token(user)}"
        if read_after is not None:
            sent["Read-After"] = read_after
        reply = self._http.post(
            f"{self.gateway_url}/graphql", json={"query": query, "variables": variables or {}}, headers=sent
        )
        return Reply(reply.status_code, reply.json())

    def get_page(self, path: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """Ask the portal for a page, as nobody."""
        return self._http.get(f"{self.portal_url}{path}", headers=headers or {})

    def close(self) -> None:
        """Give back the connections of this client."""
        self._http.close()


@contextmanager
def running_stack(directory: Path, *, otlp_endpoint: str) -> Iterator[RunningStack]:
    """Run `./schakel up` in a directory of its own until the block ends."""
    barriers = directory.with_name(f"{directory.name}-barriers")
    barriers.mkdir()
    environment = os.environ | {
        "SCHAKEL_DATA": str(directory),
        "SCHAKEL_OTLP_ENDPOINT": otlp_endpoint,
        "SCHAKEL_BARRIERS": str(barriers),
        "SCHAKEL_DEATHS_ALLOWED": "1000",
        "SCHAKEL_PROCESSING_LOG_ENDPOINT": otlp_endpoint,
        "SCHAKEL_PROCESSING_LOG_KEY": Fernet.generate_key().decode(),
    }
    log = directory.with_name(f"{directory.name}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "schakel_local", "up"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    stack = RunningStack(directory, barriers)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX

        def is_ready() -> bool:
            assert process.poll() is None, f"the platform did not start:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"the platform was not ready in time:\n{log.read_text()}"
            return "\nready (" in log.read_text()

        wait_until(is_ready, what="the platform ready", timeout_seconds=START_SECONDS_MAX + 5)
        yield stack
    finally:
        stack.close()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
