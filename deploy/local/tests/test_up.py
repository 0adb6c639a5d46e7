import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from schakel_local.fixtures import KafkaServer, PostgresServer
from schakel_local.ports import any_free

BOUND_SECONDS = 30.0


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def some_keycloak() -> Iterator[str]:
    """Something that answers where Keycloak would: these tests are about the launcher's part."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def surroundings(tmp_path: Path, kafka_server: KafkaServer, some_keycloak: str) -> dict[str, str]:
    """An `up` that runs PostgreSQL itself and finds the other parts running, without services."""
    ports = {"postgres": any_free(), "portal": any_free()}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ports.json").write_text(json.dumps(ports))
    return {
        **os.environ,
        "SCHAKEL_DATA": str(tmp_path / "data"),
        "SCHAKEL_SERVICES": "none",
        "SCHAKEL_KAFKA_BOOTSTRAP": kafka_server.bootstrap,
        "SCHAKEL_KEYCLOAK_URL": some_keycloak,
    }


class Run:
    """One `up` in the background, whose output goes to a file."""

    def __init__(self, surroundings: dict[str, str], *arguments: str) -> None:
        self.output = Path(surroundings["SCHAKEL_DATA"]).parent / f"up-{time.monotonic_ns()}.out"
        self.ports: dict[str, int] = {}
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "schakel_local", "up", *arguments],
                env=surroundings,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.output.read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOUND_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.text()
            threading.Event().wait(0.02)

    def until_ready(self) -> None:
        self.until(lambda: "\nready (" in self.text())

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(BOUND_SECONDS)


def command(surroundings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "schakel_local", *arguments],
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND_SECONDS,
    )


def left_behind(data: str) -> list[str]:
    """Processes that were started for a data directory and still run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(data in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(words))
    return found


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_second_up_says_where_the_first_one_runs_and_down_ends_it(surroundings: dict[str, str]) -> None:
    run = Run(surroundings)
    run.until_ready()
    ports = json.loads(Path(surroundings["SCHAKEL_DATA"], "ports.json").read_text())
    address = f"http://127.0.0.1:{ports['portal']}"

    second = command(surroundings, "up")
    assert second.returncode == 1
    assert second.stdout == f"already runs: {address} (process {run.process.pid})\n"
    status = command(surroundings, "status")
    assert status.returncode == 0
    assert f"127.0.0.1:{ports['postgres']}" in status.stdout
    assert "database system is ready" in command(surroundings, "logs", "postgres").stdout

    assert command(surroundings, "down").stdout.startswith("stopped (")
    assert run.process.wait(BOUND_SECONDS) == 0
    assert command(surroundings, "status").stdout == "nothing runs\n"
    assert address in run.text()
    for user in ("company", "fieldlab", "hub", "national"):
        assert f"{user}@demo.example" in run.text()


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_process_and_no_socket_is_left(surroundings: dict[str, str], number: signal.Signals) -> None:
    data = surroundings["SCHAKEL_DATA"]
    run = Run(surroundings)
    run.until_ready()
    port = json.loads(Path(data, "ports.json").read_text())["postgres"]
    assert is_open(port)
    assert left_behind(data)

    assert run.end(number) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    run.until(
        lambda: not left_behind(data)
    )  # after SIGKILL the kernel tells the children, which then end by themselves
    assert not is_open(port)
    assert not [path for path in Path(data).rglob("*") if path.is_socket()]


@pytest.mark.postgres
@pytest.mark.kafka
def test_data_is_kept_between_runs_and_forgotten_with_fresh(surroundings: dict[str, str]) -> None:
    data = Path(surroundings["SCHAKEL_DATA"])
    identities = []
    for arguments in ((), (), ("--fresh",)):
        run = Run(surroundings, *arguments)
        run.until_ready()
        assert run.end(signal.SIGTERM) == 0
        identities.append((data / "postgres" / "global" / "pg_control").read_bytes()[:8])
    assert identities[0] == identities[1] != identities[2]
    assert (data / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_killed_postgres_is_started_again_and_said(surroundings: dict[str, str]) -> None:
    run = Run(surroundings)
    run.until_ready()
    record = json.loads(Path(surroundings["SCHAKEL_DATA"], "run.json").read_text())
    os.kill(record["parts"]["postgres"]["pid"], signal.SIGKILL)
    run.until(lambda: run.text().count("postgres   ready") == 2)
    assert "postgres   died (killed by SIGKILL), starting it again" in run.text()
    assert run.end(signal.SIGINT) == 0


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_postgres_of_ones_own_is_used_and_left_alone(
    surroundings: dict[str, str], postgres_server: PostgresServer
) -> None:
    run = Run({**surroundings, "SCHAKEL_POSTGRES_URL": postgres_server.admin_url})
    run.until_ready()
    assert "postgres   your own answers" in run.text()
    assert not Path(surroundings["SCHAKEL_DATA"], "postgres").exists()
    assert run.end(signal.SIGINT) == 0
    assert postgres_server.execute("SELECT 1") == "1"


@pytest.mark.kafka
def test_a_postgres_of_ones_own_that_does_not_answer_ends_the_run(surroundings: dict[str, str]) -> None:
    nowhere = f"postgresql://postgres:secret@127.0.0.1:{any_free()}/postgres"
    run = Run({**surroundings, "SCHAKEL_POSTGRES_URL": nowhere})
    assert run.process.wait(BOUND_SECONDS) == 1
    assert "schakel: your own postgres does not answer" in run.text()
    assert "secret" not in run.text()
