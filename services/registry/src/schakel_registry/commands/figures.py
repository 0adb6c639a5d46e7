"""Published figures: facts from letters and monitors, each with its source, never added to a computed figure."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import FieldError, Problem
from schakel_common.use_cases import announce, assign, match_version, refuse
from schakel_contracts.ids import register_id
from schakel_contracts.places import HUBS, NATIONAL
from schakel_contracts.topics import FIGURES
from schakel_registry.commands.fieldlabs import Line
from schakel_registry.model import date_error, effective_at
from schakel_registry.permissions import demand, general_roles
from schakel_registry.tables import FieldlabRow, FigureRow, state_of_figure


class CorrectFigure(ApiModel):
    """A figure as it should read; `as_of` is what it is about, `published` when it was said."""

    level: Literal["national", "hub", "fieldlab"]
    subject: str
    label_nl: Line
    label_en: Line
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: Line
    qualifier: Literal["exact", "about", "at_least", "target"]
    kind: Literal["input", "output", "outcome", "target", "rule", "context", "finding"]
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    as_of: str | None = None
    published: str | None = None
    verification: Literal["sourced", "partly", "unverified"] = "unverified"
    note: Annotated[str, Field(max_length=2000)] | None = None


class PublishFigure(CorrectFigure):
    """A new figure; its key is fixed."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[_-][a-z0-9]+)*$", min_length=2, max_length=80)]


async def publish_figure(session: AsyncSession, principal: Principal, command: PublishFigure, clock: Clock) -> Changed:
    """Publish a figure from its source, from the day it was published, else from the day it is about.

    Raises:
        Problem: ``forbidden``; ``slug-taken``; ``invalid-input`` (``subject-unknown``, ``date-form``).
    """
    demand("publish_figure", general_roles(principal))
    refuse(await _errors(session, command))
    row_id = register_id(FIGURES.kind, command.key)
    statement = insert(FigureRow).values(id=row_id, version=1, **command.model_dump()).on_conflict_do_nothing()
    row = (await session.execute(statement.returning(FigureRow))).scalar_one_or_none()
    if row is None:
        raise Problem("slug-taken", "There is a figure with this key; correct that one.")
    since = effective_at(command.published or command.as_of, clock.now())
    return await _announced(session, row, "published", since, status=201)


async def correct_figure(
    session: AsyncSession,
    principal: Principal,
    key: str,
    command: CorrectFigure,
    *,
    expected_version: int,
    clock: Clock,
) -> Changed:
    """Correct a figure; the one published before stays in its history. What is the same already changes nothing.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``invalid-input`` as `publish_figure`.
    """
    demand("publish_figure", general_roles(principal))
    row = (await session.exec(select(FigureRow).where(FigureRow.key == key).with_for_update())).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no figure with this key.")
    match_version(row, expected_version)
    refuse(await _errors(session, command))
    if not assign(row, command.model_dump(include=set(CorrectFigure.model_fields))):
        return _reply(row)
    row.version += 1
    return await _announced(session, row, "corrected", clock.now())


async def _errors(session: AsyncSession, command: CorrectFigure) -> list[FieldError | None]:
    if command.level == "fieldlab":
        found = await session.exec(select(FieldlabRow.id).where(FieldlabRow.slug == command.subject))
        known = found.one_or_none() is not None
    else:
        known = command.subject in (HUBS if command.level == "hub" else (NATIONAL,))
    message = "Give national, or the slug of the hub or fieldlab, as the level says."
    return [
        None if known else FieldError("subject", message, "subject-unknown"),
        date_error("asOf", command.as_of),
        date_error("published", command.published),
    ]


def _reply(row: FigureRow, status: int = 200) -> Changed:
    body = {"id": str(row.id), "key": row.key, "version": row.version}
    return Changed(body=body, status=status, etag_version=row.version)


async def _announced(
    session: AsyncSession, row: FigureRow, happening: str, since: datetime, *, status: int = 200
) -> Changed:
    reference = await announce(
        session, FIGURES, happening, state_of_figure(row), version=row.version, effective_at=since
    )
    reply = _reply(row, status)
    return Changed(body=reply.body, references=[reference], status=status, etag_version=row.version)
