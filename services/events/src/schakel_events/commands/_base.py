"""What the use cases share: how input looks, how a row is locked, how a new version is announced."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import outbox, replica
from schakel_common.bodies import ApiModel
from schakel_common.commands import check_version
from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import FIELDLABS, Topic
from schakel_events.model import leaf_of, unknown_keys


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


async def owning_leaf(session: AsyncSession, scope: str) -> str:
    """Return the leaf at which what a scope owns counts; of a fieldlab its hub, from this service's own copy.

    Raises:
        Problem: ``not-yet-known`` when this service has not heard of the fieldlab; ``forbidden`` when the scope can
            own nothing here.
    """
    kind, _, slug = scope.partition(":")
    hub: str | None = None
    if kind == "fieldlab":
        known = await replica.find(session, FIELDLABS, slug=slug)
        if not known:
            raise Problem("not-yet-known", retry_after_seconds=1)
        hub = known[0].hub
    leaf = leaf_of(scope, hub)
    if leaf is None:
        raise Problem("forbidden")
    return leaf


async def unknown_fieldlabs(session: AsyncSession, field: str, slugs: Sequence[str]) -> list[FieldError | None]:
    """Return an error per slug that is no fieldlab of which this service has heard."""
    known = {slug for slug in slugs if await replica.find(session, FIELDLABS, slug=slug)}
    return unknown_keys(field, slugs, known, "fieldlab-unknown")
