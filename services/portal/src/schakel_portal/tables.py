from datetime import datetime

from sqlalchemy import Column, DateTime, LargeBinary, Text
from sqlmodel import Field, SQLModel

from schakel_common.database import service_registry


class Base(SQLModel, registry=service_registry("portal")):
    """The tables of the portal."""


class SessionRow(Base, table=True):
    """What we remember of one browser; ``content`` and ``tokens`` are encrypted, the key is only in the settings.

    Attributes:
        key: SHA-256 of the visitor cookie, so a copy of this table opens no session.
        content: what was typed before signing in, and the like (``sessions.Content``).
        tokens: of the identity provider; None while nobody is signed in.
        sid: the identity provider's session, by which it tells us of a logout elsewhere.
        subject: its random id of the person.
    """

    __tablename__ = "browser_session"

    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    tokens: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    sid: str | None = Field(default=None, sa_column=Column(Text, index=True))
    subject: str | None = Field(default=None, sa_column=Column(Text, index=True))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))
