"""Calls a service's API as somebody, and looks into its database for what a call left there."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import httpx
import msgspec
from sqlalchemy import text

from schakel_common.database import Database
from schakel_common.testing import TokenIssuer
from schakel_contracts.topics import Topic


class Hear(Protocol):
    """Gives an event to the consumers of a service, as Kafka would."""

    async def __call__(self, topic: Topic[Any], state: Any, *, version: int = 1) -> None:
        """Let them hear of this state of an aggregate."""
        ...


class Said(NamedTuple):
    """An event as the journal holds it: ``companies.registered.v1``, and the state."""

    what: str
    state: dict[str, Any]


class Api:
    """A service under test. Calls are made by Ann, who has no groups, unless a test says otherwise."""

    def __init__(self, client: httpx.AsyncClient, issuer: TokenIssuer, database: Database) -> None:
        self.client = client
        self.issuer = issuer
        self.database = database

    async def send(
        self,
        method: str,
        path: str,
        body: object,
        *,
        sub: str | None = "ann",
        groups: Sequence[str] = (),
        version: int | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        """Send a command below ``/v1``; `sub` None is nobody, `version` goes into ``If-Match``."""
        headers = {
            **self._who(sub, groups),
            "Idempotency-Key": key or str(uuid4()),
            **({} if version is None else {"If-Match": f'"{version}"'}),
        }
        return await self.client.request(method, f"/v1{path}", json=body, headers=headers)

    async def post(self, path: str, body: object, **who: Any) -> httpx.Response:
        """Send a POST."""
        return await self.send("POST", path, body, **who)

    async def patch(self, path: str, body: object, **who: Any) -> httpx.Response:
        """Send a PATCH."""
        return await self.send("PATCH", path, body, **who)

    async def get(self, path: str, *, sub: str | None = "ann", groups: Sequence[str] = ()) -> httpx.Response:
        """Read below ``/v1``."""
        return await self.client.get(f"/v1{path}", headers=self._who(sub, groups))

    async def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a query."""
        async with self.database.reading() as session:
            return [tuple(row) for row in await session.execute(text(sql), parameters)]

    async def said(self) -> list[Said]:
        """Return what was announced, in order."""
        rows = await self.rows("SELECT type, value FROM journal ORDER BY seq")
        return [Said(row[0].removeprefix("nl.smartindustry."), msgspec.json.decode(row[1])) for row in rows]

    async def assert_said(self, *expected: str) -> None:
        """Check what was announced, and that the outbox holds as many rows and no refused command kept its key."""
        assert [each.what.removesuffix(".v1") for each in await self.said()] == list(expected)
        assert await self.rows("SELECT count(*) FROM outbox") == [(len(expected),)]
        assert await self.rows("SELECT count(*) FROM idempotency WHERE status >= 400 OR status = 0") == [(0,)]

    def _who(self, sub: str | None, groups: Sequence[str]) -> dict[str, str]:
        return {} if sub is None else self.issuer.authorization(sub, groups)


class Refusal(NamedTuple):
    """What a problem document says."""

    status: int
    slug: str
    errors: list[tuple[str, str]]


def refusal(reply: httpx.Response) -> Refusal:
    """Return status, slug, and field and code of each error."""
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    document = reply.json()
    errors = [(error["field"], error["code"]) for error in document.get("errors", [])]
    return Refusal(reply.status_code, document["type"].rpartition("/")[2], errors)
