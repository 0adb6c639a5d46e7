"""Taking a batch in: one transaction in which offsets, history, current rows, ledger and watermark move together."""

import base64
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
import orjson

from schakel_common.barriers import barrier
from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.ledger.store import refold
from schakel_gateway.projections.incoming import Dead, Incoming
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

FIRST_EPOCH: Final = 1
CHANNEL: Final = "view_position"
TAKE_TURN: Final = "SELECT position FROM view_position FOR UPDATE"
"""Who changes the view holds this row: the projector and a repair take turns."""

Aggregate = tuple[str, UUID]


class ZombieError(Exception):
    """Another projector has moved the offsets on: this one must let go."""


class Move(msgspec.Struct, frozen=True):
    """A partition's stored offset: what it must be, and what it becomes."""

    topic: str
    partition: int
    expected: int
    next: int


class Batch(msgspec.Struct, frozen=True):
    """What is taken in at once.

    Attributes:
        moves: the partitions that were read.
        events: in the order of each partition.
        dead: what was no event.
        complete_until: service to the instant of its newest heartbeat that these offsets satisfy.
        cluster_id: of the broker that the records came from.
    """

    moves: Sequence[Move]
    events: Sequence[Incoming]
    dead: Sequence[Dead] = ()
    complete_until: Mapping[str, datetime] = {}
    cluster_id: str = ""


class Applied(msgspec.Struct, frozen=True):
    """What a batch did: the position after it, and how many versions were new and how many wait for an earlier one."""

    position: int
    new: int
    halted: int


async def apply(connection: "Connection[Any]", schema: str, batch: Batch) -> Applied:
    """Take a batch in, or nothing of it.

    Args:
        connection: the projector's own; it has no transaction open.
        schema: the view to fill.
        batch: what was read since the stored offsets. What it repeats changes nothing.

    Raises:
        ZombieError: the stored offsets are not where this batch begins.
    """
    await barrier("projector.before_apply")
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path TO {schema}")
        await _move_offsets(connection, batch.moves)
        position: int = await connection.fetchval(TAKE_TURN)
        accepted, halted = await _without_gaps(connection, batch.events)
        new = await _add_history(connection, accepted)
        touched = {(event.kind, event.id) for event in new}
        if touched or halted or batch.dead:
            position += 1
            if batch.dead:
                await bury(connection, batch.dead, batch.cluster_id)
            await _raise_rows(connection, touched, position)
            await refold(connection, touched)
            await _raise_position(connection, position, new, told=schema == SCHEMA)
        if batch.complete_until:
            await _hear(connection, batch.complete_until)
        await barrier("projector.before_commit")
    await barrier("projector.after_commit")
    return Applied(position=position, new=len(new), halted=halted)


async def _move_offsets(connection: "Connection[Any]", moves: Sequence[Move]) -> None:
    """The guard against a zombie: who finds an offset elsewhere than expected is not the projector any more."""
    moved = await connection.fetch(
        """
        UPDATE topic_offset AS o SET next = m.next
        FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS m (topic, partition, expected, next)
        WHERE o.topic = m.topic AND o.partition = m.partition AND o.next = m.expected
        RETURNING o.partition
        """,
        [move.topic for move in moves],
        [move.partition for move in moves],
        [move.expected for move in moves],
        [move.next for move in moves],
    )
    if len(moved) != len(moves):
        raise ZombieError(f"{len(moves) - len(moved)} of {len(moves)} offsets were moved by another projector")


async def _without_gaps(connection: "Connection[Any]", events: Sequence[Incoming]) -> tuple[list[Incoming], int]:
    """Leave out what comes after a missing version and say so in `halted`; return the rest and how many that were."""
    if not events:
        return [], 0
    known = await _known(connection, {(event.kind, event.id) for event in events})
    accepted: list[Incoming] = []
    gaps: dict[Aggregate, tuple[int, int, str]] = {}
    for event in events:
        highest = known[event.kind, event.id]
        if follows(highest, event.epoch, event.version):
            highest[event.epoch] = max(event.version, highest.get(event.epoch, 0))
            accepted.append(event)
        else:
            reason = f"version {event.version} of epoch {event.epoch} came without the one before it"
            seen = gaps.get((event.kind, event.id), (0, 0, ""))
            gaps[event.kind, event.id] = max(seen, (event.epoch, event.version, reason))
    if gaps:
        await _halt(connection, gaps)
    return accepted, len(events) - len(accepted)


async def _halt(connection: "Connection[Any]", gaps: Mapping[Aggregate, tuple[int, int, str]]) -> None:
    await connection.executemany(
        """
        INSERT INTO halted (kind, id, seen_epoch, seen_version, reason) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, id) DO UPDATE SET seen_epoch = excluded.seen_epoch, seen_version = excluded.seen_version
        WHERE (halted.seen_epoch, halted.seen_version) < (excluded.seen_epoch, excluded.seen_version)
        """,
        [(*aggregate, *gap) for aggregate, gap in gaps.items()],
    )


def follows(highest: Mapping[int, int], epoch: int, version: int) -> bool:
    """Whether a version may be taken in, given the highest known version of each epoch of its aggregate.

    Within an epoch there is no gap. A first epoch begins at 1; a later one is a restatement and begins anywhere, as
    does one that continues the numbers of the epoch before it.
    """
    if epoch in highest:
        return version <= highest[epoch] + 1
    return version == 1 or epoch > FIRST_EPOCH


async def _known(connection: "Connection[Any]", aggregates: Collection[Aggregate]) -> dict[Aggregate, dict[int, int]]:
    rows = await connection.fetch(
        """
        SELECT kind, id, epoch, max(version) AS version FROM history
        WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[])) GROUP BY 1, 2, 3
        """,
        [kind for kind, _ in aggregates],
        [each for _, each in aggregates],
    )
    known: dict[Aggregate, dict[int, int]] = defaultdict(dict)
    for row in rows:
        known[row["kind"], row["id"]][row["epoch"]] = row["version"]
    return known


async def _add_history(connection: "Connection[Any]", events: Sequence[Incoming]) -> list[Incoming]:
    """Append what is not known yet; return that."""
    if not events:
        return []
    rows = await connection.fetch(
        """
        INSERT INTO history (kind, id, epoch, version, type, effective_at, recorded_at, digest, state)
        SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::timestamptz[],
                             $7::timestamptz[], $8::text[], $9::json[])
        ON CONFLICT (kind, id, epoch, version) DO NOTHING
        RETURNING kind, id, epoch, version
        """,
        [event.kind for event in events],
        [event.id for event in events],
        [event.epoch for event in events],
        [event.version for event in events],
        [event.type for event in events],
        [event.effective_at for event in events],
        [event.recorded_at for event in events],
        [event.digest for event in events],
        [event.state for event in events],
    )
    added = {(row["kind"], row["id"], row["epoch"], row["version"]) for row in rows}
    found = {(event.kind, event.id, event.epoch, event.version): event for event in events}
    return [event for reference, event in found.items() if reference in added]


async def _raise_rows(connection: "Connection[Any]", touched: Collection[Aggregate], position: int) -> None:
    """Make each current row that of the highest version in the history."""
    by_kind: dict[str, list[UUID]] = defaultdict(list)
    for kind, aggregate in touched:
        by_kind[kind].append(aggregate)
    for kind, ids in by_kind.items():
        await connection.execute(
            f"""
            INSERT INTO {TOPIC_OF_KIND[kind].plural} AS c
                (id, epoch, version, effective_at, recorded_at, position, state)
            SELECT DISTINCT ON (id) id, epoch, version, effective_at, recorded_at, $3::bigint, state::jsonb
            FROM history WHERE kind = $1 AND id = ANY($2) ORDER BY id, epoch DESC, version DESC
            ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
                effective_at = excluded.effective_at, recorded_at = excluded.recorded_at, position = excluded.position,
                state = excluded.state
            WHERE (c.epoch, c.version) < (excluded.epoch, excluded.version)
            """,  # noqa: S608 - a table of ours, named by the contract
            kind,
            ids,
            position,
        )
    if by_kind.get("company"):
        await write_members(connection, by_kind["company"])


async def write_members(connection: "Connection[Any]", companies: Sequence[UUID]) -> None:
    """Make the members of these companies those of their current states."""
    await connection.execute(
        """
        WITH member AS (
            SELECT DISTINCT ON (c.id, m ->> 'sub') c.id AS company_id, m ->> 'sub' AS sub, m ->> 'status' AS status
            FROM companies AS c, jsonb_array_elements(c.state -> 'members') WITH ORDINALITY AS each (m, place)
            WHERE c.id = ANY($1) ORDER BY c.id, m ->> 'sub', place DESC
        ), gone AS (
            DELETE FROM company_members AS x WHERE x.company_id = ANY($1) AND NOT EXISTS (
                SELECT FROM member AS m WHERE m.company_id = x.company_id AND m.sub = x.sub)
        )
        INSERT INTO company_members (company_id, sub, status) SELECT company_id, sub, status FROM member
        ON CONFLICT (company_id, sub) DO UPDATE SET status = excluded.status
        """,
        companies,
    )


async def bury(connection: "Connection[Any]", dead: Iterable[Dead], cluster_id: str) -> None:
    """Keep what is no event, with the reason; once, however often it is read."""
    await connection.executemany(
        """
        INSERT INTO dead (topic, partition, "offset", cluster_id, reason, detail, key, headers, value)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9) ON CONFLICT DO NOTHING
        """,
        [
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
        ],
    )


def _printable(headers: Iterable[tuple[str, bytes]]) -> str:
    """Headers as JSON; bytes in base64, because what is dead may be anything."""
    pairs = [[name.replace("\0", ""), base64.b64encode(value or b"").decode()] for name, value in headers]
    return orjson.dumps(pairs).decode()


async def _raise_position(connection: "Connection[Any]", position: int, new: Sequence[Incoming], *, told: bool) -> None:
    """Raise the position and tell who listens; an aggregate whose highest seen version has come is halted no more."""
    await connection.execute(
        """
        WITH goes_on AS (
            DELETE FROM halted AS x WHERE (x.kind, x.id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
            AND EXISTS (SELECT FROM history AS h WHERE h.kind = x.kind AND h.id = x.id
                AND (h.epoch, h.version) >= (x.seen_epoch, x.seen_version))
        ), raised AS (
            UPDATE view_position SET position = $3, changed_at = clock_timestamp(), begins = least(begins, $4)
            RETURNING position
        )
        SELECT pg_notify($5, position::text) FROM raised WHERE $6
        """,
        [event.kind for event in new],
        [event.id for event in new],
        position,
        min((event.recorded_at for event in new), default=None),
        CHANNEL,
        told,
    )


async def _hear(connection: "Connection[Any]", complete_until: Mapping[str, datetime]) -> None:
    """A watermark never falls: what was complete stays so."""
    await connection.executemany(
        """
        INSERT INTO heartbeat (service, complete_until) VALUES ($1, $2) ON CONFLICT (service) DO UPDATE
        SET complete_until = excluded.complete_until WHERE heartbeat.complete_until < excluded.complete_until
        """,
        list(complete_until.items()),
    )
