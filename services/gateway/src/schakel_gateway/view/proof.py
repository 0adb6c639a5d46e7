"""The view against itself: rows and ledger must be what the history says, and the history must be whole."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from uuid import UUID

from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.indicators import ADDITIVE_OF_KIND
from schakel_gateway.ledger.store import (
    GROUP,
    Difference,
    additive_of,
    difference,
    groups_of,
    read_stored,
    store,
    subject_of,
)
from schakel_gateway.projections.write import CHANNEL
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

CHUNK: Final = 500

What = Literal[
    "missing",  # the owner's newest version is not in the view
    "other-digest",  # the same version with other bytes
    "ahead",  # the view has a version that its owner does not know
    "unknown-to-owner",  # the owner does not know the aggregate at all
    "damaged-history",  # a state in the history does not have its digest
    "incomplete-history",  # a version in between is not there
    "row",  # a current row is not that of the highest version
    "members",  # of a company
    "ledger",  # lines are not the fold of the history
    "halted",  # waits for a version
]


class Drift(NamedTuple):
    """One thing that is not as it should be."""

    what: What
    kind: str
    id: UUID


_DAMAGED: Final = """
    SELECT DISTINCT kind, id FROM history WHERE digest <> encode(sha256(convert_to(state::text, 'UTF8')), 'hex')
"""
_INCOMPLETE: Final = """
    SELECT kind, id FROM history GROUP BY kind, id HAVING count(DISTINCT version) <> max(version)
"""
_WRONG_ROWS: Final = """
    SELECT coalesce(h.id, r.id) AS id FROM (
        SELECT DISTINCT ON (id) id, epoch, version, effective_at, recorded_at, state::jsonb AS state
        FROM history WHERE kind = $1 ORDER BY id, epoch DESC, version DESC
    ) AS h FULL JOIN {table} AS r ON r.id = h.id
    WHERE (h.epoch, h.version, h.effective_at, h.recorded_at, h.state)
        IS DISTINCT FROM (r.epoch, r.version, r.effective_at, r.recorded_at, r.state)
"""
_WRONG_MEMBERS: Final = """
    WITH said AS (
        SELECT DISTINCT ON (c.id, m ->> 'sub') c.id AS company_id, m ->> 'sub' AS sub, m ->> 'status' AS status
        FROM companies AS c, jsonb_array_elements(c.state -> 'members') WITH ORDINALITY AS each (m, place)
        ORDER BY c.id, m ->> 'sub', place DESC
    )
    (TABLE said EXCEPT TABLE company_members) UNION ALL (TABLE company_members EXCEPT TABLE said)
"""


_TAKE_TURN: Final = "SELECT position FROM view_position FOR UPDATE"
"""Who changes the view needs this row: the projector's statement does nothing when a repair was there first."""

_WRITE_MEMBERS: Final = """
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
"""


async def own_drift(connection: "Connection[Any]") -> list[Drift]:
    """Return everything in which the view is not what its own history says.

    Args:
        connection: in one snapshot, with the view's schema as search path.
    """
    found = [Drift("damaged-history", row["kind"], row["id"]) for row in await connection.fetch(_DAMAGED)]
    found += [Drift("incomplete-history", row["kind"], row["id"]) for row in await connection.fetch(_INCOMPLETE)]
    found += [Drift("halted", row["kind"], row["id"]) for row in await connection.fetch("SELECT kind, id FROM halted")]
    for kind, topic in TOPIC_OF_KIND.items():
        rows = await connection.fetch(_WRONG_ROWS.format(table=topic.plural), kind)
        found += [Drift("row", kind, row["id"]) for row in rows]
    members = {row["company_id"] for row in await connection.fetch(_WRONG_MEMBERS)}
    found += [Drift("members", "company", each) for each in sorted(members)]
    async for unequal in _unequal_lines(connection):
        lines = [*unequal.missing, *(line for line, _ in unequal.wrong)]
        found += [Drift("ledger", subject.kind, subject.id) for subject in sorted({subject_of(x) for x in lines})]
    orphans = await connection.fetch(_ORPHANS)
    found += [Drift("ledger", row["subject_kind"], row["subject"]) for row in orphans]
    return found


_ORPHANS: Final = """
    SELECT DISTINCT subject_kind, subject FROM line AS l WHERE CASE l.subject_kind
        WHEN 'group' THEN NOT EXISTS (SELECT FROM history AS h WHERE h.company_id = l.subject AND h.kind = 'referral')
            AND NOT EXISTS (SELECT FROM history AS h WHERE h.kind = 'company' AND h.id = l.subject)
        ELSE NOT EXISTS (SELECT FROM history AS h WHERE h.kind = l.subject_kind AND h.id = l.subject) END
"""


async def repair(connection: "Connection[Any]", drifts: Iterable[Drift]) -> None:
    """Make rows, members and ledger again from the history, and drop what cannot be right.

    What is damaged, or unknown to its owner, leaves the history; what is missing must then come from its owner again.

    Args:
        connection: of the gateway's own role, without a transaction.
        drifts: what `own_drift` and the comparison with the journals found.
    """
    by_what: dict[What, list[Drift]] = defaultdict(list)
    for drift in drifts:
        by_what[drift.what].append(drift)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
        position = 1 + await connection.fetchval(_TAKE_TURN)
        await _forget(connection, "damaged-history", by_what["damaged-history"])
        await _forget(connection, "unknown-to-owner", by_what["unknown-to-owner"])
        rows = [*by_what["row"], *by_what["damaged-history"], *by_what["unknown-to-owner"]]
        await _write_rows(connection, rows, position)
        companies = [x.id for x in [*rows, *by_what["members"]] if x.kind == "company"]
        if companies:
            await connection.execute(_WRITE_MEMBERS, companies)
        orphans = await connection.fetch(_ORPHANS)
        await connection.execute(
            "DELETE FROM line WHERE (subject_kind, subject) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))",
            [row["subject_kind"] for row in orphans],
            [row["subject"] for row in orphans],
        )
        async for unequal in _unequal_lines(connection):
            await store(connection, unequal)
        await connection.execute("UPDATE view_position SET position = $1, changed_at = clock_timestamp()", position)
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(position))


async def _forget(connection: "Connection[Any]", what: What, drifts: Sequence[Drift]) -> None:
    only_damaged = (
        " AND digest <> encode(sha256(convert_to(state::text, 'UTF8')), 'hex')" if what == "damaged-history" else ""
    )
    await connection.execute(
        "DELETE FROM history WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))"  # noqa: S608 - constants
        + only_damaged,
        [drift.kind for drift in drifts],
        [drift.id for drift in drifts],
    )
    await connection.execute(
        "DELETE FROM halted WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))",
        [drift.kind for drift in drifts],
        [drift.id for drift in drifts],
    )


async def _write_rows(connection: "Connection[Any]", drifts: Sequence[Drift], position: int) -> None:
    by_kind: Mapping[str, list[UUID]] = defaultdict(list)
    for drift in drifts:
        by_kind[drift.kind].append(drift.id)
    for kind, ids in by_kind.items():
        table = TOPIC_OF_KIND[kind].plural
        await connection.execute(f"DELETE FROM {table} WHERE id = ANY($1)", ids)  # noqa: S608 - a table of ours
        await connection.execute(
            f"""
            INSERT INTO {table} (id, epoch, version, effective_at, recorded_at, position, state)
            SELECT DISTINCT ON (id) id, epoch, version, effective_at, recorded_at, $3::bigint, state::jsonb
            FROM history WHERE kind = $1 AND id = ANY($2) ORDER BY id, epoch DESC, version DESC
            """,  # noqa: S608 - the same
            kind,
            ids,
            position,
        )


async def _unequal_lines(connection: "Connection[Any]") -> AsyncIterator[Difference]:
    """Give in what all lines differ from the fold of the history, some subjects at a time."""
    for kind in [kind for kind, indicators in ADDITIVE_OF_KIND.items() if indicators]:
        async for ids in _ids(connection, "SELECT DISTINCT id FROM history WHERE kind = $1 AND id > $2", kind):
            touched = [(kind, each) for each in ids]
            stored = await read_stored(connection, SCHEMA, touched)
            yield difference(additive_of(touched, stored.versions), stored.lines)
    seen: set[UUID] = set()
    async for ids in _ids(connection, "SELECT DISTINCT id FROM history WHERE kind = $1 AND id > $2", "company"):
        fresh = [each for each in ids if each not in seen]
        if fresh:
            stored = await read_stored(connection, SCHEMA, (), companies=fresh)
            wanted = groups_of(stored.versions, fresh)
            seen |= {subject.id for subject in wanted if subject.kind == GROUP}
            yield difference(wanted, stored.lines)
    async for ids in _ids(connection, _REFERRALS_OF_STRANGERS, "referral"):
        stored = await read_stored(connection, SCHEMA, (), grouped=[("referral", each) for each in ids])
        yield difference(groups_of(stored.versions), stored.lines)


_REFERRALS_OF_STRANGERS: Final = """
    SELECT DISTINCT id FROM history AS h WHERE kind = $1 AND id > $2
    AND NOT EXISTS (SELECT FROM history AS c WHERE c.kind = 'company' AND c.id = h.company_id)
"""


async def _ids(connection: "Connection[Any]", query: str, kind: str) -> AsyncIterator[list[UUID]]:
    after = UUID(int=0)
    while ids := [row["id"] for row in await connection.fetch(f"{query} ORDER BY id LIMIT {CHUNK}", kind, after)]:
        yield ids
        after = ids[-1]
