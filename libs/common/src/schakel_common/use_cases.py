"""What the use cases of every service share: a refusal of input, a check of the version, the word that it changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import outbox
from schakel_common.bodies import ApiModel
from schakel_common.commands import check_version
from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import Topic


class NoInput(ApiModel):
    """A command that says all by its address; its body is ``{}``."""


def refuse(errors: Iterable[FieldError | None]) -> None:
    """Raise the problem ``invalid-input`` when there is any error; each None is a check that was passed."""
    found = [error for error in errors if error is not None]
    if found:
        raise Problem("invalid-input", errors=found)


class Versioned(Protocol):
    """A row of an aggregate."""

    version: int


def match_version(row: Versioned, expected: int | None) -> None:
    """Refuse a change that builds on another version (``If-Match``) than that of the row, which is locked by now."""
    if expected is not None:
        check_version(expected, row.version)


def assign(row: SQLModel, values: Mapping[str, Any]) -> bool:
    """Set the values that differ from the row's; return whether there were any."""
    different = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return bool(different)


async def announce(
    session: AsyncSession, topic: Topic, happening: str, state: msgspec.Struct, *, version: int, effective_at: datetime
) -> Reference:
    """Write what was changed to the tables, then its event to journal and outbox, in the caller's transaction."""
    await session.flush()
    return await outbox.add(session, topic, happening, state, version=version, effective_at=effective_at)
