"""The world of a gateway under test: an owner that answers what a test says, rows of the view, and a client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import httpx
import msgspec
import orjson
from aiohttp import web
from fastapi import FastAPI

from schakel_common.testing.client import api_client
from schakel_common.testing.tokens import TEST_ISSUER, TokenIssuer
from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState, Effect
from schakel_contracts.challenges import ChallengeState, RankedFieldlab
from schakel_contracts.companies import CompanyState, Establishment, Member
from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_contracts.ids import REGISTER_NAMESPACE
from schakel_contracts.referrals import ReferralState
from schakel_gateway.app import build
from schakel_gateway.ledger.store import write_definitions
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.view.schema import SCHEMA

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def an_id(name: str) -> UUID:
    """The same id for the same name in every test."""
    return uuid5(REGISTER_NAMESPACE, f"test:{name}")


@dataclass
class Owner:
    """A real HTTP server that stands for a service: it records what is asked and answers what a test says."""

    address: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Callable[[dict[str, Any]], web.Response]] = field(default_factory=dict)
    hang: Callable[[web.Request], Awaitable[web.Response]] | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, route: str, body: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer ``METHOD /path`` with this."""
        kind = "application/json" if status < 400 else "application/problem+json"
        self.answers[route] = lambda _: web.Response(
            body=orjson.dumps(body), status=status, headers=headers, content_type=kind
        )

    def private(self, path: str, make: Callable[[str], object]) -> None:
        """Answer a batch of ids with what `make` says of each."""
        self.answers[f"POST {path}"] = lambda request: web.json_response(
            {"items": {key: make(key) for key in request["body"]["ids"]}}
        )

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:
                self.came.clear()
                await self.came.wait()

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [f"{request['method']} {request['path']}" for request in self.requests]

    async def handle(self, request: web.Request) -> web.Response:
        """Record and answer."""
        content = await request.read()
        seen = {
            "method": request.method,
            "path": request.path_qs,
            "headers": {key.lower(): value for key, value in request.headers.items()},
            "body": orjson.loads(content) if content else None,
        }
        self.requests.append(seen)
        self.came.set()
        if self.hang is not None:
            return await self.hang(request)
        answer = self.answers.get(f"{request.method} {request.path}")
        return answer(seen) if answer else web.json_response({"type": "about:blank"}, status=404)


@asynccontextmanager
async def serving(owner: Owner) -> AsyncIterator[Owner]:
    """Run it on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", owner.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    owner.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield owner
    finally:
        await runner.cleanup()


class Rows:
    """Writes rows of the view as the projector leaves them (its own tests prove that it does)."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self.position = 0

    async def put(self, plural: str, state: msgspec.Struct, version: int = 1, recorded_at: datetime = NOW) -> None:
        """Write one row, raise the position, and say so."""
        self.position += 1
        text = msgspec.json.encode(state).decode()
        async with self.connection.transaction():
            await self.connection.execute(
                f"INSERT INTO {SCHEMA}.{plural} (id, epoch, version, effective_at, recorded_at, position, state)"
                " VALUES ($1, 1, $2, $3, $3, $4, $5::text::jsonb) ON CONFLICT (id) DO UPDATE SET"
                " version = excluded.version, position = excluded.position, state = excluded.state",
                state.id,  # type: ignore[attr-defined] # every state has one
                version,
                recorded_at,
                self.position,
                text,
            )
            if isinstance(state, CompanyState):
                await self.connection.executemany(
                    f"INSERT INTO {SCHEMA}.company_members VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    [(state.id, member.sub, member.status) for member in state.members],
                )
            await self.connection.execute(f"UPDATE {SCHEMA}.view_position SET position = $1", self.position)
            await self.connection.execute("SELECT pg_notify('view_position', $1)", str(self.position))


@dataclass
class Client:
    """Asks the gateway as any client does."""

    http: httpx.AsyncClient
    issuer: TokenIssuer
    app: FastAPI

    async def ask(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        subject: str | None = None,
        groups: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send one operation, anonymous without a subject, and return the answer, which must be 200."""
        sent = dict(headers or {})
        if subject is not None:
            sent |= self.issuer.authorization(subject, groups)
        reply = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=sent)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


@dataclass
class Fresh:
    """A gateway on a view of the test's own."""

    client: Client
    rows: Rows


def settings_of(view: str, servers: dict[str, Owner]) -> GatewaySettings:
    """Settings of a gateway on a view and before those owners."""
    return GatewaySettings(
        database_url=view,
        issuer=TEST_ISSUER,
        registry_url=servers["registry"].address,
        matching_url=servers["matching"].address,
        events_url=servers["events"].address,
        not_yet_known_wait_seconds=0.4,
        private_seconds_max=1.0,
        owner_seconds_max=1.0,
        pool_size=3,
    )


@asynccontextmanager
async def gateway_on(settings: GatewaySettings, issuer: TokenIssuer) -> AsyncIterator[Client]:
    """Run a gateway."""
    app = build(settings, verifier=issuer.verifier(settings)).app
    async with api_client(app) as http:
        yield Client(http, issuer, app)


def fieldlab(slug: str, **changes: Any) -> FieldlabState:
    """A fieldlab of hub zuid-holland."""
    state = FieldlabState(
        id=an_id(slug),
        slug=slug,
        name=slug.title(),
        kind="fieldlab",
        hub="zuid-holland",
        status="active",
        recognition=Recognition(status="recognised", on="2016"),
        published=True,
        description_nl="Robots in de praktijk",
        description_en="Robots at work",
        province="NL-ZH",
        place="Delft",
        themes=["industrial_robotics"],
    )
    return msgspec.structs.replace(state, **changes)


def company(name: str, member: str, **changes: Any) -> CompanyState:
    """A company of hub oost with one active member."""
    state = CompanyState(
        id=an_id(name),
        status="unverified",
        home_hub="oost",
        size_class="small",
        province="NL-GE",
        establishments=[Establishment(id=an_id(f"{name}-1"), hub="oost", primary=True, province="NL-GE")],
        members=[Member(sub=member, status="active")],
    )
    return msgspec.structs.replace(state, **changes)


def challenge(name: str, of: str, **changes: Any) -> ChallengeState:
    """A challenge of a company."""
    state = ChallengeState(
        id=an_id(name),
        company_id=an_id(of),
        status="open",
        home_hub="oost",
        routed_hub="oost",
        submitted_on="2026-11-20",
        language="nl",
        concepts=["industrial_robotics"],
        matches=[RankedFieldlab(fieldlab="robohouse", rank=1, score=0.75)],
        model="1",
    )
    return msgspec.structs.replace(state, **changes)


def referral(name: str, on: str, of: str, to: str = "robohouse", **changes: Any) -> ReferralState:
    """An introduction of a company to a fieldlab."""
    state = ReferralState(
        id=an_id(name),
        challenge_id=an_id(on),
        company_id=an_id(of),
        fieldlab_id=an_id(to),
        fieldlab=to,
        fieldlab_hub="zuid-holland",
        home_hub="oost",
        routed_hub="oost",
        status="requested",
        requested_at="2026-11-21T10:00:00.000000Z",
        waiting_on="fieldlab",
        due_on="2026-11-28",
    )
    return msgspec.structs.replace(state, **changes)


def activity(slug: str, **changes: Any) -> ActivityState:
    """An activity of hub oost, far ahead."""
    state = ActivityState(
        id=an_id(slug),
        slug=slug,
        organiser="hub:oost",
        hub="oost",
        status="planned",
        title_nl="Open dag",
        title_en="Open day",
        summary_nl="",
        summary_en="",
        starts_at="2099-05-01T09:00:00.000000Z",
        date_precision="instant",
    )
    return msgspec.structs.replace(state, **changes)


async def seed(rows: Rows) -> None:
    """A hub, three fieldlabs (one of them national only), two companies, and an introduction of the first."""
    await rows.connection.execute(f"SET search_path TO {SCHEMA}")
    await write_definitions(rows.connection)
    await rows.connection.execute(f"RESET search_path; UPDATE {SCHEMA}.view_position SET caught_up_at = now()")
    await rows.put(
        "hubs",
        HubState(
            id=an_id("oost"),
            slug="oost",
            kind="hub",
            name_nl="Oost",
            name_en="East",
            description_nl="",
            description_en="",
            provinces=["NL-OV", "NL-GE"],
        ),
    )
    await rows.put("fieldlabs", fieldlab("robohouse"))
    await rows.put("fieldlabs", fieldlab("dronelab", hub="oost", status="unknown", themes=[]))
    await rows.put("fieldlabs", fieldlab("secretlab", published=False))
    await rows.put("companies", company("bakker", "anna"))
    await rows.put("companies", company("smid", "bob", home_hub="zuid"))
    await rows.put("challenges", challenge("need", "bakker"))
    await rows.put("referrals", referral("intro", "need", "bakker"))
    await rows.put("activities", activity("open-day"))
    await rows.put(
        "registrations",
        RegistrationState(
            id=an_id("seat"),
            activity_id=an_id("open-day"),
            activity_hub="oost",
            sub="anna",
            status="registered",
            registered_at="2026-11-22T10:00:00.000000Z",
        ),
    )
    await rows.put(
        "cases",
        CaseState(
            id=an_id("story"),
            slug="story",
            owner="hub:oost",
            hub="oost",
            status="published",
            title_nl="Verhaal",
            title_en="Story",
            summary_nl="",
            summary_en="",
            date="2025-03",
            effect=Effect(text_nl="Sneller", text_en="Faster", measured=True),
        ),
    )
    await rows.put(
        "figures",
        FigureState(
            id=an_id("labs-2014"),
            key="fieldlabs_first_call_2014",
            level="national",
            subject="national",
            label_nl="Fieldlabs",
            label_en="Fieldlabs",
            value=10,
            unit="fieldlabs",
            qualifier="exact",
            kind="output",
            source="https://example.org",
            as_of="2014",
        ),
    )
