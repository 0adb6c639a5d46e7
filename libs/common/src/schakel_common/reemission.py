"""Saying it again: the repair for a new consumer, a lost broker, a restored database, or a proven drift.

What was said goes through the outbox once more, byte for byte. The journal is never changed. While a bucket of
aggregates is sent, writers of that bucket wait, so that no new version overtakes the history before it
(`docs/adr/0004`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schakel_common.database import Database
from schakel_common.plumbing import AGGREGATE_LOCK
from schakel_common.problems import FieldError, Problem
from schakel_contracts.topics import TOPIC_OF_KIND

LOCK_SECONDS_MAX: Final = 5
STATEMENT_SECONDS_MAX: Final = 60

_OF_BUCKET: Final = (
    "kind = ANY(CAST(:kinds AS text[])) AND aggregate_id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)"
    " AND (CAST(:ids AS uuid[]) IS NULL OR aggregate_id = ANY(CAST(:ids AS uuid[])))"
)
_BUCKETS: Final = text(
    "SELECT DISTINCT get_byte(uuid_send(aggregate_id), 0) FROM journal"
    " WHERE kind = ANY(CAST(:kinds AS text[])) ORDER BY 1"
)
_RAISE_EPOCH: Final = text(
    "INSERT INTO epoch (epoch, reason) SELECT max(epoch) + 1, :reason FROM epoch RETURNING epoch"
)
_RESTATE: Final = text(
    f"WITH head AS (SELECT DISTINCT ON (kind, aggregate_id) *"  # noqa: S608 - made of constants only
    f" FROM journal WHERE {_OF_BUCKET} ORDER BY kind, aggregate_id, version DESC),"
    " restated AS (INSERT INTO restatement (epoch, kind, aggregate_id, version)"
    " SELECT :epoch, kind, aggregate_id, version FROM head WHERE epoch < :epoch RETURNING kind, aggregate_id)"
    " INSERT INTO outbox (journal_seq, epoch)"
    " SELECT head.seq, :epoch FROM head JOIN restated USING (kind, aggregate_id) ORDER BY head.seq"
)
_RESEND: Final = text(
    f"WITH line AS (SELECT * FROM journal WHERE {_OF_BUCKET}),"  # noqa: S608 - made of constants only
    " said AS (SELECT seq, epoch FROM line UNION ALL"
    " SELECT line.seq, again.epoch FROM restatement again JOIN line USING (kind, aggregate_id, version))"
    " INSERT INTO outbox (journal_seq, epoch) SELECT seq, epoch FROM said ORDER BY epoch, seq"
)


_COUNT_CURRENT: Final = text(
    "SELECT (SELECT max(epoch) + 1 FROM epoch), count(DISTINCT (kind, aggregate_id)) FROM journal"
    " WHERE kind = ANY(CAST(:kinds AS text[]))"
    " AND (CAST(:ids AS uuid[]) IS NULL OR aggregate_id = ANY(CAST(:ids AS uuid[])))"
)
_COUNT_HISTORY: Final = text(
    "SELECT (SELECT count(*) FROM journal WHERE kind = ANY(CAST(:kinds AS text[]))"
    " AND (CAST(:ids AS uuid[]) IS NULL OR aggregate_id = ANY(CAST(:ids AS uuid[]))))"
    " + (SELECT count(*) FROM restatement WHERE kind = ANY(CAST(:kinds AS text[]))"
    " AND (CAST(:ids AS uuid[]) IS NULL OR aggregate_id = ANY(CAST(:ids AS uuid[]))))"
)


async def count_current(database: Database, *, kind: str | None = None, ids: Sequence[UUID] = ()) -> tuple[int, int]:
    """Return which epoch `reemit_current` would begin and how many states it would send; nothing changes."""
    async with database.reading() as session:
        epoch, events = (await session.execute(_COUNT_CURRENT, {"kinds": _kinds(kind), "ids": list(ids) or None})).one()
    return epoch, events


async def count_history(database: Database, *, kind: str | None = None, ids: Sequence[UUID] = ()) -> int:
    """Return how many events `reemit_history` would send; nothing changes."""
    async with database.reading() as session:
        events: int = (
            await session.execute(_COUNT_HISTORY, {"kinds": _kinds(kind), "ids": list(ids) or None})
        ).scalar_one()
    return events


async def reemit_current(
    database: Database, *, reason: str, kind: str | None = None, ids: Sequence[UUID] = ()
) -> tuple[int, int]:
    """Raise the epoch and send the current state of every aggregate, with the same version and digest.

    Only after a restore or for a deliberate restatement: the new epoch outranks all that consumers have seen.

    Args:
        database: the owner's.
        reason: kept with the epoch.
        kind: only aggregates of this kind.
        ids: only these aggregates.

    Returns:
        The new epoch, and how many states will be sent.
    """
    kinds = _kinds(kind)
    async with database.unit_of_work() as session:
        epoch: int = (await session.execute(_RAISE_EPOCH, {"reason": reason})).scalar_one()
    total = 0
    for number in await _buckets(database, kinds, ids):
        async with _alone(database, number) as connection:
            total += (await connection.execute(_RESTATE, {**_bucket(number, kinds, ids), "epoch": epoch})).rowcount
    return epoch, total


async def reemit_history(database: Database, *, kind: str | None = None, ids: Sequence[UUID] = ()) -> int:
    """Send everything that was ever said, with the epochs it was said in, in the journal's order per aggregate.

    Args:
        database: the owner's.
        kind: only aggregates of this kind.
        ids: only these aggregates.

    Returns:
        How many events will be sent.
    """
    kinds = _kinds(kind)
    total = 0
    for number in await _buckets(database, kinds, ids):
        async with _alone(database, number) as connection:
            total += (await connection.execute(_RESEND, _bucket(number, kinds, ids))).rowcount
    return total


def _kinds(kind: str | None) -> list[str]:
    if kind is None:
        return sorted(TOPIC_OF_KIND)
    if kind not in TOPIC_OF_KIND:
        message = f"There is no such kind; known are {', '.join(sorted(TOPIC_OF_KIND))}."
        raise Problem("invalid-input", message, errors=[FieldError("kind", message, "unknown-kind")])
    return [kind]


async def _buckets(database: Database, kinds: Sequence[str], ids: Sequence[UUID]) -> Sequence[int]:
    if ids:
        return sorted({each.bytes[0] for each in ids})
    async with database.reading() as session:
        return (await session.execute(_BUCKETS, {"kinds": kinds})).scalars().all()


def _bucket(number: int, kinds: Sequence[str], ids: Sequence[UUID]) -> dict[str, object]:
    first, last = UUID(bytes=bytes([number] + [0] * 15)), UUID(bytes=bytes([number] + [255] * 15))
    return {"kinds": kinds, "first": first, "last": last, "ids": list(ids) or None}


@asynccontextmanager
async def _alone(database: Database, bucket: int) -> AsyncIterator[AsyncConnection]:
    """Open a transaction in which nobody else writes to the aggregates of a bucket; the relay hears of its end."""
    async with database.unit_of_work() as session:
        connection = await session.connection()
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'"))
        await connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS_MAX}s'"))
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({AGGREGATE_LOCK}, {bucket})"))
        yield connection
        await connection.execute(text("SELECT pg_notify('outbox', '')"))
