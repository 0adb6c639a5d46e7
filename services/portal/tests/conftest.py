"""A portal on a real database, with a stand-in for the gateway that keeps to the committed schema."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from graphql import GraphQLSchema, build_schema, graphql

from schakel_common.clock import FixedClock
from schakel_common.consistency import decode_token, encode_token
from schakel_common.database import Database
from schakel_common.testing.client import api_client
from schakel_common.testing.databases import service_database
from schakel_contracts.envelope import Reference
from schakel_local.fixtures import PostgresServer
from schakel_portal.app import MIGRATIONS, build
from schakel_portal.security import Seals
from schakel_portal.sessions import Session, Sessions, Tokens, key_of
from schakel_portal.settings import PortalSettings

SCHEMA = Path(__file__).parents[2] / "gateway" / "schema.graphql"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PUBLIC_URL = "http://127.0.0.1:8400"


def lab(slug: str, **changes: Any) -> dict[str, Any]:
    """A fieldlab as the gateway describes it."""
    return {
        "id": str(uuid4()),
        "version": 3,
        "slug": slug,
        "name": slug.replace("-", " ").title(),
        "kind": "fieldlab",
        "hub": "oost",
        "status": "ACTIVE",
        "statusAsOf": "2025-09",
        "recognition": {"status": "RECOGNISED", "on": "2015", "until": None, "basis": None},
        "published": True,
        "descriptionNl": "Hier kunnen bedrijven robotlassen en lijmen zien, proberen en leren.",
        "descriptionEn": "Here companies can see, try and learn robot welding and bonding.",
        "province": "NL-OV",
        "place": "Enschede",
        "latitude": 52.22,
        "longitude": 6.89,
        "started": "2015",
        "ended": None,
        "succeededBy": None,
        "themes": ["robot_welding", "cobots"],
        "transformations": ["advanced_manufacturing"],
        "services": ["demonstration", "training"],
        "sectors": ["25"],
        "partners": ["Universiteit Twente"],
        "facilities": ["two welding cells"],
        "languages": [],
        "trlMin": None,
        "trlMax": None,
        "capacity": "UNKNOWN",
        "website": "https://example.nl/",
        "confirmed": None,
        "verification": "sourced",
        "sources": ["https://example.nl/bron"],
    } | changes


def match(slug: str, rank: int, **changes: Any) -> dict[str, Any]:
    """A match whose parts add up: 31.4 + 22.5 + 6.25 - 1.15 = 59."""
    parts = [
        ("text", 31.4, "Dit lab schrijft zelf over “lassen” en “kleine series”.", "This lab writes of “welding”."),
        ("technology", 22.5, "Dit lab heeft robotlassen en cobots.", "This lab has robot welding and cobots."),
        ("distance", 6.25, "Ongeveer 14 km bij u vandaan.", "About 14 km from you."),
        ("status", 0.0, "Of er plek is, weten we niet.", "Whether there is room is not known."),
        ("freshness", -1.15, "Het lab heeft dit nog niet zelf nagekeken.", "The lab has not checked this itself."),
    ]
    return {
        "slug": slug,
        "name": slug.replace("-", " ").title(),
        "rank": rank,
        "score": 59.0,
        "parts": [
            {"name": name, "value": value, "textNl": nl, "textEn": en, "evidence": []} for name, value, nl, en in parts
        ],
        "unknown": ["capacity", "company_sector"],
        "ended": None,
    } | changes


def referral(**changes: Any) -> dict[str, Any]:
    """A request for an introduction, just asked."""
    company = {
        "id": "c1",
        "version": 2,
        "status": "UNVERIFIED",
        "homeHub": "oost",
        "sizeClass": "SMALL",
        "sbi": ["25"],
        "members": [{"sub": "someone", "status": "ASKING"}],
        "privateState": "OK",
        "name": "Lasbedrijf De Vonk",
        "kvkNumber": "01234567",
        "place": "Hengelo",
        "contacts": [{"name": "Ans de Vries", "phone": "074 123 45 67"}],
    }
    return {
        "id": "r1",
        "version": 1,
        "status": "REQUESTED",
        "challengeId": "ch1",
        "companyId": "c1",
        "fieldlabSlug": "smart-welding-factory",
        "fieldlabHub": "oost",
        "homeHub": "oost",
        "routedHub": "oost",
        "requestedAt": "2026-11-23T10:15:00Z",
        "waitingOn": "FIELDLAB",
        "dueOn": "2026-11-30",
        "answeredAt": None,
        "declineReason": None,
        "outcome": None,
        "outcomeOn": None,
        "fieldlab": lab("smart-welding-factory"),
        "company": company,
        "challenge": {"id": "ch1", "privateState": "OK", "text": "Wij lassen kleine series met de hand."},
        "privateState": "OK",
        "messages": [{"at": "2026-11-23T10:15:00Z", "by": "COMPANY", "text": "Bellen kan elke ochtend."}],
    } | changes


def activity(slug: str, **changes: Any) -> dict[str, Any]:
    """An activity to come, with two of twelve seats taken."""
    return {
        "id": "a1",
        "version": 1,
        "slug": slug,
        "organiser": "hub:oost",
        "organiserName": None,
        "hub": "oost",
        "status": "PLANNED",
        "titleNl": "Open dag robotlassen",
        "titleEn": "Open day robot welding",
        "summaryNl": "Kom kijken naar lassen met een robot.",
        "summaryEn": "Come and see welding with a robot.",
        "startsAt": "2026-12-10T13:00:00Z",
        "datePrecision": "INSTANT",
        "endsAt": "2026-12-10T16:00:00Z",
        "mode": "ON_SITE",
        "place": "Enschede",
        "fieldlabs": ["smart-welding-factory"],
        "themes": ["robot_welding"],
        "capacity": 12,
        "seatsTaken": 2,
        "waiting": 0,
        "attendance": None,
        "website": None,
        "sources": [],
        "myRegistration": None,
        "registrations": [],
    } | changes


def page_of(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a connection, without a next one."""
    return {"nodes": nodes, "totalCount": len(nodes), "pageInfo": {"hasNextPage": False, "endCursor": None}}


def activities(_info: object, **arguments: Any) -> dict[str, Any]:
    """One to come, one that has been."""
    coming = (arguments.get("filter") or {}).get("upcoming")
    return page_of([activity("open-dag")] if coming else [activity("vorig-jaar", status="HELD")])


def answers() -> dict[str, Any]:
    """What the stand-in answers unless a test says otherwise; a callable gets the field's arguments."""
    case = {
        "id": "k1",
        "version": 1,
        "slug": "tima-robotlassen",
        "owner": "national",
        "hub": "zuid-holland",
        "titleNl": "Robotlassen voor de scheepvaart",
        "titleEn": "Robot welding for shipping",
        "summaryNl": "Een robotbouwer en maritieme bedrijven zochten uit hoe lassen met robots bij hun werk past.",
        "summaryEn": "A robot builder and maritime companies found out how welding with robots fits their work.",
        "date": "2016",
        "fieldlab": "duurzaamheidsfabriek",
        "place": "Dordrecht",
        "themes": ["robot_welding"],
        "companyNames": ["Valk Welding"],
        "companySize": "sme",
        "effect": {"textNl": "Geen gemeten effect.", "textEn": "No measured effect.", "measured": False},
        "sources": ["https://example.nl/verhaal"],
    }
    regions = [("noord", 8), ("oost", 14), ("noordwest", 10), ("zuid-holland", 12), ("zuid", 9)]
    indicator = {
        "key": "fieldlabs_active",
        "kind": "ADDITIVE",
        "definitionNl": "Fieldlabs met de stand actief.",
        "definitionEn": "Fieldlabs whose state is active.",
        "version": 1,
        "measure": "stock",
        "historyBegins": None,
        "known": True,
        "reason": None,
        "total": 55,
        "national": 2,
        "unassigned": 0,
        "regions": [{"hub": hub, "count": count} for hub, count in regions],
        "fieldlabs": [],
        "overlap": None,
    }
    asking = {**indicator, "key": "companies_asking", "kind": "UNIQUE", "total": None, "known": False}
    asking |= {"reason": "before-history", "historyBegins": "2026-11-01T08:00:00Z"}
    hidden = [{"hub": hub, "count": None} for hub, _ in regions]
    few = {**indicator, "key": "companies_served", "total": None, "national": None, "regions": hidden}
    figure = {
        "id": "f1",
        "version": 1,
        "key": "fieldlabs_2016_06",
        "level": "NATIONAL",
        "subject": "national",
        "labelNl": "Erkende fieldlabs (volgnummer)",
        "labelEn": "Recognised fieldlabs (sequence number)",
        "value": 15.0,
        "unit": "fieldlabs",
        "qualifier": "exact",
        "kind": "output",
        "source": "https://example.nl/brief",
        "asOf": "2016-06-01",
        "published": None,
        "verification": "sourced",
    }
    draft = {
        "id": "d1",
        "text": "Wij lassen kleine series met de hand en vinden geen lassers meer.",
        "language": "NL",
        "postcode": "7521",
        "sbi": None,
        "concepts": ["robot_welding"],
        "noFit": False,
        "matches": [
            match("smart-welding-factory", 1),
            match("fieldlab-industrial-robotics", 2),
            match("robohouse", 3),
            match("campione", 4, ended={"on": "2021", "successor": "zuid"}),
        ],
    }
    ended = lab("campione", status="ENDED", place=None, latitude=None, longitude=None, succeededBy="zuid", hub="zuid")
    labs = [
        lab("smart-welding-factory"),
        lab("robohouse", hub="zuid-holland", place="Delft", latitude=52.0, longitude=4.37),
        ended,
    ]
    return {
        "me": None,
        "draft": draft,
        "technologies": [
            {"key": "robot_welding", "nameNl": "Robotlassen", "nameEn": "Robot welding", "fieldlabs": 2},
            {"key": "cobots", "nameNl": "Cobots", "nameEn": "Cobots", "fieldlabs": 5},
        ],
        "fieldlabs": page_of(labs),
        "fieldlab": lambda _info, slug: next((each for each in labs if each["slug"] == slug), None),
        "activities": activities,
        "activity": lambda _info, slug: activity(slug) if slug == "open-dag" else None,
        "cases": page_of([case]),
        "case": lambda _info, slug: case if slug == case["slug"] else None,
        "network": {
            "asOf": "2026-11-24T09:00:00Z",
            "knownAt": "2026-11-24T09:00:00Z",
            "position": 42,
            "level": "NATIONAL",
            "region": None,
            "indicators": [indicator, asking, few],
        },
        "figures": [figure],
        "myReferrals": [referral()],
        "referral": referral(),
        "hubDesk": {
            "hub": "oost",
            "requests": page_of(
                [referral(), referral(id="r2", dueOn="2026-11-20", status="QUESTION", waitingOn="COMPANY")]
            ),
            "companiesToVerify": [referral()["company"]],
            "counts": {
                "open": 2,
                "waitingOnFieldlab": 1,
                "waitingOnCompany": 1,
                "waitingOnHub": 0,
                "overdue": 1,
                "completed": 0,
                "companiesToVerify": 1,
            },
            "callBacksState": "OK",
            "callBacks": [
                {
                    "id": "b1",
                    "name": "Piet Jansen",
                    "phone": "06 12 34 56 78",
                    "when": "na 14 uur",
                    "postcode": "7521",
                    "askedAt": "2026-11-24T08:00:00Z",
                    "text": "Onze machines zijn oud.",
                }
            ],
        },
        "fieldlabInbox": page_of([referral()]),
    }


def signed_in_answers(scopes: list[str]) -> dict[str, Any]:
    """What changes when somebody is signed in."""
    return {"me": {"subject": "someone", "scopes": scopes, "companies": [referral()["company"]]}}


@dataclass
class StandIn:
    """The gateway's border: executes each operation against the committed schema, with canned values.

    Attributes:
        values: by root field; change them in a test.
        asked: what came in: operation, variables and headers.
        down: whether it answers with nonsense, as a broken gateway would.
    """

    schema: GraphQLSchema
    values: dict[str, Any] = field(default_factory=answers)
    asked: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    address: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one operation; what the schema does not allow is an error, as at the real one."""
        body = await request.json()
        self.asked.append({**body, "headers": dict(request.headers)})
        if self.down:
            return web.Response(text="bad gateway", status=502)
        result = await graphql(
            self.schema,
            body["query"],
            root_value=self.values,
            variable_values=body["variables"],
            operation_name=body["operationName"],
        )
        document: dict[str, Any] = {"data": result.data, "extensions": {"snapshot": {"position": 42, "stale": False}}}
        if result.errors:
            document["errors"] = [{"message": error.message, "extensions": {}} for error in result.errors]
        return web.json_response(document)

    def operations(self) -> list[str]:
        """The names of what was asked, in order."""
        return [str(each["operationName"]) for each in self.asked]

    def refuse(self, mutation: str, code: str, *errors: tuple[str, str]) -> None:
        """Let a mutation answer with a problem."""
        self.values[mutation] = {
            "problem": {
                "type": f"https://schakel.smartindustry.nl/problems/{code}",
                "code": code,
                "status": 400,
                "title": "English title.",
                "titleNl": "Nederlandse titel.",
                "detail": None,
                "errors": [{"field": path, "message": "In English.", "code": rule} for path, rule in errors],
                "retryAfterSeconds": None,
                "traceId": None,
            }
        }

    def accept(self, mutation: str, token: str | None = None, **thing: Any) -> None:
        """Let a mutation succeed."""
        (name, value), *_ = thing.items()
        self.values[mutation] = {name: value, "token": token}


@pytest.fixture
async def gateway() -> AsyncIterator[StandIn]:
    """The stand-in, listening on a port of its own."""
    stand_in = StandIn(build_schema(SCHEMA.read_text(encoding="utf-8")))
    application = web.Application()
    application.router.add_post("/graphql", stand_in.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    stand_in.address = f"http://{host}:{port}"
    yield stand_in
    await runner.cleanup()


@pytest.fixture(scope="session")
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """One database for all tests of the portal: what is in it belongs to browsers, and each test is another one."""
    async with service_database(postgres_server, "portal", MIGRATIONS) as url:
        yield url


@pytest.fixture
def settings(database_url: str, gateway: StandIn) -> PortalSettings:
    """Settings of a portal."""
    return PortalSettings(
        database_url=database_url,
        gateway_url=gateway.address,
        public_url=PUBLIC_URL,
        issuer="http://127.0.0.1:8480/realms/schakel",
        session_key=Fernet.generate_key().decode(),
        client_secret="secret",
    )


@pytest.fixture
async def browser(settings: PortalSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without scripts: keeps cookies, follows nothing by itself."""
    parts = build(settings, clock=FixedClock(NOW))
    async with api_client(parts.app) as client:
        client.base_url = httpx.URL(PUBLIC_URL)
        yield client
    await parts.database.close()


async def signed_in(browser: httpx.AsyncClient, settings: PortalSettings, *scopes: str) -> Session:
    """Sign somebody in as the login does, without the identity provider."""
    database = Database(settings.database_url)
    try:
        sessions = Sessions(database, settings, FixedClock(NOW))
        cookie = Seals(settings.session_key).mint()
        tokens = Tokens(access="token-of-someone", refresh="r", identity="i", access_until=NOW + timedelta(minutes=4))
        old = Session(key=key_of(Seals(settings.session_key).mint()))
        session = await sessions.sign_in(old, cookie, tokens, sid="sid-1", subject="someone")
        await sessions.change(session, lambda content: setattr(content, "scopes", list(scopes)))
    finally:
        await database.close()
    browser.cookies.set(settings.cookie_name, cookie, domain="127.0.0.1")
    return session


@pytest.fixture
def sign_in() -> Callable[..., Awaitable[Session]]:
    """Signs somebody in: ``await sign_in(browser, settings, "hub:oost")``."""
    return signed_in


class TokenMaker:
    """Makes consistency tokens, and reads them back."""

    def __call__(self, kind: str, version: int) -> str:
        return encode_token([Reference(kind=kind, id=uuid4(), epoch=1, version=version)])

    def kinds(self, token: str) -> list[str]:
        return [reference.kind for reference in decode_token(token)]


@pytest.fixture
def as_token() -> TokenMaker:
    """``as_token("company", 1)`` is the token of a command that changed one company."""
    return TokenMaker()


@pytest.fixture
def now() -> datetime:
    """The moment at which the tests take place."""
    return NOW
