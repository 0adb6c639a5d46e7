"""A matching service for tests, on a database of its own, without Kafka."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from sqlalchemy import text

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.event import Event
from schakel_common.testing import TokenIssuer, idempotency_key
from schakel_contracts.companies import CompanyState, Establishment, Member
from schakel_contracts.envelope import Envelope, value_of
from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.ids import register_id
from schakel_contracts.topics import COMPANIES, FIELDLABS, Topic
from schakel_matching.consumers import subscriptions
from schakel_matching.recommender import Recommender

DATA_DIR = Path(__file__).parents[4] / "data"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)

Json = dict[str, Any]


@dataclass
class World:
    """A matching service without Kafka: what others would send is given to its handlers directly."""

    database: Database
    client: httpx.AsyncClient
    clock: FixedClock
    issuer: TokenIssuer
    recommender: Recommender

    async def hear(self, topic: Topic[Any], state: Any, *, version: int = 1, happening: str = "registered") -> None:
        await self.hear_event(event(topic, state, version=version, happening=happening))

    async def hear_event(self, heard: Event) -> None:
        for subscription in subscriptions(self.clock, self.recommender):
            if heard.topic in subscription.topics:
                async with self.database.unit_of_work() as session:
                    await subscription.handler(session, heard)

    async def fieldlab(self, slug: str = "lasfabriek", **facts: Any) -> FieldlabState:
        state = fieldlab_state(slug, **facts)
        await self.hear(FIELDLABS, state)
        return state

    async def company(self, *subs: str, **facts: Any) -> CompanyState:
        state = company_state(*subs, **facts)
        await self.hear(COMPANIES, state)
        return state

    async def post(self, path: str, body: Json, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers={**idempotency_key(), **(headers or {})})

    def user(self, subject: str, *groups: str) -> dict[str, str]:
        return self.issuer.authorization(subject, groups)

    async def challenge(self, company: CompanyState, subject: str, words: str = "Wij zoeken een lasrobot.") -> str:
        body = {"companyId": str(company.id), "text": words, "language": "nl"}
        reply = await self.post("/v1/challenges", body, headers=self.user(subject))
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def referral(self, challenge_id: str, subject: str, fieldlab: str = "lasfabriek", **more: str) -> str:
        body = {"challengeId": challenge_id, "fieldlab": fieldlab, **more}
        reply = await self.post("/v1/referrals", body, headers=self.user(subject))
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self.database.reading() as session:
            return [tuple(row) for row in await session.execute(text(sql), values)]

    async def journal(self) -> list[tuple[str, int]]:
        """Return what happened and to which version, in order."""
        rows = await self.rows("SELECT type, version FROM journal ORDER BY seq")
        return [(kind.removeprefix("nl.smartindustry.").removesuffix(".v1"), version) for kind, version in rows]

    async def state(self, aggregate_id: str) -> Json:
        """Return the newest state that the journal holds of an aggregate."""
        sql = "SELECT value FROM journal WHERE aggregate_id = :id ORDER BY version DESC LIMIT 1"
        found = await self.rows(sql, id=UUID(aggregate_id))
        decoded: Json = msgspec.json.decode(found[0][0])
        return decoded

    async def counts(self) -> tuple[int, int]:
        """Return the number of lines in journal and outbox: what must not move when something is refused."""
        found = await self.rows("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM outbox)")
        return found[0][0], found[0][1]


def event(topic: Topic[Any], state: Any, *, version: int = 1, happening: str = "registered", epoch: int = 1) -> Event:
    """Return an event as a consumer would see it."""
    digest = hashlib.sha256(value_of(state)).hexdigest()
    envelope = Envelope(
        id=uuid4(),
        source="urn:test",
        type=topic.type_of(happening),
        subject=state.id,
        epoch=epoch,
        version=version,
        effective_at=NOW,
        recorded_at=NOW,
        dataschema=topic.dataschema,
        digest=digest,
    )
    return Event(topic, envelope, state)


def fieldlab_state(slug: str, **facts: Any) -> FieldlabState:
    """Return a fieldlab for robot welding in Enschede, unless the facts say otherwise."""
    known: Json = {
        "id": register_id("fieldlab", slug),
        "slug": slug,
        "name": slug.title(),
        "kind": "fieldlab",
        "hub": "oost",
        "status": "active",
        "recognition": Recognition(status="recognised"),
        "published": True,
        "description_nl": "Hier proberen bedrijven een lasrobot uit. Ook kleine series kunnen.",
        "description_en": "Companies try out a welding robot here. Small series are possible too.",
        "themes": ["robot_welding", "small_series"],
        "postcode4": "7521",
    }
    return FieldlabState(**{**known, **facts})


def company_state(*subs: str, **facts: Any) -> CompanyState:
    """Return a company in Delft with these active members, unless the facts say otherwise."""
    known: Json = {
        "id": uuid4(),
        "status": "unverified",
        "home_hub": "zuid-holland",
        "province": "NL-ZH",
        "sbi": ["2562"],
        "establishments": [
            Establishment(id=uuid4(), hub="zuid-holland", primary=True, province="NL-ZH", postcode4="2628")
        ],
        "members": [Member(sub=sub, status="active") for sub in subs],
    }
    return CompanyState(**{**known, **facts})
