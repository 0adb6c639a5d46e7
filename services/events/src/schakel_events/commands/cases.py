"""The life of a case: published, described, withdrawn."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

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
from schakel_contracts.places import HUB_OF_PROVINCE
from schakel_contracts.topics import CASES
from schakel_events.commands._owner import owning_leaf, unknown_fieldlabs
from schakel_events.commands.activities import Keys, Line, Lines, Paragraph
from schakel_events.model import date_error, effective_at, slug_of, unknown_keys
from schakel_events.permissions import demand, roles_of
from schakel_events.reference import ReferenceData
from schakel_events.tables import CaseRow, state_of_case


class EffectSaid(ApiModel):
    """What it brought; `measured` only for a count or a test result in a source, never for a hope."""

    text_nl: Paragraph
    text_en: Paragraph
    measured: bool


FreeDate = Annotated[
    str,
    # The NL API Design Rules want this format on whatever is called a date; a coarser date is accepted beside it.
    Field(json_schema_extra={"format": "date"}, description="A day, or where that is unknown a month or a year."),
]


class Details(ApiModel):
    """What can be said about a case beside its texts."""

    date: FreeDate | None = None
    fieldlab: str | None = None
    place: Line | None = None
    province: str | None = None
    themes: Keys = Field(default_factory=list)
    transformations: Keys = Field(default_factory=list)
    sectors: Keys = Field(default_factory=list)
    company_names: Lines = Field(default_factory=list)
    company_size: Line | None = None
    effect: EffectSaid | None = None
    sources: Lines = Field(default_factory=list)


class PublishCase(Details):
    """A story to publish; `owner` is the scope it belongs to."""

    owner: Line
    title_nl: Line
    title_en: Line
    summary_nl: Paragraph
    summary_en: Paragraph


class ChangeCase(Details):
    """What to change: the fields that are sent and no other, so a default below is never used."""

    title_nl: Line = "-"
    title_en: Line = "-"
    summary_nl: Paragraph = ""
    summary_en: Paragraph = ""


class LoadedFacts(ApiModel):
    """What only a record of the register says of a case: its slug, where it was, and how well it is known."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)]
    municipality_code: str | None = None
    verification: Literal["sourced", "partly", "unverified"] = "unverified"


async def publish_case(
    session: AsyncSession,
    principal: Principal,
    command: PublishCase,
    clock: Clock,
    reference: ReferenceData,
    *,
    loaded: LoadedFacts | None = None,
) -> Changed:
    """Publish a story, as a scope of the caller; from its date, where that is known.

    Args:
        session: the unit of work.
        principal: who publishes.
        command: the story.
        clock: says when.
        reference: what values are checked against.
        loaded: of a record of the register: its fieldlab need not be known here yet, because both are loaded at once.

    Raises:
        Problem: ``forbidden``; ``slug-taken``; ``not-yet-known`` for an owner that is a fieldlab of which this service
            has not heard; ``invalid-input`` (``date-form``, ``province-unknown``, ``theme-unknown``,
            ``fieldlab-unknown``).
    """
    demand("publish_case", roles_of(principal, owner=command.owner))
    values = command.model_dump()
    refuse(await _errors(session, values, reference, check_fieldlab=loaded is None))
    row_id = uuid4() if loaded is None else register_id(CASES.kind, loaded.slug)
    facts = {"slug": slug_of(command.title_en, row_id)} if loaded is None else loaded.model_dump()
    statement = insert(CaseRow).values(
        **{"verification": "unverified", **_stored(values), **facts},
        id=row_id,
        version=1,
        hub=await owning_leaf(session, command.owner),
        status="published",
    )
    row = (await session.execute(statement.on_conflict_do_nothing().returning(CaseRow))).scalar_one_or_none()
    if row is None:
        raise Problem("slug-taken")
    return await _announced(session, row, "published", effective_at(command.date, clock.now()), status=201)


async def change_case(
    session: AsyncSession,
    principal: Principal,
    case_id: UUID,
    command: ChangeCase,
    *,
    expected_version: int,
    clock: Clock,
    reference: ReferenceData,
    loaded: LoadedFacts | None = None,
) -> Changed:
    """Change a story. What is the same already changes nothing: no version, no event.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` for one that was withdrawn;
            ``invalid-input`` as `publish_case`.
    """
    row = await _locked(session, case_id)
    demand("change_case", roles_of(principal, owner=row.owner))
    match_version(row, expected_version)
    if row.status == "withdrawn":
        raise Problem("conflict", "This case is withdrawn.")
    values = command.model_dump(exclude_unset=True)
    refuse(await _errors(session, values, reference, check_fieldlab=loaded is None))
    facts = loaded.model_dump(exclude={"slug"}) if loaded else {}
    if not assign(row, {**_stored(values), **facts}):
        return _reply(row)
    row.version += 1
    return await _announced(session, row, "described", clock.now())


async def withdraw_case(
    session: AsyncSession, principal: Principal, case_id: UUID, *, expected_version: int | None, clock: Clock
) -> Changed:
    """Take a story back; it stays in the history, and nobody is shown it any more.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``; ``conflict`` when it was withdrawn before.
    """
    row = await _locked(session, case_id)
    demand("withdraw_case", roles_of(principal, owner=row.owner))
    match_version(row, expected_version)
    if row.status == "withdrawn":
        raise Problem("conflict", "This case is withdrawn already.")
    row.status = "withdrawn"
    row.version += 1
    return await _announced(session, row, "withdrawn", clock.now())


async def _locked(session: AsyncSession, case_id: UUID) -> CaseRow:
    row = (await session.exec(select(CaseRow).where(CaseRow.id == case_id).with_for_update())).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no such case.")
    return row


async def _errors(
    session: AsyncSession, values: Mapping[str, Any], reference: ReferenceData, *, check_fieldlab: bool
) -> list[FieldError | None]:
    province, fieldlab = values.get("province"), values.get("fieldlab")
    known = province is None or province in HUB_OF_PROVINCE
    unknown = await unknown_fieldlabs(session, "fieldlab", [fieldlab]) if fieldlab and check_fieldlab else []
    return [
        date_error("date", values.get("date")),
        None if known else FieldError("province", "Give an ISO 3166-2 code such as NL-GR.", "province-unknown"),
        *unknown_keys("themes", values.get("themes", []), reference.technologies, "theme-unknown"),
        FieldError("fieldlab", "There is no fieldlab with this slug.", "fieldlab-unknown") if unknown else None,
    ]


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of input: the effect is three of them."""
    stored = {name: value for name, value in values.items() if name != "effect"}
    if "effect" in values:
        effect = values["effect"] or {}
        stored |= {
            "effect_nl": effect.get("text_nl"),
            "effect_en": effect.get("text_en"),
            "effect_measured": effect.get("measured"),
        }
    return stored


def _reply(row: CaseRow, status: int = 200) -> Changed:
    body = {"id": str(row.id), "slug": row.slug, "status": row.status, "version": row.version}
    return Changed(body=body, status=status, etag_version=row.version)


async def _announced(
    session: AsyncSession, row: CaseRow, happening: str, effective: datetime, *, status: int = 200
) -> Changed:
    reference = await announce(
        session, CASES, happening, state_of_case(row), version=row.version, effective_at=effective
    )
    reply = _reply(row, status)
    return Changed(body=reply.body, references=[reference], status=status, etag_version=row.version)
