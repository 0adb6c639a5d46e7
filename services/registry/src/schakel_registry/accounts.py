"""Deleting the accounts of people who are erased, at Keycloak, until it is done.

What must be deleted is a row that the erasure writes in its own transaction. The row goes when the account is gone, so
a Keycloak that is away makes it later, and doing it twice is doing it once: an account that is not there is deleted.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from schakel_common.database import POOLED_FAILURES, Database
from schakel_common.metrics import measure
from schakel_common.processing import record
from schakel_registry.settings import RegistrySettings
from schakel_registry.tables import AccountRow, CompanyRow, MemberRow

CLIENT: Final = "schakel-accounts"
ACTIVITY: Final = "bedrijven-beheren"
POLL_SECONDS: Final = 5.0
BACK_OFF_SECONDS_MAX: Final = 60.0
ANSWER_SECONDS_MAX: Final = 10.0
BATCH: Final = 50

_log: Final = logging.getLogger(__name__)


class RefusedError(Exception):
    """Keycloak answers and does not do it; the text says with which status, and nothing about a person."""


async def ask_to_delete_accounts(session: AsyncSession, subs: Sequence[str], now: datetime) -> None:
    """Note, in the caller's transaction, whose accounts must go; asking again changes nothing."""
    if subs:
        rows = [{"sub": sub, "asked_at": now} for sub in subs]
        await session.execute(insert(AccountRow).values(rows).on_conflict_do_nothing())


async def delete_accounts(settings: RegistrySettings, database: Database, stop: asyncio.Event) -> None:
    """Delete what was asked until told to stop; it may run beside itself.

    Args:
        settings: where Keycloak is; without the client's secret accounts wait, and a log line a minute says so.
        database: of this service.
        stop: set it to end.
    """
    back_off = POLL_SECONDS
    while not stop.is_set():
        try:
            count, age_seconds = await waiting_accounts(database)
            measure("account.waiting.count", count)
            measure("account.oldest.age", age_seconds)
            await delete_waiting(settings, database)
            back_off = POLL_SECONDS
        except (*POOLED_FAILURES, aiohttp.ClientError, RefusedError) as error:
            told = str(error) if isinstance(error, RefusedError) else type(error).__name__
            back_off = min(back_off * 2, BACK_OFF_SECONDS_MAX)
            _log.warning("accounts of erased people wait %.0f s: %s", back_off, told)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), back_off)


async def waiting_accounts(database: Database) -> tuple[int, float]:
    """Return how many accounts wait, and for how many seconds the oldest, by the clock of the database; 0 when none."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(col(AccountRow.asked_at)))
    async with database.reading() as session:
        count, seconds = (await session.exec(select(func.count(), age).select_from(AccountRow))).one()
    return count, float(seconds or 0)


async def delete_waiting(settings: RegistrySettings, database: Database) -> int:
    """Delete the accounts that wait, the oldest first; return how many rows are done with.

    An account stays where it serves something else: its person is in another company, or in a group of the network.

    Raises:
        RefusedError: the secret is missing or wrong, or may not manage users.
        aiohttp.ClientError: Keycloak is away.
    """
    async with database.reading() as session:
        waiting = list(await session.exec(select(AccountRow.sub).order_by(col(AccountRow.asked_at)).limit(BATCH)))
        used = set(await session.exec(_used_elsewhere(waiting))) if waiting else set()
    if not waiting:
        return 0
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as http:
        accounts = await _accounts(http, settings) if set(waiting) - used else None
        for sub in waiting:
            gone = accounts is not None and sub not in used and await accounts.delete(sub)
            async with database.unit_of_work() as session:
                await session.execute(delete(AccountRow).where(col(AccountRow.sub) == sub))
                await record(session, settings, ACTIVITY, [sub] if gone else [])
            _log.info("an account of an erased person is deleted" if gone else "an account stays: it is used elsewhere")
    return len(waiting)


def _used_elsewhere(subs: Sequence[str]) -> SelectOfScalar[str]:
    living = col(CompanyRow.status).in_(("unverified", "verified"))
    member = select(MemberRow.sub).join(CompanyRow, col(CompanyRow.id) == MemberRow.company_id)
    return member.where(col(MemberRow.sub).in_(subs), col(MemberRow.status) != "removed", living).distinct()


@dataclass(frozen=True)
class _Accounts:
    """The users of the realm, as its admin API has them."""

    http: aiohttp.ClientSession
    address: str
    headers: Mapping[str, str]

    async def delete(self, sub: str) -> bool:
        """Delete an account with its sessions, unless it is in a group; return whether it is gone now."""
        user = f"{self.address}/{quote(sub, safe='')}"
        async with self.http.get(f"{user}/groups", headers=self.headers) as reply:
            if reply.status != HTTPStatus.NOT_FOUND:
                _demand(reply, HTTPStatus.OK)
                if await reply.json():
                    return False
        async with self.http.delete(user, headers=self.headers) as reply:
            _demand(reply, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
        return True


async def _accounts(http: aiohttp.ClientSession, settings: RegistrySettings) -> _Accounts:
    secret = settings.accounts_client_secret
    if not secret:
        raise RefusedError(f"set SCHAKEL_ACCOUNTS_CLIENT_SECRET to the secret of {CLIENT}")
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": secret}
    async with http.post(f"{settings.realm_url}/protocol/openid-connect/token", data=form) as reply:
        _demand(reply, HTTPStatus.OK)
        token = (await reply.json())["access_token"]
    origin, _, realm = settings.realm_url.rpartition("/realms/")
    return _Accounts(http, f"{origin}/admin/realms/{realm}/users", {"Authorization": f"Bearer {token}"})


def _demand(reply: aiohttp.ClientResponse, *wanted: HTTPStatus) -> None:
    if reply.status not in wanted:
        raise RefusedError(f"Keycloak answers {reply.status} to {CLIENT}: is its secret right, and the realm applied?")
