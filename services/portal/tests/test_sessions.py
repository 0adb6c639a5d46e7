"""Sessions on the real database: encrypted, locked, ended from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_common.migrations import drift
from schakel_portal.security import Seals
from schakel_portal.sessions import IdentityUnavailable, RefreshRefused, Session, Sessions, Tokens, key_of
from schakel_portal.settings import PortalSettings
from schakel_portal.tables import Base

pytestmark = pytest.mark.postgres


class Store:
    """Sessions with a clock that the test moves, and a look into the table."""

    def __init__(self, settings: PortalSettings, now: Any) -> None:
        self.database = Database(settings.database_url)
        self.clock = FixedClock(now)
        self.sessions = Sessions(self.database, settings, self.clock)
        self.seals = Seals(settings.session_key)

    def tokens(self, access: str = "access-1") -> Tokens:
        until = self.clock.now() + timedelta(minutes=4)
        return Tokens(access=access, refresh="refresh-1", identity="identity-1", access_until=until)

    async def signed_in(self, sid: str = "sid-1") -> tuple[str, Session]:
        cookie = self.seals.mint()
        old = Session(key=key_of(self.seals.mint()))
        return cookie, await self.sessions.sign_in(old, cookie, self.tokens(), sid=sid, subject="someone")

    async def raw(self, key: bytes) -> bytes:
        async with self.database.reading() as db:
            row = (
                await db.execute(text("SELECT content || tokens FROM browser_session WHERE key = :key"), {"key": key})
            ).one()
        return bytes(row[0])


@pytest.fixture
async def store(settings: PortalSettings, now: Any) -> AsyncIterator[Store]:
    store = Store(settings, now)
    yield store
    await store.database.close()


async def test_the_tables_are_what_the_migrations_make(database_url: str) -> None:
    assert await drift(database_url, Base.metadata) == []


async def test_what_is_stored_can_be_read_by_us_only(store: Store) -> None:
    cookie, session = await store.signed_in()
    await store.sessions.change(session, lambda content: content.remember_draft("d1", "draft-secret"))
    raw = await store.raw(key_of(cookie))
    assert b"access-1" not in raw
    assert b"draft-secret" not in raw
    found = await store.sessions.find(cookie)
    assert found.content.drafts["d1"].secret == "draft-secret"
    assert found.tokens is not None
    assert found.tokens.access == "access-1"


async def test_another_key_opens_nothing(store: Store, settings: PortalSettings) -> None:
    cookie, _ = await store.signed_in()
    other = settings.model_copy(update={"session_key": "A" * 43 + "="})
    found = await Sessions(store.database, other, store.clock).find(cookie)
    assert not found.signed_in
    assert found.content.drafts == {}


async def test_signing_in_moves_what_was_typed_to_a_new_cookie(store: Store) -> None:
    planted = store.seals.mint()
    session = Session(key=key_of(planted))
    await store.sessions.change(session, lambda content: content.remember_draft("d1", "s"))
    cookie = store.seals.mint()
    await store.sessions.sign_in(session, cookie, store.tokens(), sid="sid-x", subject="someone")
    assert not (await store.sessions.find(planted)).signed_in
    assert (await store.sessions.find(planted)).content.drafts == {}
    assert list((await store.sessions.find(cookie)).content.drafts) == ["d1"]


async def test_two_first_requests_at_once_meet_in_one_session(store: Store) -> None:
    cookie = store.seals.mint()

    async def add(draft: str) -> None:
        await store.sessions.change(Session(key=key_of(cookie)), lambda content: content.remember_draft(draft, "s"))

    await asyncio.gather(*(add(f"d{i}") for i in range(4)))
    assert sorted((await store.sessions.find(cookie)).content.drafts) == ["d0", "d1", "d2", "d3"]


async def test_several_requests_at_once_renew_the_token_once(store: Store) -> None:
    cookie, _ = await store.signed_in()
    store.clock.advance(timedelta(minutes=3, seconds=45))
    renewals = 0

    async def refresh(_tokens: Tokens) -> Tokens:
        nonlocal renewals
        renewals += 1
        return store.tokens(f"access-{renewals + 1}")

    sessions = [await store.sessions.find(cookie) for _ in range(4)]
    got = await asyncio.gather(*(store.sessions.access_token(each, refresh) for each in sessions))
    assert got == ["access-2"] * 4
    assert renewals == 1


async def test_a_refused_renewal_signs_out_and_keeps_what_was_typed(store: Store) -> None:
    cookie, session = await store.signed_in()
    await store.sessions.change(session, lambda content: content.remember_draft("d1", "s"))
    store.clock.advance(timedelta(minutes=5))

    async def refuse(_tokens: Tokens) -> Tokens:
        raise RefreshRefused

    assert await store.sessions.access_token(session, refuse) is None
    found = await store.sessions.find(cookie)
    assert not found.signed_in
    assert list(found.content.drafts) == ["d1"]


async def test_while_the_identity_provider_is_away_a_valid_token_goes_on(store: Store) -> None:
    _, session = await store.signed_in()

    async def away(_tokens: Tokens) -> Tokens:
        raise IdentityUnavailable

    store.clock.advance(timedelta(minutes=3, seconds=45))
    assert await store.sessions.access_token(session, away) == "access-1"
    store.clock.advance(timedelta(minutes=1))
    with pytest.raises(IdentityUnavailable):
        await store.sessions.access_token(session, away)


async def test_a_logout_elsewhere_ends_that_session_only(store: Store) -> None:
    mine, _ = await store.signed_in("sid-mine")
    other, _ = await store.signed_in("sid-other")
    assert await store.sessions.end_elsewhere(sid="sid-mine", subject="someone") == 1
    assert not (await store.sessions.find(mine)).signed_in
    assert (await store.sessions.find(other)).signed_in


async def test_a_session_is_forgotten_after_its_days(store: Store) -> None:
    cookie, session = await store.signed_in()
    store.clock.advance(timedelta(days=31))
    assert not (await store.sessions.find(cookie)).signed_in
    await store.sessions.forget_expired()
    await store.sessions.change(session, lambda content: setattr(content, "notice", "x"))
    assert not (await store.sessions.find(cookie)).signed_in
