"""Reading the figures: all indicators at all leaves at one moment, in one statement."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import instant_of
from schakel_gateway.indicators import AMSTERDAM, LEAVES
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection, Record

_ONE_STATEMENT: Final = f"""
    WITH moment AS (
        SELECT coalesce($1::timestamptz, now()) AS as_of, {SCHEMA}.watermark() AS watermark,
            CASE WHEN $2::timestamptz IS NULL THEN 'infinity'
                ELSE least($2, coalesce({SCHEMA}.watermark(), '-infinity')) END AS cap
    )
    SELECT i.*, m.as_of, m.watermark, CASE WHEN isfinite(m.cap) THEN m.cap END AS cap, p.position, p.begins,
        f.split, f.leaf, f.fieldlab, f.amount,
        i.about_companies AND {SCHEMA}.subject() IS NULL AS is_guarded,
        m.as_of = {SCHEMA}.month_end(m.as_of) AND m.as_of <= now() AS is_month_end,
        {SCHEMA}.is_settled() AS settled
    FROM moment AS m
    CROSS JOIN {SCHEMA}.view_position AS p
    CROSS JOIN {SCHEMA}.indicator AS i
    LEFT JOIN {SCHEMA}.figures_at(m.as_of, m.cap, $3) AS f ON f.indicator = i.key
    ORDER BY i.place
"""  # noqa: S608 - the schema's name is a constant of this program


async def network_figures(
    connection: "Connection[Any]",
    *,
    as_of: str | None = None,
    known_at: datetime | None = None,
    leaf: str | None = None,
) -> dict[str, Any]:
    """Return every indicator, at every leaf or at one, as one moment of the world known at one moment.

    Who asks is what the connection's settings say (see `view.reading`): signed in gets exact sums; the public gets what
    is about companies at month ends only, without cells under 5 and the complements that would give them away.

    Args:
        connection: in a snapshot of the view.
        as_of: a day (its end in Amsterdam), an RFC 3339 instant, or None for now.
        known_at: only what was recorded by then, at most the watermark; None is all that the view holds.
        leaf: one of `LEAVES`, or None for all.

    Returns:
        ``as_of``, ``known_at`` (what was asked, capped at the watermark; of None the watermark), ``watermark``,
        ``settled`` (asking again with both times gives the same for ever), ``position`` and ``indicators``: of each its
        definition, ``total``, ``leaves``, ``fieldlabs`` (or None) and ``overlap``. Always total = sum of leaves, and
        total = sum of fieldlabs - overlap. None is unknown or suppressed, never 0; ``reason`` says which.

    Raises:
        Problem: ``invalid-input`` for a moment or a leaf that does not exist.
    """
    moment = None if as_of is None else moment_of(as_of)
    if leaf is not None and leaf not in LEAVES:
        raise _wrong("region", "unknown-region", f"Use one of {', '.join(LEAVES)}.")
    if known_at is not None and known_at.tzinfo is None:
        raise _wrong("knownAt", "not-an-instant", "Use an RFC 3339 instant with its offset.")
    rows = await connection.fetch(_ONE_STATEMENT, moment, known_at, leaf)
    if not rows:
        raise Problem("unavailable", "The view is not filled yet.")
    first = rows[0]
    by_key: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        by_key[row["key"]].append(row)
    return {
        "as_of": first["as_of"],
        "known_at": first["watermark"] if known_at is None else first["cap"],
        "watermark": first["watermark"],
        "settled": first["settled"] if known_at is None else first["cap"] is not None,
        "position": first["position"],
        "indicators": [_indicator(found, leaf, known_at) for found in by_key.values()],
    }


def moment_of(text: str) -> datetime:
    """Read an ``asOf``: a day is its last microsecond in Amsterdam, so that everything of that day counts."""
    try:
        if "T" in text:
            return instant_of(text)
        following = date.fromisoformat(text) + timedelta(days=1)
        begin = datetime(following.year, following.month, following.day, tzinfo=AMSTERDAM)
        return begin.astimezone(UTC) - timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise _wrong("asOf", "not-a-moment", "Use a day such as 2026-03-31, or an RFC 3339 instant.") from error


def _indicator(rows: "list[Record]", leaf: str | None, known_at: datetime | None) -> dict[str, Any]:
    head = rows[0]
    answer = {
        "key": head["key"],
        "kind": head["kind"],
        "measure": head["measure"],
        "version": head["version"],
        "definition_nl": head["definition_nl"],
        "definition_en": head["definition_en"],
        "history_begins": head["begins"],
    }
    reason = _why_unknown(head, known_at)
    shown = LEAVES if leaf is None else (leaf,)
    if reason is not None:
        fieldlabs: dict[str, int] | None = {} if head["by_fieldlab"] else None
        unknown = {"total": None, "leaves": dict.fromkeys(shown), "fieldlabs": fieldlabs, "overlap": None}
        return {**answer, "known": False, "reason": reason, **unknown}
    return {**answer, "known": True, "reason": None, **_cells(rows, shown, by_fieldlab=head["by_fieldlab"])}


def _why_unknown(head: "Record", known_at: datetime | None) -> str | None:
    if head["begins"] is None or head["as_of"] < head["begins"]:
        return "before-history"
    if known_at is not None and (head["cap"] is None or head["cap"] < head["begins"]):
        return "before-history"
    return "month-ends-only" if head["is_guarded"] and not head["is_month_end"] else None


def _cells(rows: "list[Record]", shown: tuple[str, ...], *, by_fieldlab: bool) -> dict[str, Any]:
    leaves: dict[str, int | None] = dict.fromkeys(shown, 0)
    fieldlabs: dict[str, int | None] = {}
    totals: dict[str, int | None] = {"leaf": 0, "fieldlab": 0}
    for row in rows:
        if row["split"] is None:
            continue
        if row["leaf"] is None and row["fieldlab"] is None:
            totals[row["split"]] = row["amount"]
        elif row["split"] == "leaf" and row["leaf"] in leaves:
            leaves[row["leaf"]] = row["amount"]
        elif row["split"] == "fieldlab":
            fieldlabs[row["fieldlab"]] = row["amount"]
    if rows[0]["is_guarded"] and len(shown) == 1:
        return {"total": leaves[shown[0]], "leaves": leaves, "fieldlabs": None, "overlap": None}
    if not by_fieldlab:
        return {"total": totals["leaf"], "leaves": leaves, "fieldlabs": None, "overlap": 0}
    return {"total": totals["leaf"], "leaves": leaves, "fieldlabs": fieldlabs, "overlap": _overlap(totals, fieldlabs)}


def _overlap(totals: Mapping[str, int | None], fieldlabs: Mapping[str, int | None]) -> int | None:
    """What the parts count more than once; hidden where a part is hidden, because it would give that part away."""
    parts, total = totals["fieldlab"], totals["leaf"]
    hidden = parts is None or total is None or None in fieldlabs.values()
    return None if hidden else (parts or 0) - (total or 0)


def _wrong(field: str, code: str, message: str) -> Problem:
    return Problem("invalid-input", errors=[FieldError(field=field, message=message, code=code)])
