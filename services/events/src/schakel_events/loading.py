"""The activities and cases in ``data/`` become facts of this service, through the use cases of a user's typing.

A record is written when it is new, and changed when its file changed and nobody else changed it since the last load;
what somebody changed in the product is theirs. How dates become moments: `docs/adr/0012`.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
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
from schakel_contracts.places import HUB_OF_PROVINCE, NATIONAL
from schakel_events.commands import activities, cases
from schakel_events.permissions import LOAD_SCOPE
from schakel_events.reference import ReferenceData, load_reference, records
from schakel_events.tables import ActivityRow, CaseRow, LoadedRow

Outcome = Literal["created", "changed", "same", "left alone"]
Record = Mapping[str, Any]
Row = ActivityRow | CaseRow

LOADER: Final = Principal(subject="", client_id="schakel-load", scopes=frozenset({LOAD_SCOPE}))
"""Who loads: no person, and nobody who could sign in."""


@dataclass(frozen=True)
class Kind:
    """How the records of one kind are found, created and changed.

    Attributes:
        name: of the kind, in the report.
        find: the row of a record by its slug, None when there is none.
        create: writes a new record.
        change: makes the row say what the record says now.
    """

    name: str
    find: Callable[[AsyncSession, str], Awaitable[Row | None]]
    create: Callable[[AsyncSession, Record], Awaitable[object]]
    change: Callable[[AsyncSession, Record, Any], Awaitable[object]]


async def load(database: Database, data_dir: Path, clock: Clock) -> Counter[str]:
    """Load activities and cases; each record is a transaction of its own, so a second run goes on.

    Args:
        database: that of this service.
        data_dir: the folder with ``register/`` and ``places/``.
        clock: says what a fact without a date is dated at.

    Returns:
        How many records of each kind were created, changed, the same or left alone: ``{"case created": 29, ...}``.
    """
    reference = load_reference(data_dir)
    hubs = {record["slug"]: record["hub"] for record in records(data_dir, "fieldlabs")}
    report: Counter[str] = Counter()
    for kind, found in (
        (_activities(clock, reference), records(data_dir, "events")),
        (_cases(clock, reference, hubs), records(data_dir, "cases")),
    ):
        digests = await _digests(database, kind)
        for record in found:
            same = digests.get(record["slug"]) == _digest(record)
            report[f"{kind.name} {'same' if same else await _load_record(database, kind, record)}"] += 1
    return report


def _digest(record: Record) -> str:
    return hashlib.sha256(msgspec.json.encode(record, order="deterministic")).hexdigest()


async def _digests(database: Database, kind: Kind) -> dict[str, str]:
    """Return by slug what was loaded before: for what is the same nothing needs to be locked."""
    async with database.reading() as session:
        rows = await session.exec(select(LoadedRow.slug, LoadedRow.digest).where(LoadedRow.kind == kind.name))
        return {slug: digest for slug, digest in rows}  # noqa: C416 - the rows are no plain tuples to a type checker


async def _load_record(database: Database, kind: Kind, record: Record) -> Outcome:
    slug = record["slug"]
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


def _activities(clock: Clock, reference: ReferenceData) -> Kind:
    async def find(session: AsyncSession, slug: str) -> ActivityRow | None:
        return (await session.exec(select(ActivityRow).where(ActivityRow.slug == slug))).one_or_none()

    async def create(session: AsyncSession, record: Record) -> None:
        command = activities.RecordHeldActivity(slug=record["slug"], **activity_values(record, reference))
        await activities.record_held_activity(session, LOADER, command, clock, reference)

    async def change(session: AsyncSession, record: Record, row: ActivityRow) -> None:
        command = activities.DescribeHeldActivity(**activity_values(record, reference))
        await activities.describe_held_activity(
            session, LOADER, row.slug, command, expected_version=row.version, clock=clock, reference=reference
        )

    return Kind("activity", find, create, change)


def _cases(clock: Clock, reference: ReferenceData, hubs: Mapping[str, str]) -> Kind:
    async def find(session: AsyncSession, slug: str) -> CaseRow | None:
        return (await session.exec(select(CaseRow).where(CaseRow.slug == slug))).one_or_none()

    def facts(record: Record) -> cases.LoadedFacts:
        return cases.LoadedFacts(**{name: record[name] for name in cases.LoadedFacts.model_fields})

    async def create(session: AsyncSession, record: Record) -> None:
        command = cases.PublishCase(owner=_owner(record, reference, hubs), **case_values(record, reference))
        await cases.publish_case(session, LOADER, command, clock, reference, loaded=facts(record))

    async def change(session: AsyncSession, record: Record, row: CaseRow) -> None:
        await cases.change_case(
            session,
            LOADER,
            row.id,
            cases.ChangeCase(**case_values(record, reference)),
            expected_version=row.version,
            clock=clock,
            reference=reference,
            loaded=facts(record),
        )

    return Kind("case", find, create, change)


def activity_values(record: Record, reference: ReferenceData) -> dict[str, Any]:
    """Return what a record of the register says about an activity, in the words of the commands.

    Its hub owns it. How it was held is not in the register, so it stays unknown.
    """
    same = ("title_nl", "title_en", "summary_nl", "summary_en", "place", "municipality_code", "fieldlabs", "themes")
    return {
        **{name: record[name] for name in (*same, "attendance", "sources")},
        "organiser": NATIONAL if record["hub"] == NATIONAL else f"hub:{record['hub']}",
        "organiser_name": record["organiser"],
        "starts_at": record["date"],
        "province": reference.provinces[record["province"]] if record["province"] else None,
    }


def case_values(record: Record, reference: ReferenceData) -> dict[str, Any]:
    """Return what a record of the register says about a case, in the words of the commands."""
    same = ("title_nl", "title_en", "summary_nl", "summary_en", "date", "fieldlab", "place", "themes")
    return {
        **{name: record[name] for name in (*same, "transformations", "sectors", "effect", "sources")},
        "company_names": record["companies"],
        "company_size": None if record["company_size"] == "unknown" else record["company_size"],
        "province": reference.provinces[record["province"]] if record["province"] else None,
    }


def _owner(record: Record, reference: ReferenceData, hubs: Mapping[str, str]) -> str:
    """Return the scope that a case of the register belongs to: the hub of its fieldlab, else of its province."""
    province = reference.provinces[record["province"]] if record["province"] else None
    hub = hubs.get(record["fieldlab"] or "") or HUB_OF_PROVINCE.get(province or "", NATIONAL)
    return NATIONAL if hub == NATIONAL else f"hub:{hub}"
