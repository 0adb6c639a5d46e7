"""Filling a fresh schema: history by COPY, everything else from the history."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from schakel_contracts.topics import TOPICS
from schakel_gateway.indicators import ADDITIVE_OF_KIND
from schakel_gateway.ledger.fold import additive_lines
from schakel_gateway.ledger.steps import Version
from schakel_gateway.ledger.store import (
    GROUP,
    GROUPED_KINDS,
    LINE_COLUMNS,
    StoredLine,
    Subject,
    group,
    stored,
    version_of,
    write_definitions,
)
from schakel_gateway.ledger.unique import unique_lines
from schakel_gateway.projections.apply import follows
from schakel_gateway.projections.incoming import Dead, Incoming, Record, read
from schakel_gateway.view.schema import statements

if TYPE_CHECKING:
    from asyncpg import Connection

FOLD_ROWS: Final = 5_000

HISTORY_COLUMNS: Final = (
    "kind",
    "id",
    "epoch",
    "version",
    "type",
    "effective_at",
    "recorded_at",
    "digest",
    "state",
)


class Filler:
    """Fills a fresh schema: history by COPY, everything else from the history.

    Args:
        connection: without a transaction.
        schema: does not exist yet.
    """

    def __init__(self, connection: "Connection[Any]", schema: str) -> None:
        self.connection = connection
        self._schema = schema
        self._known: dict[tuple[str, UUID], dict[int, int]] = {}
        self._indexes: list[str] = []
        self.halted: dict[tuple[str, UUID], tuple[int, int]] = {}
        self.dead: list[Dead] = []
        self.versions = 0

    async def create(self) -> None:
        """Create the schema without its secondary indexes: building them once is quicker than keeping them.

        COPY does not work where row-level security binds the owner, so it does not until `bind_owner`. Nobody reads
        this schema before that.
        """
        async with self.connection.transaction():
            for statement in statements(self._schema):
                if "CREATE INDEX" in statement:
                    self._indexes.append(statement)
                else:
                    await self.connection.execute(statement)
            await self.connection.execute(f"ALTER TABLE {self._schema}.history NO FORCE ROW LEVEL SECURITY")

    async def bind_owner(self) -> None:
        """Let row-level security bind the owner again, as everywhere."""
        await self.connection.execute(f"ALTER TABLE {self._schema}.history FORCE ROW LEVEL SECURITY")

    async def copy(self, batches: AsyncIterator[Sequence[Record]]) -> None:
        """Append all records to the history, leaving out repeats and what comes after a missing version."""

        async def rows() -> AsyncIterator[tuple[Any, ...]]:
            async for batch in batches:
                for event in self._new(batch):
                    yield (
                        event.kind,
                        event.id,
                        event.epoch,
                        event.version,
                        event.type,
                        event.effective_at,
                        event.recorded_at,
                        event.digest,
                        event.text,
                    )

        await self.connection.copy_records_to_table(
            "history", records=rows(), columns=HISTORY_COLUMNS, schema_name=self._schema
        )

    def _new(self, batch: Sequence[Record]) -> Iterator[Incoming]:
        for record in batch:
            event = read(record)
            if isinstance(event, Dead):
                self.dead.append(event)
                continue
            aggregate = (event.kind, event.id)
            highest = self._known.setdefault(aggregate, {})
            if not follows(highest, event.epoch, event.version):
                self.halted[aggregate] = max(self.halted.get(aggregate, (0, 0)), (event.epoch, event.version))
            elif event.version > highest.get(event.epoch, 0):
                highest[event.epoch] = event.version
                self.versions += 1
                yield event

    def still_halted(self) -> dict[tuple[str, UUID], tuple[int, int]]:
        """Return the aggregates that wait for an earlier version, with the highest epoch and version seen of each."""
        return {each: seen for each, seen in self.halted.items() if self._known[each].get(seen[0], 0) < seen[1]}

    async def derive(self, helper: "Connection[Any]") -> tuple[int, int]:
        """Make current rows, ledger and indexes from the history; return how many versions and lines there are.

        Args:
            helper: a second connection: it has the database make rows and indexes while this program folds.
        """
        making = asyncio.create_task(self._make_rows(helper))
        try:
            async with looking_at(self.connection, self._schema):
                lines = await self._fold_groups() + await self._fold_alone()
        finally:
            await making
        async with looking_at(self.connection, self._schema):
            for statement in self._indexes:
                if " ON line " in statement:
                    await self.connection.execute(statement)
            await write_definitions(self.connection)
            await self.connection.execute("ANALYZE line")
        return self.versions, lines

    async def _make_rows(self, connection: "Connection[Any]") -> None:
        async with looking_at(connection, self._schema):
            for topic in TOPICS.values():
                await connection.execute(
                    f"""
                    INSERT INTO {topic.plural} (id, epoch, version, effective_at, recorded_at, position, state)
                    SELECT DISTINCT ON (id) id, epoch, version, effective_at, recorded_at, 1, state::jsonb
                    FROM history WHERE kind = $1 ORDER BY id, epoch DESC, version DESC
                    """,  # noqa: S608 - a table of ours, named by the contract
                    topic.kind,
                )
            await connection.execute(_MEMBERS)
            await connection.execute(
                "UPDATE view_position SET position = 1, begins = (SELECT min(recorded_at) FROM history)"
            )
            for statement in self._indexes:
                if " ON line " not in statement:
                    await connection.execute(statement)

    async def _fold_alone(self) -> int:
        """Fold the kinds whose aggregates count for themselves only."""
        total = 0
        for kind in ADDITIVE_OF_KIND.keys() - GROUPED_KINDS:
            lines: list[StoredLine] = []
            async for aggregate, rows in _grouped(self.connection, "id", _HISTORY_OF_KIND, kind):
                lines += stored(
                    Subject(kind, aggregate),
                    additive_lines([version_of(row, row["version"], row["state"]) for row in rows]),
                )
                if len(lines) > FOLD_ROWS:
                    total += await self._add(lines)
            total += await self._add(lines)
        return total

    async def _fold_groups(self) -> int:
        """Fold companies and referrals, group by group: each for itself, and all of a group as unique companies."""
        shared = await self.connection.fetch("SELECT DISTINCT company_id, id FROM history WHERE kind = 'referral'")
        merges = await self.connection.fetch(
            "SELECT DISTINCT id, merged_into FROM history WHERE kind = 'company' AND merged_into IS NOT NULL"
        )
        groups = group((), (tuple(row) for row in shared), (tuple(row) for row in merges))
        joined = [(company, name) for company, name in groups.items() if company != name]
        await self.connection.execute("CREATE TEMPORARY TABLE joined (company_id uuid, name uuid) ON COMMIT DROP")
        await self.connection.copy_records_to_table("joined", records=joined)
        await self.connection.execute("ANALYZE joined")
        total = 0
        lines: list[StoredLine] = []
        async for name, rows in _grouped(self.connection, "name", _HISTORY_OF_GROUPS):
            of: dict[Subject, list[Version]] = defaultdict(list)
            for row in rows:
                of[Subject(row["kind"], row["id"])].append(version_of(row, row["version"], row["state"]))
            for subject, versions in of.items():
                lines += stored(subject, additive_lines(versions))
            lines += stored(Subject(GROUP, name), unique_lines([each for found in of.values() for each in found]))
            if len(lines) > FOLD_ROWS:
                total += await self._add(lines)
        return total + await self._add(lines)

    async def _add(self, lines: list[StoredLine]) -> int:
        await self.connection.copy_records_to_table(
            "line", records=lines, columns=LINE_COLUMNS, schema_name=self._schema
        )
        count = len(lines)
        lines.clear()
        return count


_MEMBERS: Final = """
    INSERT INTO company_members (company_id, sub, status)
    SELECT DISTINCT ON (c.id, m ->> 'sub') c.id, m ->> 'sub', m ->> 'status'
    FROM companies AS c, jsonb_array_elements(c.state -> 'members') WITH ORDINALITY AS each (m, place)
    ORDER BY c.id, m ->> 'sub', place DESC
"""
_HISTORY_OF_KIND: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state
    FROM history WHERE kind = $1 ORDER BY id
"""
_HISTORY_OF_GROUPS: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state, coalesce(name, company_id) AS name
    FROM history LEFT JOIN joined USING (company_id) WHERE kind IN ('company', 'referral')
    ORDER BY coalesce(name, company_id)
"""


async def _grouped(
    connection: "Connection[Any]", key: str, query: str, *arguments: object
) -> AsyncIterator[tuple[UUID, list[Any]]]:
    """Give the rows of a query that is ordered by `key`, group by group."""
    open_group: list[Any] = []
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(FOLD_ROWS):
        for value, found in groupby(rows, key=lambda row: row[key]):
            if open_group and open_group[0][key] != value:
                yield open_group[0][key], open_group
                open_group = []
            open_group.extend(found)
    if open_group:
        yield open_group[0][key], open_group


@asynccontextmanager
async def looking_at(connection: "Connection[Any]", schema: str) -> AsyncIterator[None]:
    """Open a transaction that looks into a schema first."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path TO {schema}")
        yield
