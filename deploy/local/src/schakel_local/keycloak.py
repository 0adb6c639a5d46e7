"""Keycloak from its published distribution: built once per user, run from a small home per data directory."""

import asyncio
import hashlib
import json
import shutil
import signal
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from schakel_local.artefacts import Artefact, locked, missing, obtain, sha256_of
from schakel_local.java import java
from schakel_local.places import LOOPBACK, cache_directory
from schakel_local.probe import answers
from schakel_local.process import Command, last_lines, run

ADMIN = "admin"
_BUILD_SECONDS = 180.0
_BUILD_OPTIONS = ("--db=postgres", "--health-enabled=false", "--metrics-enabled=false")
_MANIFEST = "built.json"
_SERVING = ("-Xms64m", "-Xmx384m", "-XX:TieredStopAtLevel=1")
"""The first compiler alone halves the processor time of a start (23 to 11 s); a login takes 0.1 s instead of 0.05."""
_JVM = (
    *("-XX:MetaspaceSize=96M", "-XX:MaxMetaspaceSize=256m"),
    *("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED"),
    *("--add-opens=java.base/java.security=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
    "--enable-native-access=ALL-UNNAMED",
    *("-Duser.language=en", "-Duser.country=US", "-Djava.security.egd=file:/dev/urandom"),
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    *("-Dpicocli.disable.closures=true", "-Dquarkus-log-max-startup-records=10000"),
)
"""What `bin/kc.sh` would pass; Java is started directly so that the process we hold is the server itself."""


class KeycloakError(Exception):
    """Keycloak cannot be set up; the text says why."""


async def prepare(
    home: Path,
    log: Path,
    *,
    port: int,
    database: Mapping[str, str],
    admin_password: str,
    themes: Path | None,
    say: Callable[[str], None],
    host: str = LOOPBACK,
) -> Command:
    """Fetch, build (once per user) and lay out a home, and say how to run the server.

    `database` holds `url` (JDBC), `user` and `password`: Keycloak keeps its data in our PostgreSQL, because its
    embedded database may lose the last half second when it is killed.
    """
    built = await _built(log, say)
    await asyncio.to_thread(_lay_out, home, built, themes)
    arguments = (
        *(
            "start",
            "--optimized",
            "--cache=local",
            "--http-enabled=true",
            f"--http-host={host}",
            f"--http-port={port}",
        ),
        *(f"--hostname=http://{host}:{port}", "--log-level=warn", "--log-console-color=false"),
        *("--db-pool-initial-size=1", "--db-pool-max-size=20"),
    )
    return Command(
        argv=_server(home, built, *arguments, heap=_SERVING),
        environment={
            "KC_DB_URL": database["url"],
            "KC_DB_USERNAME": database["user"],
            "KC_DB_PASSWORD": database["password"],
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": admin_password,
        },
        directory=home,
        stop_seconds=15.0,
        orphan_signal=signal.SIGTERM,
    )


async def is_ready(url: str) -> bool:
    """Whether the server answers for its own realm."""
    return await answers(f"{url}/realms/master/.well-known/openid-configuration")


async def _built(log: Path, say: Callable[[str], None]) -> Path:
    """The built copy of this user, made when it is not there, checked file by file when it is."""
    (distribution,) = locked("keycloak")
    cache = cache_directory()
    options = hashlib.sha256(" ".join((distribution.sha256, *_BUILD_OPTIONS)).encode()).hexdigest()[:12]
    place = cache / f"{distribution.file_name.removesuffix('.zip')}-built-{options}"
    if place.exists():
        await asyncio.to_thread(_check_built, place)
        return place
    if missing([distribution]):
        say("fetching the distribution, 177 MB")
    (archive,) = await asyncio.to_thread(obtain, [distribution])
    say("building the server, once for this user")
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=cache, prefix="building-"))
    try:
        await _build(work, archive, distribution, log)
        _write_manifest(work / "server")
        try:
            (work / "server").rename(place)
        except OSError:  # another run was faster; its copy is as good
            await asyncio.to_thread(_check_built, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, work)
    return place


async def _build(work: Path, archive: Path, distribution: Artefact, log: Path) -> None:
    await asyncio.to_thread(_unpack, archive, work)
    (work / distribution.file_name.removesuffix(".zip").replace("-quarkus-dist", "")).rename(work / "server")
    server = work / "server"
    arguments = ("build", *_BUILD_OPTIONS)
    command = Command(
        _server(server, server, *arguments, heap=("-Xmx512m", "-XX:TieredStopAtLevel=1")), directory=server
    )
    code = await run(command, log, seconds=_BUILD_SECONDS)
    if code:
        raise KeycloakError(f"the build ended with {code}: " + " / ".join(last_lines(log, 5)))


def _server(home: Path, built: Path, *arguments: str, heap: tuple[str, ...]) -> tuple[str, ...]:
    return java(
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        *arguments,
        class_path=[built / "lib" / "quarkus-run.jar"],
        options=(*heap, *_JVM, f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"),
    )


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)


def _write_manifest(server: Path) -> None:
    digests = {str(path.relative_to(server)): sha256_of(path) for path in _libraries(server)}
    (server / _MANIFEST).write_text(json.dumps(digests, indent=0, sort_keys=True))


def _check_built(server: Path) -> None:
    digests: dict[str, str] = json.loads((server / _MANIFEST).read_text())
    for name, digest in digests.items():
        path = server / name
        if not path.exists() or sha256_of(path) != digest:
            raise KeycloakError(
                f"{path.name} in the built Keycloak is not the file that was built, so it is not used. "
                f"Delete {server} and start again.",
            )


def _libraries(server: Path) -> list[Path]:
    return sorted(path for path in (server / "lib").rglob("*") if path.is_file())


def _lay_out(home: Path, built: Path, themes: Path | None) -> None:
    """A home with its own configuration and data whose libraries are links into the built copy."""
    for folder in ("data", "providers", "lib", "themes"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    if not (home / "conf").exists():
        shutil.copytree(built / "conf", home / "conf")
    for folder in ("app", "lib", "quarkus"):
        _link(home / "lib" / folder, built / "lib" / folder)
    (home / "lib" / "quarkus-run.jar").touch()  # only its being there is looked at
    for theme in sorted(themes.iterdir()) if themes and themes.is_dir() else []:
        _link(home / "themes" / theme.name, theme)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
