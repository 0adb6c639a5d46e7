"""What the owners say: the heads of their journals, and the request to say something again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import aiohttp
import msgspec

from schakel_common.problems import Problem
from schakel_contracts.topics import TOPIC_OF_KIND, Service
from schakel_gateway.settings import GatewaySettings

PAGE: Final = 1000
REEMIT_IDS_MAX: Final = 500
CLIENT: Final = "schakel-verify"
TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
NIL: Final = UUID(int=0)


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """The newest version of an aggregate, as its owner's journal has it."""

    kind: str
    id: UUID
    epoch: int
    version: int
    digest: str
    recorded_at: datetime


class Journals:
    """The journals of all owners, read as the client ``schakel-verify``.

    Args:
        session: without a base address.
        addresses: of each owner's API.
        token: an access token of that client.
    """

    def __init__(self, session: aiohttp.ClientSession, addresses: dict[Service, str], token: str) -> None:
        self._session = session
        self._addresses = addresses
        self._headers = {"Authorization": f"Bearer {token}"}

    async def pages(self, kind: str) -> AsyncIterator[list[Head]]:
        """Give all heads of a kind by id, page by page; the last page may be empty."""
        after = NIL
        while True:
            page = await self._heads(kind, after, PAGE)
            yield page
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def head(self, kind: str, aggregate: UUID) -> Head | None:
        """Return the head of one aggregate, None when its owner does not know it."""
        if aggregate == NIL:
            return None
        found = await self._heads(kind, UUID(int=aggregate.int - 1), 1)
        return found[0] if found and found[0].id == aggregate else None

    async def say_again(self, kind: str, ids: Sequence[UUID]) -> None:
        """Have the whole history of these aggregates sent again, byte for byte."""
        url = self._url(kind) + "/internal/journal/reemit"
        for start in range(0, len(ids), REEMIT_IDS_MAX):
            body = {"kind": kind, "ids": [str(each) for each in ids[start : start + REEMIT_IDS_MAX]]}
            async with self._session.post(url, json=body, headers=self._headers) as reply:
                _refuse_failure(reply, url)

    async def _heads(self, kind: str, after: UUID, limit: int) -> list[Head]:
        url = self._url(kind) + "/internal/journal/heads"
        query = {"kind": kind, "after": str(after), "limit": str(limit)}
        async with self._session.get(url, params=query, headers=self._headers) as reply:
            _refuse_failure(reply, url)
            return msgspec.json.decode(await reply.read(), type=list[Head])

    def _url(self, kind: str) -> str:
        return self._addresses[TOPIC_OF_KIND[kind].owner].rstrip("/")


@asynccontextmanager
async def journals(settings: GatewaySettings) -> AsyncIterator[Journals]:
    """Sign in as the client ``schakel-verify`` and give access to the journals.

    Raises:
        Problem: ``unavailable`` when the identity provider or an owner does not answer as it should; the text names it.
    """
    addresses: dict[Service, str] = {
        "registry": settings.registry_url,
        "matching": settings.matching_url,
        "events": settings.events_url,
    }
    async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True) as session:
        try:
            yield Journals(session, addresses, await _token(session, settings))
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise Problem("unavailable", f"An owner's journal cannot be read: {type(error).__name__}.") from error


async def _token(session: aiohttp.ClientSession, settings: GatewaySettings) -> str:
    url = f"{settings.realm_url}/protocol/openid-connect/token"
    body = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": settings.verify_client_secret}
    async with session.post(url, data=body) as reply:
        _refuse_failure(reply, url)
        return str((await reply.json())["access_token"])


def _refuse_failure(reply: aiohttp.ClientResponse, url: str) -> None:
    if not reply.ok:
        raise Problem("unavailable", f"{url} answered {reply.status}.")
