"""The gateway's list query against stock Strawberry and against hand-written SQL, on the same PostgreSQL and rows.

100 rows x 8 fields out of 20,000, over HTTP. The gateway runs as it does in production: every limit on, the snapshot
transaction with row-level security, position and watermark read. *Stock* is Strawberry's own router with its defaults
and objects made from plain rows; *raw* is Starlette passing on what `json_agg` made, without GraphQL at all.

Method: each server is a process of its own on the first core, the load on the second; 16 connections; the answers are
compared before anything is timed; the peers are loaded in turn, and the figure is the median of the ratios per round.

    python benchmarks/list_query.py [--rounds 5] [--seconds 3] [--floor 1.4]

It uses the test stack of `SCHAKEL_TEST_STACK` where there is one, and starts a PostgreSQL of its own otherwise.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import msgspec
import orjson
import psutil
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL

from schakel_common.auth import TokenVerifier
from schakel_common.migrations import migrate
from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.ids import register_id
from schakel_contracts.places import HUBS
from schakel_gateway.app import DEFINITION, build
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.view.schema import SCHEMA
from schakel_local import teststack
from schakel_local.places import CHECKOUT

ROWS: Final = 20_000
CONNECTIONS: Final = 16
PINNED: Final = shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1
PEERS: Final = ("gateway", "stock", "raw")
FIELDS: Final = "id slug name hub status place province website"
QUERY: Final = f"query L($hub: String!) {{ fieldlabs(filter: {{hub: $hub}}, first: 100) {{ nodes {{ {FIELDS} }} }} }}"
BODY: Final = orjson.dumps({"query": QUERY, "variables": {"hub": "oost"}})
PLAIN: Final = f"""
SELECT id, slug, name, hub, status, state ->> 'place' AS place, province, state ->> 'website' AS website
FROM {SCHEMA}.fieldlabs WHERE hub = $1 AND published ORDER BY name, id LIMIT 100
"""


async def pool_of(url: str) -> "asyncpg.Pool[asyncpg.Record]":
    return await asyncpg.create_pool(url, min_size=5, max_size=5)


@strawberry.type(name="Fieldlab")
class StockFieldlab:
    """As somebody would write it who starts with Strawberry."""

    id: strawberry.ID
    slug: str
    name: str
    hub: str
    status: str
    place: str | None
    province: str | None
    website: str | None


@strawberry.type
class StockConnection:
    """A page."""

    nodes: list[StockFieldlab]


@strawberry.input
class StockFilter:
    """What the list is narrowed by."""

    hub: str


@strawberry.type
class StockQuery:
    """The one question."""

    @strawberry.field
    async def fieldlabs(self, info: strawberry.Info, filter: StockFilter, first: int = 20) -> StockConnection:  # noqa: A002 - as clients write it
        """Read 100 rows."""
        del first
        rows = await info.context["request"].app.state.pool.fetch(PLAIN, filter.hub)
        return StockConnection(nodes=[StockFieldlab(**{**row, "status": row["status"].upper()}) for row in rows])


def with_pool(app: Starlette, url: str) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with await pool_of(url) as pool:
            app.state.pool = pool
            yield

    app.router.lifespan_context = lifespan
    return app


def stock(url: str) -> Starlette:
    endpoint: GraphQL[Any, Any] = GraphQL(strawberry.Schema(StockQuery))
    return with_pool(Starlette(routes=[Route("/graphql", endpoint)]), url)


def raw(url: str) -> Starlette:
    statement = f"""SELECT json_build_object('data', json_build_object('fieldlabs', json_build_object('nodes', json_agg(
        json_build_object('id', id, 'slug', slug, 'name', name, 'hub', hub, 'status', upper(status), 'place', place,
            'province', province, 'website', website))))) FROM ({PLAIN}) AS page"""

    async def answer(request: Request) -> Response:
        hub = orjson.loads(await request.body())["variables"]["hub"]
        return Response(await request.app.state.pool.fetchval(statement, hub), media_type="application/json")

    return with_pool(Starlette(routes=[Route("/graphql", answer, methods=["POST"])]), url)


def serve(peer: str, url: str, port: int) -> None:
    app: Any
    if peer == "gateway":
        # Every limit on; the one of a client counts too, and is never reached.
        settings = GatewaySettings(
            database_url=url, issuer="http://127.0.0.1:1", introspection=False, anonymous_per_minute=100_000_000
        )
        app = build(settings, verifier=TokenVerifier(settings)).app
    else:
        app = stock(url) if peer == "stock" else raw(url)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def a_fieldlab(number: int) -> FieldlabState:
    """A record as long as those of the register."""
    slug = f"lab-{number:05}"
    return FieldlabState(
        id=register_id("fieldlab", slug),
        slug=slug,
        name=f"Fieldlab {number:05}",
        kind="fieldlab",
        hub=HUBS[number % len(HUBS)],
        status="active",
        recognition=Recognition(status="recognised", on="2016"),
        published=True,
        description_nl="Robots in de praktijk van de maakindustrie, met een eigen werkplaats. " * 4,
        description_en="Robots in the practice of manufacturing, with a workshop of its own. " * 4,
        province="NL-GE",
        place="Deventer",
        website=f"https://example.org/{slug}",
        themes=["industrial_robotics", "iot", "digital_twins"],
        sources=["https://example.org/source"],
    )


async def fill(url: str) -> None:
    await migrate(url, DEFINITION.migrations)
    connection = await asyncpg.connect(url)
    states = [a_fieldlab(number) for number in range(ROWS)]
    try:
        await connection.execute(
            f"INSERT INTO {SCHEMA}.fieldlabs (id, epoch, version, effective_at, recorded_at, position, state)"
            " SELECT id, 1, 1, now(), now(), 1, state::jsonb FROM unnest($1::uuid[], $2::text[]) AS given (id, state)",
            [UUID(str(state.id)) for state in states],
            [msgspec.json.encode(state).decode() for state in states],
        )
        await connection.execute(f"VACUUM ANALYZE {SCHEMA}.fieldlabs")
    finally:
        await connection.close()


@contextlib.contextmanager
def server_url() -> Iterator[str]:
    """The administrator's address of a PostgreSQL."""
    standing = os.environ.get("SCHAKEL_TEST_STACK")
    directory = Path(json.loads(Path(standing).read_text())["directory"]) if standing else Path(tempfile.mkdtemp())
    try:
        yield str(teststack.ensure(directory, "postgres", None if standing else os.getpid())["admin_url"])
    finally:
        if not standing:
            teststack.stop(directory)
            shutil.rmtree(directory, ignore_errors=True)


async def one_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not 200: {head[:200]!r}")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(length)


async def load(port: int, seconds: float) -> float:
    """Return requests per second with `CONNECTIONS` connections that each ask as soon as they are answered."""
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    ends = time.monotonic() + seconds
    done = 0

    async def connection() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < ends:
            await one_request(reader, writer, request)
            done += 1
        writer.close()
        await writer.wait_closed()

    begun = time.monotonic()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return done / (time.monotonic() - begun)


async def answer_of(port: int) -> Any:  # noqa: ANN401 - JSON
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.1)
        answer = orjson.loads(await one_request(reader, writer, request))
        writer.close()
        await writer.wait_closed()
        return answer["data"]


def free_port() -> int:
    import socket  # noqa: PLC0415 - for this line only

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def server(peer: str, url: str, port: int) -> "subprocess.Popen[bytes]":
    pin = ["taskset", "-c", "0"] if PINNED else []
    return subprocess.Popen([*pin, sys.executable, __file__, "--serve", peer, "--url", url, "--port", str(port)])


async def compare(url: str, rounds: int, seconds: float) -> dict[str, Any]:
    ports = {peer: free_port() for peer in PEERS}
    servers = {peer: server(peer, url, port) for peer, port in ports.items()}
    if PINNED:
        os.sched_setaffinity(0, {1})
    try:
        answers = {peer: await answer_of(port) for peer, port in ports.items()}
        assert len(answers["raw"]["fieldlabs"]["nodes"]) == 100
        assert answers["gateway"] == answers["stock"] == answers["raw"], "the answers differ"
        for port in ports.values():
            await load(port, 1)
        rates: dict[str, list[float]] = {peer: [] for peer in PEERS}
        cpu_before = {peer: sum(psutil.Process(each.pid).cpu_times()[:2]) for peer, each in servers.items()}
        for number in range(rounds):
            for peer in PEERS if number % 2 == 0 else reversed(PEERS):
                rates[peer].append(await load(ports[peer], seconds))
        cpu = {peer: sum(psutil.Process(each.pid).cpu_times()[:2]) - cpu_before[peer] for peer, each in servers.items()}
    finally:
        for each in servers.values():
            each.terminate()
        for each in servers.values():
            each.wait()
    ratios = {
        other: statistics.median(mine / theirs for mine, theirs in zip(rates["gateway"], rates[other], strict=True))
        for other in ("stock", "raw")
    }
    medians = {peer: round(statistics.median(each)) for peer, each in rates.items()}
    return {"requests_per_second": medians, "gateway_to": ratios, "server_cpu_seconds": cpu}


async def measured(rounds: int, seconds: float) -> dict[str, Any]:
    with server_url() as admin:
        name = f"benchmark_{uuid4().hex[:12]}"
        connection = await asyncpg.connect(admin)
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
            try:
                url = urlsplit(admin)._replace(path=f"/{name}").geturl()
                await fill(url)
                return await compare(url, rounds, seconds)
            finally:
                await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            await connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--floor", type=float, default=1.4, help="fail below this many times stock Strawberry")
    parser.add_argument("--serve", choices=PEERS)
    parser.add_argument("--url")
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.url, given.port)
        return 0
    found = asyncio.run(measured(given.rounds, given.seconds))
    versions = {name: sys.modules[name].__dict__.get("__version__", "") for name in ("asyncpg", "uvicorn", "orjson")}
    print(json.dumps({"python": platform.python_version(), **versions, "checkout": CHECKOUT.name, **found}, indent=2))
    ratio = found["gateway_to"]["stock"]
    print(f"list query 100 x 8: {ratio:.2f} x stock Strawberry, {found['gateway_to']['raw']:.2f} x raw json_agg")
    return 0 if ratio >= given.floor else 1


if __name__ == "__main__":
    sys.exit(main())
