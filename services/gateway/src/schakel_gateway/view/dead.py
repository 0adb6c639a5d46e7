"""The records that the view could not take in: looked at, tried again, or dropped by decision."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from schakel_common.problems import Problem
from schakel_contracts.topics import TOPICS
from schakel_gateway.projections.apply import Batch, apply
from schakel_gateway.projections.incoming import Dead, Record, read
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

_ALL: Final = f"""
    SELECT topic, partition, "offset", cluster_id, reason, detail, at, key, headers::text AS headers, value
    FROM {SCHEMA}.dead ORDER BY at, topic, partition, "offset"
"""  # noqa: S608 - the view's own name
_DROP: Final = f"""
    DELETE FROM {SCHEMA}.dead WHERE topic = $1 AND partition = $2 AND "offset" = $3
        AND cluster_id = coalesce($4, cluster_id)
"""  # noqa: S608 - the same


async def list_dead(connection: "Connection[Any]") -> list[dict[str, object]]:
    """Return where each record lies and why it was put aside, the oldest first."""
    return [_summary(row) for row in await connection.fetch(_ALL)]


async def show_dead(connection: "Connection[Any]", topic: str, partition: int, offset: int) -> dict[str, object]:
    """Return one record whole.

    Raises:
        Problem: ``not-found`` when the view put no such record aside.
    """
    for row in await connection.fetch(_ALL):
        if (row["topic"], row["partition"], row["offset"]) == (topic, partition, offset):
            record = _record(row)
            return {
                **_summary(row),
                "headers": [[name, _text(value)] for name, value in record.headers],
                "value": _text(record.value),
            }
    raise Problem("not-found", f"The view put no record aside that lies at {topic} {partition} {offset}.")


async def retry_dead(connection: "Connection[Any]", *, dry_run: bool = False) -> dict[str, int]:
    """Take every record in again; what goes through is put aside no longer. Twice is once: the view knows each version.

    Args:
        connection: of the gateway's own role, without a transaction.
        dry_run: only read the records, as this program reads them; the database may still refuse one.

    Returns:
        How many went through and how many did not.
    """
    counts = {"handled": 0, "failed": 0}
    for row in await connection.fetch(_ALL):
        handled = await _is_handled(connection, _record(row), dry_run=dry_run)
        counts["handled" if handled else "failed"] += 1
        if handled and not dry_run:
            await connection.execute(_DROP, row["topic"], row["partition"], row["offset"], row["cluster_id"])
    return counts


async def drop_dead(connection: "Connection[Any]", topic: str, partition: int, offset: int) -> None:
    """Keep one record no longer; Kafka still has it.

    Raises:
        Problem: ``not-found`` when the view put no such record aside.
    """
    if await connection.execute(_DROP, topic, partition, offset, None) == "DELETE 0":
        raise Problem("not-found", f"The view put no record aside that lies at {topic} {partition} {offset}.")


async def _is_handled(connection: "Connection[Any]", record: Record, *, dry_run: bool) -> bool:
    event = read(record)
    if isinstance(event, Dead):
        return False
    if dry_run:
        return True
    try:
        applied = await apply(connection, SCHEMA, Batch(moves=(), events=(event,)))
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        return False
    return applied.halted == 0


def _record(row: Mapping[str, Any]) -> Record:
    headers = [(name, base64.b64decode(value)) for name, value in msgspec.json.decode(row["headers"])]
    return Record(TOPICS[row["topic"]], row["partition"], row["offset"], row["key"], row["value"], headers)


def _summary(row: Mapping[str, Any]) -> dict[str, object]:
    return {name: row[name] for name in ("topic", "partition", "offset", "reason", "detail")} | {
        "key": _text(row["key"]),
        "at": row["at"].isoformat(),
    }


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="backslashreplace")
