"""What we remember of a browser: encrypted, in the portal's own database, found by the hash of a cookie."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common.clock import Clock
from schakel_common.database import Database
from schakel_portal.settings import PortalSettings
from schakel_portal.tables import SessionRow

REFRESH_BEFORE_END: Final = timedelta(seconds=30)
_PENDING_LOGINS_MAX: Final = 5
_DRAFTS_MAX: Final = 20


class Tokens(BaseModel):
    """What the identity provider gave us for this person; ``access_until`` is when the access token ends."""

    access: str
    refresh: str
    identity: str
    access_until: datetime


class PendingLogin(BaseModel):
    """One way to the identity provider and back: what must come back, and where the person was going."""

    state: str
    nonce: str
    verifier: str
    next: str


class Draft(BaseModel):
    """An unclaimed question: its secret opens it.

    Attributes:
        postcode: as it was typed; the question itself keeps the digits only.
        messages: what was typed for each fieldlab.
    """

    secret: str
    postcode: str = ""
    messages: dict[str, str] = {}


class Content(BaseModel):
    """What one browser did so far.

    Attributes:
        references: the consistency token of the latest commands, so that the next read knows them.
        notice: key of a text to show once, on the next page.
        scopes: what the person may do, for the menu only: every service decides for itself.
    """

    drafts: dict[str, Draft] = {}
    logins: list[PendingLogin] = []
    references: str | None = None
    notice: str | None = None
    scopes: list[str] = []
    name: str = ""

    def remember_login(self, login: PendingLogin) -> None:
        """Add a login under way; of those given up only the latest few are kept."""
        self.logins = [*self.logins, login][-_PENDING_LOGINS_MAX:]

    def remember_draft(self, draft_id: str, secret: str, postcode: str = "") -> None:
        """Add a question; the oldest are forgotten first."""
        self.drafts = dict([*self.drafts.items(), (draft_id, Draft(secret=secret, postcode=postcode))][-_DRAFTS_MAX:])


class Session(BaseModel):
    """One browser's session as last read; change it with ``Sessions.change``."""

    key: bytes
    content: Content = Field(default_factory=Content)
    tokens: Tokens | None = None

    @property
    def signed_in(self) -> bool:
        """Whether somebody is signed in here."""
        return self.tokens is not None


class RefreshRefused(Exception):  # noqa: N818 - it is what the identity provider said, and no failure of ours
    """The identity provider gives no new token: the person is signed out there."""


class IdentityUnavailable(Exception):  # noqa: N818 - a state of the identity provider, and no mistake of the caller
    """The identity provider does not answer, or not as it should."""


def key_of(cookie: str) -> bytes:
    """Return the key of a cookie's session."""
    return hashlib.sha256(cookie.encode()).digest()


class Sessions:
    """The session table."""

    def __init__(self, database: Database, settings: PortalSettings, clock: Clock) -> None:
        self._database = database
        self._fernet = Fernet(settings.session_key)
        self._clock = clock
        self._lifetime = timedelta(days=settings.session_days)

    async def find(self, cookie: str) -> Session:
        """Return the session of a cookie that we made; an empty one when nothing is known of it yet."""
        key = key_of(cookie)
        async with self._database.reading() as db:
            row = await db.get(SessionRow, key)
        if row is None or row.expires_at <= self._clock.now():
            return Session(key=key)
        return self._opened(row)

    async def change(self, session: Session, edit: Callable[[Content], None]) -> None:
        """Apply an edit to what is stored now, under a row lock, so that two tabs do not undo each other's work."""
        async with self._database.unit_of_work() as db:
            row = await self._locked(db, session.key)
            content = self._content(row)
            edit(content)
            row.content = self._sealed(content)
        session.content = content

    async def sign_in(self, session: Session, cookie: str, tokens: Tokens, *, sid: str | None, subject: str) -> Session:
        """Move everything to a new cookie, with the tokens: a cookie that somebody knew before signs nobody in."""
        key = key_of(cookie)
        async with self._database.unit_of_work() as db:
            old = await self._locked(db, session.key)
            content = self._content(old)
            await db.delete(old)
            row = self._new_row(key, content)
            row.tokens, row.sid, row.subject = self._sealed(tokens), sid, subject
            db.add(row)
        return Session(key=key, content=content, tokens=tokens)

    async def access_token(self, session: Session, refresh: Callable[[Tokens], Awaitable[Tokens]]) -> str | None:
        """Return an access token that is valid for a while, or None when nobody is signed in (any more).

        Only one of several requests at once renews it: the others wait for the row and find the new one.
        """
        tokens = session.tokens
        if tokens is None or not self._ends_soon(tokens):
            return tokens.access if tokens else None
        async with self._database.unit_of_work() as db:
            row = await self._locked(db, session.key)
            stored = self._opened(row).tokens
            if stored is not None and self._ends_soon(stored):
                stored = await self._renewed(row, stored, refresh)
        session.tokens = stored
        return stored.access if stored else None

    async def end_tokens(self, session: Session) -> None:
        """Sign out here, and keep what was typed: the identity provider or the gateway does not accept us any more."""
        async with self._database.unit_of_work() as db:
            row = await self._locked(db, session.key)
            row.tokens = row.sid = row.subject = None
        session.tokens = None

    async def end(self, session: Session) -> None:
        """Forget everything of this browser."""
        async with self._database.unit_of_work() as db:
            await db.execute(delete(SessionRow).where(SessionRow.key == session.key))  # type: ignore[arg-type]

    async def end_elsewhere(self, *, sid: str | None, subject: str | None) -> int:
        """End the sessions that the identity provider ended; returns how many there were."""
        which = SessionRow.sid == sid if sid else SessionRow.subject == subject
        async with self._database.unit_of_work() as db:
            keys = (await db.execute(delete(SessionRow).where(which).returning(SessionRow.key))).all()  # type: ignore[arg-type, call-overload]
        return len(keys)

    async def forget_expired(self) -> None:
        """Delete what is past its days."""
        async with self._database.unit_of_work() as db:
            await db.execute(delete(SessionRow).where(SessionRow.expires_at <= self._clock.now()))  # type: ignore[arg-type]

    async def _renewed(
        self, row: SessionRow, tokens: Tokens, refresh: Callable[[Tokens], Awaitable[Tokens]]
    ) -> Tokens | None:
        try:
            renewed = await refresh(tokens)
        except RefreshRefused:
            row.tokens = row.sid = row.subject = None
            return None
        except IdentityUnavailable:
            if tokens.access_until <= self._clock.now():
                raise
            return tokens
        row.tokens = self._sealed(renewed)
        return renewed

    def _ends_soon(self, tokens: Tokens) -> bool:
        return tokens.access_until - REFRESH_BEFORE_END <= self._clock.now()

    async def _locked(self, db: AsyncSession, key: bytes) -> SessionRow:
        """Return the row, locked; made first where there is none, so that two first requests at once meet in one."""
        fresh = self._new_row(key, Content())
        await db.execute(insert(SessionRow).values(**fresh.model_dump()).on_conflict_do_nothing())
        statement = select(SessionRow).where(SessionRow.key == key).with_for_update()  # type: ignore[arg-type]
        row = (await db.execute(statement)).scalar_one()
        if row.expires_at <= self._clock.now():
            row.content, row.created_at, row.expires_at = fresh.content, fresh.created_at, fresh.expires_at
            row.tokens = row.sid = row.subject = None
        return row

    def _new_row(self, key: bytes, content: Content) -> SessionRow:
        now = self._clock.now()
        return SessionRow(key=key, content=self._sealed(content), created_at=now, expires_at=now + self._lifetime)

    def _opened(self, row: SessionRow) -> Session:
        tokens = self._read(row.tokens)
        return Session(
            key=row.key,
            content=self._content(row),
            tokens=Tokens.model_validate_json(tokens) if tokens else None,
        )

    def _content(self, row: SessionRow) -> Content:
        content = self._read(row.content)
        return Content.model_validate_json(content) if content else Content()

    def _sealed(self, value: BaseModel) -> bytes:
        return self._fernet.encrypt(value.model_dump_json().encode())

    def _read(self, value: bytes | None) -> bytes | None:
        """Decrypt; what was written under another key is treated as never written."""
        try:
            return self._fernet.decrypt(value) if value else None
        except InvalidToken:
            return None
