"""Java artefacts: named by coordinate and SHA-256 in `artefacts.lock`, fetched once per user, checked at every use."""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from schakel_local.places import cache_directory

LOCK = Path(__file__).with_name("artefacts.lock")
ROOTS = {
    "kafka": ("org.apache.kafka:kafka_2.13:jar:4.4.0", "org.slf4j:slf4j-simple:jar:1.7.36"),
    "keycloak": ("org.keycloak:keycloak-quarkus-dist:zip:26.7.3",),
}
"""What we ask for by name; `relock` writes these and all that they need into the lock."""

_DOWNLOADS_AT_ONCE = 8
_TRIES = 3
_FETCHING = "fetching-"
_READ_TIMEOUT_SECONDS = 30


class ArtefactError(Exception):
    """An artefact cannot be had or is not the file that the lock names; the text says which and what to do."""


@dataclass(frozen=True)
class Artefact:
    """One line of the lock: the part it is for, its Maven coordinate `group:name:packaging:version`, its SHA-256."""

    part: str
    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name under which the artefact is published, such as `kafka-clients-4.4.0.jar`."""
        _, name, packaging, version = self.coordinate.split(":")
        return f"{name}-{version}.{packaging}"

    def path(self, cache: Path) -> Path:
        """Where the artefact lies in a cache; one folder per group keeps equal file names apart."""
        return cache / "artefacts" / self.coordinate.split(":")[0] / self.file_name


def locked(part: str, lock: Path = LOCK) -> list[Artefact]:
    """The artefacts that the lock names for a part, in the order of the lock (which is the class path's order)."""
    lines = [line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return [Artefact(*fields) for fields in lines if fields[0] == part]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def missing(artefacts: Sequence[Artefact], cache: Path | None = None) -> list[Artefact]:
    """Those artefacts that the cache does not hold yet."""
    place = cache or cache_directory()
    return [artefact for artefact in artefacts if not artefact.path(place).exists()]


def obtain(artefacts: Sequence[Artefact], cache: Path | None = None) -> list[Path]:
    """Fetch what is missing, check every file against the lock and return the paths, in order.

    Raises:
        ArtefactError: a file could not be fetched, or differs from the lock (named; it is not used).
    """
    place = cache or cache_directory()
    _sweep(place)
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        return list(pool.map(lambda artefact: _obtain(artefact, place), artefacts))


def _sweep(cache: Path) -> None:
    """Remove what downloads of ended processes left behind."""
    for folder in cache.glob(f"{_FETCHING}*"):
        owner = folder.name.removeprefix(_FETCHING).split("-")[0]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _obtain(artefact: Artefact, cache: Path) -> Path:
    path = artefact.path(cache)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A download goes beside the cache and is moved in when whole and right, so that a run that was
        # killed halfway, or two runs at once, never leave half a file under the final name.
        with tempfile.TemporaryDirectory(dir=cache, prefix=f"{_FETCHING}{os.getpid()}-") as folder:
            fetched = _fetch(artefact, Path(folder))
            _check(artefact, fetched)
            fetched.replace(path)
        return path
    _check(artefact, path)
    return path


def _check(artefact: Artefact, path: Path) -> None:
    found = sha256_of(path)
    if found != artefact.sha256:
        raise ArtefactError(
            f"{artefact.file_name} is not the file that artefacts.lock names "
            f"(SHA-256 {found[:12]}…, expected {artefact.sha256[:12]}…), so it is not used. "
            f"If the copy is damaged, delete {path} and start again.",
        )


def _fetch(artefact: Artefact, folder: Path) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow to import, and needed on a first start only

    group, name, packaging, version = artefact.coordinate.split(":")
    mirror = os.environ.get("SCHAKEL_MAVEN_MIRROR")
    logging.getLogger("jgo").setLevel(logging.ERROR)
    reason = ""
    for attempt in range(_TRIES):
        context = MavenContext(
            repo_cache=folder / str(attempt),
            remote_repos={"mirror": mirror} if mirror else None,
            timeout=_READ_TIMEOUT_SECONDS,
        )
        try:
            path: Path = context.project(group, name).at_version(version).artifact(packaging=packaging).resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo says "not found" by RuntimeError
            reason = type(error).__name__
        else:
            return path
    raise ArtefactError(
        f"{artefact.file_name} could not be fetched ({reason}). Is the network there? "
        "A Maven mirror can be named in SCHAKEL_MAVEN_MIRROR.",
    )


def relock(lock: Path = LOCK) -> int:
    """Resolve `ROOTS` anew, write the lock and return the number of artefacts: for when a version rises."""
    lines = ["# Java artefacts by part, coordinate and SHA-256. Written by `./schakel lock`; checked before every use."]
    folder = Path(tempfile.mkdtemp(prefix="schakel-lock-"))
    try:
        for part, roots in ROOTS.items():
            for coordinate, path in _resolved(roots, folder):
                lines.append(f"{part} {coordinate} {sha256_of(path)}")
    finally:
        shutil.rmtree(folder)
    lock.write_text("\n".join(lines) + "\n")
    return len(lines) - 1


def _resolved(roots: Sequence[str], folder: Path) -> list[tuple[str, Path]]:
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow to import, and needed for this command only

    mirror = os.environ.get("SCHAKEL_MAVEN_MIRROR")
    context = MavenContext(repo_cache=folder, remote_repos={"mirror": mirror} if mirror else None)
    found: list[tuple[str, Path]] = []
    if all(root.split(":")[2] == "jar" for root in roots):
        dependencies = [context.create_dependency(_as_dependency(root)) for root in roots]
        direct, transitive = context.resolver.resolve(dependencies)
        artefacts = [dependency.artifact for dependency in (*direct, *transitive)]
    else:
        artefacts = []
        for root in roots:
            group, name, packaging, version = root.split(":")
            artefacts.append(context.project(group, name).at_version(version).artifact(packaging=packaging))
    for artefact in artefacts:
        coordinate = f"{artefact.groupId}:{artefact.artifactId}:{artefact.packaging}:{artefact.version}"
        found.append((coordinate, artefact.resolve()))
    return found


def _as_dependency(root: str) -> str:
    group, name, _, version = root.split(":")
    return f"{group}:{name}:{version}"
