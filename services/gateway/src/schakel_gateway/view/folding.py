"""The second step of a rebuild: folding a share of the history into the lines of the ledger."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg

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
)
from schakel_gateway.ledger.unique import unique_lines
from schakel_gateway.view.schema import looking_at
from schakel_gateway.view.shares import Share, rare_collections

if TYPE_CHECKING:
    from asyncpg import Connection

FOLD_ROWS: Final = 5_000


def fold_share(database_url: str, schema: str, share: Share) -> int:
    """Fold the aggregates and groups of a share in one transaction, and return how many lines that gave.

    Args:
        database_url: of the view.
        schema: with its whole history, without lines of this share.
        share: aggregates by a hash of their id, groups by one of their name.
    """
    with rare_collections():
        return asyncio.run(_fold(database_url, schema, share))


async def _fold(database_url: str, schema: str, share: Share) -> int:
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        async with looking_at(connection, schema):
            lines = _Lines(connection, schema)
            await _fold_groups(connection, lines, share)
            await _fold_alone(connection, lines, share)
            return await lines.write()
    finally:
        await connection.close()


class _Lines:
    """Lines that wait to be copied, some thousands at a time."""

    def __init__(self, connection: "Connection[Any]", schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._waiting: list[StoredLine] = []
        self._written = 0

    async def add(self, lines: list[StoredLine]) -> None:
        self._waiting += lines
        if len(self._waiting) > FOLD_ROWS:
            await self.write()

    async def write(self) -> int:
        """Write what waits; return how many lines were written in all."""
        await self._connection.copy_records_to_table(
            "line", records=self._waiting, columns=LINE_COLUMNS, schema_name=self._schema
        )
        self._written += len(self._waiting)
        self._waiting.clear()
        return self._written


async def _fold_alone(connection: "Connection[Any]", lines: _Lines, share: Share) -> None:
    """Fold the kinds whose aggregates count for themselves only."""
    for kind in ADDITIVE_OF_KIND.keys() - GROUPED_KINDS:
        async for aggregate, rows in _grouped(connection, "id", _HISTORY_OF_KIND, kind, *share):
            await lines.add(stored(Subject(kind, aggregate), additive_lines([_version(row) for row in rows])))


async def _fold_groups(connection: "Connection[Any]", lines: _Lines, share: Share) -> None:
    """Fold companies and referrals, group by group: each for itself, and all of a group as unique companies."""
    shared = await connection.fetch("SELECT DISTINCT company_id, id FROM history WHERE kind = 'referral'")
    merges = await connection.fetch(
        "SELECT DISTINCT id, merged_into FROM history WHERE kind = 'company' AND merged_into IS NOT NULL"
    )
    groups = group((), (tuple(row) for row in shared), (tuple(row) for row in merges))
    joined = [(company, name) for company, name in groups.items() if company != name]
    await connection.execute("CREATE TEMPORARY TABLE joined (company_id uuid, name uuid) ON COMMIT DROP")
    await connection.copy_records_to_table("joined", records=joined)
    await connection.execute("ANALYZE joined")
    async for name, rows in _grouped(connection, "name", _HISTORY_OF_GROUPS, *share):
        of: dict[Subject, list[Version]] = defaultdict(list)
        for row in rows:
            of[Subject(row["kind"], row["id"])].append(_version(row))
        for subject, versions in of.items():
            await lines.add(stored(subject, additive_lines(versions)))
        found = [each for versions in of.values() for each in versions]
        await lines.add(stored(Subject(GROUP, name), unique_lines(found)))


def _version(row: Any) -> Version:  # noqa: ANN401 - asyncpg's record
    return version_of(row, row["version"], row["state"])


_HISTORY_OF_KIND: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state
    FROM history WHERE kind = $1 AND abs(uuid_hash(id)::bigint) % $3 = $2 ORDER BY id
"""
_HISTORY_OF_GROUPS: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state, coalesce(name, company_id) AS name
    FROM history LEFT JOIN joined USING (company_id)
    WHERE kind IN ('company', 'referral') AND abs(uuid_hash(coalesce(name, company_id))::bigint) % $2 = $1
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
