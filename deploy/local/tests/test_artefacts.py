import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schakel_local.artefacts import Artefact, ArtefactError, locked, missing, obtain
from schakel_local.ports import any_free

CONTENT = b"not really a jar"
TINY = Artefact("demo", "org.example:tiny:jar:1.0", hashlib.sha256(CONTENT).hexdigest())


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven mirror of one artefact; the path is the file that it serves."""
    folder = tmp_path / "mirror" / "org" / "example" / "tiny" / "1.0"
    folder.mkdir(parents=True)
    (folder / "tiny-1.0.jar").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "mirror")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SCHAKEL_MAVEN_MIRROR", f"http://127.0.0.1:{server.server_port}")
    yield folder / "tiny-1.0.jar"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_artefact_comes_from_the_mirror_once_and_then_from_the_cache(mirror: Path, tmp_path: Path) -> None:
    assert missing([TINY], tmp_path) == [TINY]
    (path,) = obtain([TINY], tmp_path)
    assert path.read_bytes() == CONTENT
    mirror.unlink()
    assert missing([TINY], tmp_path) == []
    assert obtain([TINY], tmp_path) == [path]
    assert not list(tmp_path.glob("fetching-*"))


def test_a_changed_artefact_in_the_cache_is_refused_by_name(tmp_path: Path) -> None:
    path = TINY.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(ArtefactError, match=r"tiny-1\.0\.jar is not the file that artefacts\.lock names") as refusal:
        obtain([TINY], tmp_path)
    assert f"delete {path}" in str(refusal.value)
    assert path.exists()


def test_a_changed_artefact_of_the_mirror_is_refused_and_not_kept(mirror: Path, tmp_path: Path) -> None:
    mirror.write_bytes(b"something else")
    with pytest.raises(ArtefactError, match=r"tiny-1\.0\.jar is not the file"):
        obtain([TINY], tmp_path)
    assert not TINY.path(tmp_path).exists()
    assert not list(tmp_path.glob("fetching-*"))


def test_an_unreachable_mirror_is_said_with_what_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_MAVEN_MIRROR", f"http://127.0.0.1:{any_free()}")
    with pytest.raises(ArtefactError, match=r"tiny-1\.0\.jar could not be fetched .* SCHAKEL_MAVEN_MIRROR"):
        obtain([TINY], tmp_path)
    assert not TINY.path(tmp_path).exists()


def test_the_lock_names_every_artefact_with_its_hash() -> None:
    kafka, keycloak = locked("kafka"), locked("keycloak")
    assert (len(kafka), len(keycloak)) == (45, 1)
    assert {len(artefact.sha256) for artefact in (*kafka, *keycloak)} == {64}
    assert keycloak[0].file_name == "keycloak-quarkus-dist-26.7.3.zip"
