"""The register in ``data/`` becomes facts of this service, through the use cases that a user's typing goes through.

A record is written when it is new, and changed when its file changed and nobody else changed it since the last load;
what somebody changed in the product is theirs. How dates become moments: `docs/adr/0012`.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.clock import Clock
from schakel_common.database import Database
from schakel_registry.commands import fieldlabs, figures, hubs
from schakel_registry.permissions import LOAD_SCOPE
from schakel_registry.reference import ReferenceData, load_reference, records
from schakel_registry.tables import FieldlabRow, FigureRow, HubRow, LoadedRow

Outcome = Literal["created", "changed", "same", "left alone"]
Record = Mapping[str, Any]
Row = FieldlabRow | FigureRow | HubRow

LOADER: Final = Principal(subject="", client_id="schakel-load", scopes=frozenset({LOAD_SCOPE}))
"""Who loads: no person, and nobody who could sign in."""


@dataclass(frozen=True)
class Kind:
    """How the records of one kind are found, created and changed.

    Attributes:
        name: of the kind, in the report.
        key: the member of a record that names it for ever.
        find: the row of a record, None when there is none.
        create: writes a new record.
        change: makes the row say what the record says now.
    """

    name: str
    key: str
    find: Callable[[AsyncSession, str], Awaitable[Row | None]]
    create: Callable[[AsyncSession, Record], Awaitable[object]]
    change: Callable[[AsyncSession, Record, Any], Awaitable[object]]


async def load(database: Database, data_dir: Path, clock: Clock) -> Counter[str]:
    """Load hubs, fieldlabs and figures; each record is a transaction of its own, so a second run goes on.

    Args:
        database: the registry's.
        data_dir: the folder with ``register/``.
        clock: says what a fact without a date is dated at.

    Returns:
        How many records of each kind were created, changed, the same or left alone: ``{"hub created": 6, ...}``.
    """
    reference = load_reference(data_dir)
    report: Counter[str] = Counter()
    for kind, found in (
        (_hubs(clock), records(data_dir, "hubs")),
        (_fieldlabs(clock, reference), successors_first(records(data_dir, "fieldlabs"))),
        (_figures(clock), records(data_dir, "facts")),
    ):
        digests = await _digests(database, kind)
        for record in found:
            same = digests.get(record[kind.key]) == _digest(record)
            report[f"{kind.name} {'same' if same else await _load_record(database, kind, record)}"] += 1
    return report


def successors_first(found: Sequence[Record]) -> list[Record]:
    """Order fieldlabs so that whatever one went on in comes before it."""
    after = {record["slug"]: record["succeeded_by"] for record in found}

    def distance_from_end(record: Record) -> int:
        steps, slug = 0, record["succeeded_by"]
        while slug is not None and steps <= len(after):
            steps, slug = steps + 1, after.get(slug)
        return steps

    return sorted(found, key=distance_from_end)


def _digest(record: Record) -> str:
    return hashlib.sha256(msgspec.json.encode(record, order="deterministic")).hexdigest()


async def _digests(database: Database, kind: Kind) -> dict[str, str]:
    """Return by slug what was loaded before: for what is the same nothing needs to be locked."""
    async with database.reading() as session:
        rows = await session.exec(select(LoadedRow.slug, LoadedRow.digest).where(LoadedRow.kind == kind.name))
        return {slug: digest for slug, digest in rows}  # noqa: C416 - the rows are no plain tuples to a type checker


async def _load_record(database: Database, kind: Kind, record: Record) -> Outcome:
    slug = record[kind.key]
    digest = _digest(record)
    async with database.unit_of_work() as session:
        new = insert(LoadedRow).values(kind=kind.name, slug=slug, digest="", version=0)
        await session.execute(new.on_conflict_do_nothing())
        locking = select(LoadedRow).where(LoadedRow.kind == kind.name, LoadedRow.slug == slug).with_for_update()
        loaded = (await session.exec(locking)).one()
        row = await kind.find(session, slug)
        outcome: Outcome
        if row is None:
            await kind.create(session, record)
            outcome = "created"
        elif loaded.digest == digest:
            return "same"
        elif loaded.version != row.version:
            return "left alone"
        else:
            await kind.change(session, record, row)
            outcome = "changed"
        row = await kind.find(session, slug)
        assert row is not None  # noqa: S101 - it was just written
        loaded.digest, loaded.version = digest, row.version
        return outcome


def _hubs(clock: Clock) -> Kind:
    async def find(session: AsyncSession, slug: str) -> HubRow | None:
        return (await session.exec(select(HubRow).where(HubRow.slug == slug))).one_or_none()

    async def create(session: AsyncSession, record: Record) -> None:
        fixed = {name: record[name] for name in ("slug", "kind", "provinces", "started")}
        await hubs.register_hub(session, LOADER, hubs.RegisterHub(**_hub(record), **fixed), clock)

    async def change(session: AsyncSession, record: Record, row: HubRow) -> None:
        command = hubs.DescribeHub(**_hub(record))
        await hubs.describe_hub(session, LOADER, row.slug, command, expected_version=row.version, clock=clock)

    return Kind("hub", "slug", find, create, change)


def _figures(clock: Clock) -> Kind:
    async def find(session: AsyncSession, key: str) -> FigureRow | None:
        return (await session.exec(select(FigureRow).where(FigureRow.key == key))).one_or_none()

    async def create(session: AsyncSession, record: Record) -> None:
        await figures.publish_figure(session, LOADER, figures.PublishFigure(**record), clock)

    async def change(session: AsyncSession, record: Record, row: FigureRow) -> None:
        command = figures.CorrectFigure(**{name: record[name] for name in figures.CorrectFigure.model_fields})
        await figures.correct_figure(session, LOADER, row.key, command, expected_version=row.version, clock=clock)

    return Kind("figure", "key", find, create, change)


def _fieldlabs(clock: Clock, reference: ReferenceData) -> Kind:
    async def find(session: AsyncSession, slug: str) -> FieldlabRow | None:
        return (await session.exec(select(FieldlabRow).where(FieldlabRow.slug == slug))).one_or_none()

    async def create(session: AsyncSession, record: Record) -> None:
        began: Literal["active", "unknown"] = "unknown" if record["status"] == "unknown" else "active"
        command = fieldlabs.RegisterFieldlab(slug=record["slug"], status=began, **fieldlab_profile(record))
        await fieldlabs.register_fieldlab(session, LOADER, command, clock, reference)
        await settle(session, record)

    async def change(session: AsyncSession, record: Record, row: FieldlabRow) -> None:
        command = fieldlabs.ChangeFieldlab(**fieldlab_profile(record))
        await fieldlabs.change_fieldlab(
            session, LOADER, row.slug, command, expected_version=row.version, clock=clock, reference=reference
        )
        await settle(session, record)

    async def settle(session: AsyncSession, record: Record) -> None:
        """Take the steps that lead from what the row says to the recognition and the status of the record."""
        slug = record["slug"]
        row = await find(session, slug)
        assert row is not None  # noqa: S101 - it was just written
        if record["recognised"] is True and row.recognition != "recognised":
            decision = fieldlabs.Recognise(on=record["recognised_on"], basis=record["recognised_basis"])
            await fieldlabs.recognise_fieldlab(session, LOADER, slug, decision, expected_version=None, clock=clock)
        if record["status"] == "ended" and row.status != "ended":
            end = fieldlabs.EndFieldlab(as_of=record["status_as_of"], succeeded_by=record["succeeded_by"])
            await fieldlabs.end_fieldlab(session, LOADER, slug, end, expected_version=None, clock=clock)
        if record["status"] == "active" and row.status in ("candidate", "paused", "unknown"):
            step = fieldlabs.StepFieldlab(as_of=record["status_as_of"])
            await fieldlabs.activate_fieldlab(session, LOADER, slug, step, expected_version=None, clock=clock)

    return Kind("fieldlab", "slug", find, create, change)


def _hub(record: Record) -> dict[str, Any]:
    """Return what a record says about a hub; of the EDIH its name."""
    values = {name: record[name] for name in hubs.DescribeHub.model_fields if name != "edih"}
    return {**values, "edih": record["edih"]["name"] if record["edih"] else None}


def fieldlab_profile(record: Record) -> dict[str, Any]:
    """Return what a record of the register says about a fieldlab, in the words of the commands.

    ``unknown`` becomes None or stays unsaid, a number of a year becomes a date of that precision, and the day on which
    an end was seen is left to the step that says so.
    """
    same = (
        *("name", "kind", "hub", "description_nl", "description_en", "municipality_code", "place", "postcode4"),
        *("themes", "transformations", "services", "sectors", "partners", "facilities", "website", "verification"),
        "sources",
    )
    return {
        **{name: record[name] for name in same},
        "published": record["publish"],
        "province": record["province_iso"],
        "latitude": record["lat"],
        "longitude": record["lon"],
        "type": None if record["type"] == "unknown" else record["type"],
        "started": None if record["started"] is None else str(record["started"]),
        "recognition_basis": record["recognised_basis"],
        **({} if record["status"] == "ended" else {"status_as_of": record["status_as_of"]}),
    }
