import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schakel_local import look, runfile


@contextmanager
def service(readyz: int) -> Iterator[str]:
    """The address of a service that answers whether it is ready, with this status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(readyz if self.path == "/readyz" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the test's output is what `status` prints."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def hanging() -> Iterator[str]:
    """The address of a process that stands still: its kernel takes connections, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_status_asks_again_what_once_was_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with service(200) as good, service(503) as full, hanging() as stopped, service(404) as keycloak:
        places = {"gateway": good, "registry": full, "events": stopped, "keycloak": keycloak, "kafka": "127.0.0.1:1"}
        parts = {
            name: {"status": "ready", "pid": 0, "address": address, "restarts": 0} for name, address in places.items()
        }
        parts["matching"] = {"status": "starting", "pid": 0, "address": good, "restarts": 2}
        with runfile.only_run(tmp_path):
            runfile.write(tmp_path, {"pid": 1, "address": good, "parts": parts})
            assert look.status(tmp_path, answer_seconds=2.0) == 0

    lines = [re.split(r" {2,}", line.strip()) for line in capsys.readouterr().out.splitlines()[: len(parts)]]
    assert {name: state for name, state, *_ in lines} == {
        "gateway": "ready",
        "registry": "not ready",
        "events": "does not answer",
        "keycloak": "ready",
        "kafka": "ready",
        "matching": "starting",
    }
