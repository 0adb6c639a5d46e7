"""A portal on a real database, with a stand-in for the gateway that keeps to the committed schema."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
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
BLOCKS: dict[str, Any] = json.loads((Path(__file__).parent / "answers.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PUBLIC_URL = "http://127.0.0.1:8400"


def block(name: str, /, **changes: Any) -> dict[str, Any]:
    """One thing as the gateway describes it, with changes: a fieldlab, a match, a request, ..."""
    return {**deepcopy(BLOCKS[name]), **changes}


def lab(slug: str, **changes: Any) -> dict[str, Any]:
    """A fieldlab."""
    return block("lab", id=f"l-{slug}", slug=slug, name=slug.replace("-", " ").title(), **changes)


def match(slug: str, rank: int, **changes: Any) -> dict[str, Any]:
    """A match whose parts add up: 31.4 + 22.5 + 6.25 - 1.15 = 59."""
    return block("match", slug=slug, name=slug.replace("-", " ").title(), rank=rank, **changes)


def referral(**changes: Any) -> dict[str, Any]:
    """A request for an introduction, just asked."""
    return block("referral", **changes)


def activity(slug: str, **changes: Any) -> dict[str, Any]:
    """An activity to come, with two of twelve seats taken."""
    return block("activity", slug=slug, **changes)


def page_of(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a connection, without a next one."""
    return {"nodes": nodes, "totalCount": len(nodes), "pageInfo": {"hasNextPage": False, "endCursor": None}}


def activities(_info: object, **arguments: Any) -> dict[str, Any]:
    """One to come, one that has been."""
    coming = (arguments.get("filter") or {}).get("upcoming")
    return page_of([activity("open-dag")] if coming else [activity("vorig-jaar", status="HELD")])


def figures() -> list[dict[str, Any]]:
    """One that is known, one from before its history, one that is hidden because it is small."""
    known = block("indicator")
    before = {"known": False, "reason": "before-history", "historyBegins": "2026-11-01T08:00:00Z"}
    hidden = [{"hub": region["hub"], "count": None} for region in known["regions"]]
    return [
        known,
        block("indicator", key="companies_asking", kind="UNIQUE", total=None, **before),
        block("indicator", key="companies_served", total=None, national=None, regions=hidden),
    ]


def desk() -> dict[str, Any]:
    """A hub's desk with one request on time, one late, a company to confirm and somebody to call."""
    late = referral(id="r2", dueOn="2026-11-20", status="QUESTION", waitingOn="COMPANY")
    none = dict.fromkeys(("waitingOnHub", "completed"), 0)
    some = dict.fromkeys(("waitingOnFieldlab", "waitingOnCompany", "overdue", "companiesToVerify"), 1)
    return {
        "hub": "oost",
        "requests": page_of([referral(), late]),
        "challenges": [need()],
        "companiesToVerify": [referral()["company"]],
        "counts": {"open": 2, **none, **some},
        "callBacksState": "OK",
        "callBacks": [block("callBack")],
    }


def need(**changes: Any) -> dict[str, Any]:
    """A company's need with two fieldlabs, of which its adviser recommends one, and one that the adviser added."""
    said = {"hub": "oost", "at": "2026-11-23T10:15:00Z", "reason": "Zij kennen <kleine> series."}
    return {
        "id": "ch1",
        "version": 3,
        "status": "OPEN",
        "companyId": "c1",
        "homeHub": "oost",
        "routedHub": "oost",
        "submittedOn": "2026-11-20",
        "language": "NL",
        "province": "NL-OV",
        "shared": False,
        "news": None,
        "concepts": ["robot_welding"],
        "model": "1",
        "slate": [],
        "privateState": "OK",
        "text": "Wij lassen kleine series met de hand.",
        "matches": [match("smart-welding-factory", 1), match("robohouse", 2)],
        "needs": [found_need("n1", "Wij lassen kleine series", "smart-welding-factory", "robohouse")],
        "endings": [],
        "told": block("told"),
        "judgements": [
            {"fieldlab": "robohouse", "action": "PIN", **said},
            {"fieldlab": "campione", "action": "ADD", **said},
        ],
        "company": referral()["company"],
        "referrals": [referral()],
        **changes,
    }


def opportunity(**changes: Any) -> dict[str, Any]:
    """A need that its company agreed to show, which fits one fieldlab."""
    placed = match("smart-welding-factory", 2)
    return {
        "challengeId": "0c6f9a1e-1111-4222-8333-444455556666",
        "submittedOn": "2026-11-20",
        "hub": "zuid",
        "language": "NL",
        "text": "Wij lassen <kleine> series met de hand.",
        "concepts": ["robot_welding"],
        "sbiDivision": "25",
        "sizeClass": "SMALL",
        "municipalityCode": None,
        "postcode": None,
        "fits": [
            {
                **{key: placed[key] for key in ("name", "rank", "score", "parts")},
                "fieldlab": placed["slug"],
                "shown": True,
                "judgement": "PIN",
            }
        ],
        **changes,
    }


def white_spots(_info: object, region: str | None = None) -> dict[str, Any]:
    """One technology that no fieldlab has, and one that fieldlabs of other provinces have."""
    spots = [
        {"technology": "robot_welding", "province": "NL-DR", "companies": 7, "needs": 9, "fieldlabsElsewhere": 3},
        {"technology": "iot", "province": "NL-ZE", "companies": 5, "needs": 5, "fieldlabsElsewhere": 0},
    ]
    return {"asOf": "2026-10-31T22:59:59Z", "position": 42, "exact": bool(region), "region": region, "spots": spots}


def draft() -> dict[str, Any]:
    """A need with three who can help, and one that has ended."""
    slugs = ("smart-welding-factory", "fieldlab-industrial-robotics", "robohouse")
    ended = match("campione", 4, ended={"on": "2021", "successor": "zuid"})
    return {
        "id": "d1",
        "text": "Wij lassen kleine series met de hand en vinden geen lassers meer.",
        "language": "NL",
        "postcode": "7521",
        "sbi": None,
        "concepts": ["robot_welding"],
        "noFit": False,
        "hub": "oost",
        "matches": [*(match(slug, rank) for rank, slug in enumerate(slugs, 1)), ended],
        "needs": [found_need("n1", "Wij lassen kleine series met de hand", *slugs)],
        "endings": [],
        "told": block("told"),
    }


def found_need(key: str, quote: str, *slugs: str, **changes: Any) -> dict[str, Any]:
    """A need that was found in a text, with fieldlabs of its own."""
    names = ("slug", "name", "score", "parts")
    labs = [{name: match(slug, 1)[name] for name in names} for slug in slugs]
    found = {"id": key, "quote": quote, "technologies": ["robot_welding"], "fits": True, "fieldlabs": labs}
    return {**found, **changes}


def answers() -> dict[str, Any]:
    """What the stand-in answers unless a test says otherwise; a callable gets the field's arguments."""
    nowhere = {"place": None, "latitude": None, "longitude": None}
    ended = lab("campione", status="ENDED", succeededBy="zuid", hub="zuid", **nowhere)
    delft = {"hub": "zuid-holland", "place": "Delft", "latitude": 52.0, "longitude": 4.37}
    labs = [lab("smart-welding-factory"), lab("robohouse", **delft), ended]
    case, moment = block("case"), "2026-11-24T09:00:00Z"
    network = {"asOf": moment, "knownAt": moment, "position": 42, "level": "NATIONAL", "region": None}
    return {
        "me": None,
        "draft": draft(),
        "technologies": deepcopy(BLOCKS["technologies"]),
        "fieldlabs": page_of(labs),
        "fieldlab": lambda _info, slug: next((each for each in labs if each["slug"] == slug), None),
        "activities": activities,
        "activity": lambda _info, slug: activity(slug) if slug == "open-dag" else None,
        "cases": page_of([case]),
        "case": lambda _info, slug: case if slug == case["slug"] else None,
        "network": {**network, "indicators": figures()},
        "figures": [block("figure")],
        "whiteSpots": white_spots,
        "myReferrals": [referral()],
        "myChallenges": [need()],
        "fieldlabOpportunities": [opportunity()],
        "hubOpportunities": [opportunity()],
        "hubBundles": [
            {
                "concepts": ["robot_welding"],
                "words": ["lasrobot"],
                "companies": 3,
                "needs": [{"challengeId": f"ch{i}", "text": f"Wij <{i}> zoeken een lasrobot."} for i in (1, 2, 3)],
            }
        ],
        "challenge": lambda _info, **asked: need() if asked["id"] == "ch1" else None,
        "referral": referral(),
        "hubDesk": desk(),
        "why": lambda _info, **asked: block("why") if asked["fieldlab"] != "geheim" else None,
        "fieldlabCoaching": block("coaching"),
        "fieldlabInbox": page_of([referral()]),
    }


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
def things() -> SimpleNamespace:
    """What the stand-in's answers are made of, for a test that changes them."""
    return SimpleNamespace(
        match=match, need=need, found_need=found_need, told=partial(block, "told"), why=partial(block, "why")
    )


@pytest.fixture
def now() -> datetime:
    """The moment at which the tests take place."""
    return NOW
