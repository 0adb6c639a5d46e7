"""The one statement that takes a batch in: offsets, history, current rows, ledger, dead letters and watermark.

It is all or nothing by being one statement, and conditional: it changes nothing unless every offset and the position
are still what the batch was made for.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import orjson

from schakel_contracts.companies import CompanyState
from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.ledger.store import LINE_COLUMNS, Difference, Subject
from schakel_gateway.projections.incoming import Dead, Incoming
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

CHANNEL: Final = "view_position"

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


class Move(msgspec.Struct, frozen=True):
    """A partition's stored offset: what it must be, and what it becomes."""

    topic: str
    partition: int
    expected: int
    next: int


class Halt(NamedTuple):
    """The highest epoch and version seen of an aggregate that waits for an earlier one, and how many events wait."""

    seen: tuple[int, int]
    events: int

    def joined_by(self, rank: tuple[int, int]) -> "Halt":
        """Return the same with one more event that waits."""
        return Halt(max(self.seen, rank), self.events + 1)

    @property
    def reason(self) -> str:
        """Why it waits."""
        return f"version {self.seen[1]} of epoch {self.seen[0]} came without the one before it"


class Change(msgspec.Struct, frozen=True):
    """What a batch makes of the view.

    Attributes:
        read_at: the position that all of it was read at.
        position: the new one; the same when nothing can be read that could not be read before.
        moves: the partitions that were read.
        fresh: new versions for the history.
        current: of these, those that are the newest of their aggregate now, by aggregate.
        lines: what the ledger lacks and what it must not hold.
        halts: aggregates that wait.
        goes_on: the newest version of aggregates that may have waited.
        dead: what was no event, from the broker named by `cluster_id`.
        complete_until: by service.
    """

    read_at: int
    position: int
    moves: Sequence[Move]
    fresh: Sequence[Incoming]
    current: Mapping[Subject, Incoming]
    lines: Difference
    halts: Mapping[Subject, Halt]
    goes_on: Mapping[Subject, tuple[int, int]]
    dead: Sequence[Dead]
    cluster_id: str
    complete_until: Mapping[str, datetime]


class Written(Enum):
    """What became of a change."""

    DONE = "done"
    OVERTAKEN = "overtaken"  # the position is another one: read again
    ELSEWHERE = "elsewhere"  # the offsets are other ones: somebody else projects


_MOVES: Final = ("topic text", "partition int", "expected bigint", "next bigint")
_FRESH: Final = (
    "kind text",
    "id uuid",
    "epoch int",
    "version int",
    "type text",
    "effective_at timestamptz",
    "recorded_at timestamptz",
    "digest text",
    "state json",
    "is_current boolean",
)
_MEMBERS: Final = ("company_id uuid", "sub text", "status text")
_LINES: Final = (
    "indicator text",
    "split text",
    "leaf text",
    "fieldlab text",
    "subject_kind text",
    "subject uuid",
    "effective_at timestamptz",
    "recorded_at timestamptz",
    "amount int",
)
_HALTS: Final = ("kind text", "id uuid", "seen_epoch int", "seen_version int", "reason text")
_GOES_ON: Final = ("kind text", "id uuid", "epoch int", "version int")
_DEAD: Final = (
    "topic text",
    "partition int",
    '"offset" bigint',
    "cluster_id text",
    "reason text",
    "detail text",
    "key bytea",
    "headers text",
    "value bytea",
)
_HEARD: Final = ("service text", "complete_until timestamptz")

_SHAPES: Final = (_MOVES, _FRESH, _MEMBERS, _LINES, _HALTS, _GOES_ON, _DEAD, _HEARD)
_SCALARS: Final = 8
"""How many parameters come before those that are columns of rows."""


def _rows_of(shape: tuple[str, ...]) -> str:
    """Return the rows of a shape as a table expression; each of its columns is one parameter."""
    first = _SCALARS + 1 + sum(len(each) for each in _SHAPES[: _SHAPES.index(shape)])
    names = [column.rpartition(" ")[0] for column in shape]
    arrays = [f"${first + place}::{column.rpartition(' ')[2]}[]" for place, column in enumerate(shape)]
    return f"unnest({', '.join(arrays)}) AS x ({', '.join(names)})"


_CURRENT: Final = """, {table}_now AS (
    INSERT INTO {schema}.{table} AS c (id, epoch, version, effective_at, recorded_at, position, state)
    SELECT id, epoch, version, effective_at, recorded_at, $2::bigint, state::jsonb FROM fresh
    WHERE is_current AND kind = '{kind}' AND (SELECT go FROM may)
    ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
        effective_at = excluded.effective_at, recorded_at = excluded.recorded_at, position = excluded.position,
        state = excluded.state
    WHERE (c.epoch, c.version) < (excluded.epoch, excluded.version)
)"""


@lru_cache(maxsize=64)
def _statement(schema: str, kinds: tuple[str, ...]) -> str:
    """Return the statement for a view and the kinds whose rows change; names are ours, everything else a parameter."""
    current = "".join(_CURRENT.format(schema=schema, table=TOPIC_OF_KIND[kind].plural, kind=kind) for kind in kinds)
    return f"""
WITH turn AS MATERIALIZED (
    SELECT position FROM {schema}.view_position WHERE position = $1 FOR UPDATE
), standing AS MATERIALIZED (
    SELECT o.partition FROM {schema}.topic_offset AS o JOIN {_rows_of(_MOVES)} USING (topic, partition)
    WHERE o.next = x.expected FOR UPDATE OF o
), may AS MATERIALIZED (
    SELECT is_turn, is_standing, is_turn AND is_standing AS go
    FROM (SELECT EXISTS (SELECT FROM turn) AS is_turn, (SELECT count(*) FROM standing) = $5 AS is_standing) AS both_are
), moved AS (
    UPDATE {schema}.topic_offset AS o SET next = x.next FROM {_rows_of(_MOVES)}
    WHERE o.topic = x.topic AND o.partition = x.partition AND o.next = x.expected AND (SELECT go FROM may)
), fresh AS MATERIALIZED (
    SELECT * FROM {_rows_of(_FRESH)}
), remembered AS (
    INSERT INTO {schema}.history (kind, id, epoch, version, type, effective_at, recorded_at, digest, state)
    SELECT kind, id, epoch, version, type, effective_at, recorded_at, digest, state FROM fresh
    WHERE (SELECT go FROM may)
){current}, members_gone AS (
    DELETE FROM {schema}.company_members AS m WHERE m.company_id = ANY($6) AND (SELECT go FROM may)
    AND NOT EXISTS (SELECT FROM {_rows_of(_MEMBERS)} WHERE x.company_id = m.company_id AND x.sub = m.sub)
), members_now AS (
    INSERT INTO {schema}.company_members (company_id, sub, status)
    SELECT company_id, sub, status FROM {_rows_of(_MEMBERS)} WHERE (SELECT go FROM may)
    ON CONFLICT (company_id, sub) DO UPDATE SET status = excluded.status
), wrong AS (
    DELETE FROM {schema}.line WHERE ctid = ANY($7::text[]::tid[]) AND (SELECT go FROM may)
), missing AS (
    INSERT INTO {schema}.line ({", ".join(LINE_COLUMNS)})
    SELECT {", ".join(LINE_COLUMNS)} FROM {_rows_of(_LINES)} WHERE (SELECT go FROM may)
), halts AS (
    INSERT INTO {schema}.halted AS h (kind, id, seen_epoch, seen_version, reason)
    SELECT kind, id, seen_epoch, seen_version, reason FROM {_rows_of(_HALTS)} WHERE (SELECT go FROM may)
    ON CONFLICT (kind, id) DO UPDATE SET seen_epoch = excluded.seen_epoch, seen_version = excluded.seen_version
    WHERE (h.seen_epoch, h.seen_version) < (excluded.seen_epoch, excluded.seen_version)
), goes_on AS (
    DELETE FROM {schema}.halted AS h USING {_rows_of(_GOES_ON)}
    WHERE h.kind = x.kind AND h.id = x.id AND (h.seen_epoch, h.seen_version) <= (x.epoch, x.version)
    AND (SELECT go FROM may)
), buried AS (
    INSERT INTO {schema}.dead (topic, partition, "offset", cluster_id, reason, detail, key, headers, value)
    SELECT topic, partition, "offset", cluster_id, reason, detail, key, headers::jsonb, value FROM {_rows_of(_DEAD)}
    WHERE (SELECT go FROM may) ON CONFLICT DO NOTHING
), heard AS (
    INSERT INTO {schema}.heartbeat AS h (service, complete_until)
    SELECT service, complete_until FROM {_rows_of(_HEARD)} WHERE (SELECT go FROM may)
    ON CONFLICT (service) DO UPDATE SET complete_until = excluded.complete_until
    WHERE h.complete_until < excluded.complete_until
), raised AS (
    UPDATE {schema}.view_position SET position = $2, changed_at = clock_timestamp(), begins = least(begins, $3)
    WHERE position = $1 AND $2 > $1 AND (SELECT go FROM may)
    RETURNING position
)
SELECT is_turn, is_standing, (SELECT pg_notify($4, position::text) FROM raised WHERE $8) FROM may
"""  # noqa: S608 - names of ours


async def write(connection: "Connection[Any]", schema: str, change: Change) -> Written:
    """Write a change, or nothing of it.

    Args:
        connection: of the gateway's own role.
        schema: the view to write to; who listens hears of the live one only.
        change: made from what was read at `change.read_at`.
    """
    companies = [event.state for event in change.current.values() if isinstance(event.state, CompanyState)]
    # In the state a later member of the same subject overrules an earlier one.
    members = {(company.id, each.sub): each.status for company in companies for each in company.members}
    row = await connection.fetchrow(
        _statement(schema, tuple(sorted({subject.kind for subject in change.current}))),
        change.read_at,
        change.position,
        min((event.recorded_at for event in change.fresh), default=None),
        CHANNEL,
        len(change.moves),
        [company.id for company in companies],
        [place for _, place in change.lines.wrong],
        schema == SCHEMA,
        *_columns(_MOVES, [(each.topic, each.partition, each.expected, each.next) for each in change.moves]),
        *_columns(
            _FRESH,
            [
                (*history_row(event), change.current.get(Subject(event.kind, event.id)) is event)
                for event in change.fresh
            ],
        ),
        *_columns(_MEMBERS, [(*key, status) for key, status in members.items()]),
        *_columns(_LINES, change.lines.missing),
        *_columns(_HALTS, [(*subject, *halt.seen, halt.reason) for subject, halt in change.halts.items()]),
        *_columns(_GOES_ON, [(*subject, *rank) for subject, rank in change.goes_on.items()]),
        *_columns(_DEAD, dead_rows(change.dead, change.cluster_id)),
        *_columns(_HEARD, list(change.complete_until.items())),
    )
    if not row["is_standing"]:
        return Written.ELSEWHERE
    return Written.DONE if row["is_turn"] else Written.OVERTAKEN


def _columns(shape: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
    """Turn rows into one array per column, also when there is no row."""
    return list(zip(*rows, strict=True)) if rows else [()] * len(shape)


def history_row(event: Incoming) -> tuple[Any, ...]:
    """Return an event as a row of `history`, in the order of `HISTORY_COLUMNS`."""
    return (
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


def dead_rows(dead: Iterable[Dead], cluster_id: str) -> list[tuple[Any, ...]]:
    """Return what is no event as rows of `dead`, headers as JSON text."""
    return [
        (
            each.record.topic.name,
            each.record.partition,
            each.record.offset,
            cluster_id,
            each.reason,
            each.detail.replace("\0", "")[:500],
            each.record.key,
            _printable(each.record.headers),
            each.record.value,
        )
        for each in dead
    ]


def _printable(headers: Iterable[tuple[str, bytes]]) -> str:
    """Headers as JSON; bytes in base64, because what is dead may be anything."""
    pairs = [[name.replace("\0", ""), base64.b64encode(value or b"").decode()] for name, value in headers]
    return orjson.dumps(pairs).decode()
