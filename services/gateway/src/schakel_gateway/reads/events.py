"""Activities with the registrations that the caller may see, and cases."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from schakel_gateway.reads.fieldlabs import contains
from schakel_gateway.reads.pages import decode_cursor, page_of
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation
    from schakel_gateway.schema.inputs.filters import ActivityFilter, CaseFilter

_REGISTRATION: Final = "r.state || jsonb_build_object('version', r.version)"

_ACTIVITY: Final = f"""
a.state || jsonb_build_object(
    'version', a.version,
    'my_registration', (
        SELECT {_REGISTRATION} FROM {SCHEMA}.registrations AS r
        WHERE r.activity_id = a.id AND r.sub = {SCHEMA}.subject() AND r.status <> 'cancelled'
        ORDER BY r.registered_at DESC LIMIT 1
    ),
    'registrations', coalesce((
        SELECT jsonb_agg({_REGISTRATION} ORDER BY r.registered_at, r.id)
        FROM {SCHEMA}.registrations AS r WHERE r.activity_id = a.id
    ), '[]')
)
"""  # noqa: S608 - the view's own name

# What comes has rank 0 and rises, what was has rank 1 and falls; the sort key of a page says both.
_ACTIVITIES: Final = f"""
WITH found AS (
    SELECT *, CASE WHEN starts_at >= $1 THEN 0 ELSE 1 END AS rank FROM {SCHEMA}.activities
    WHERE ($2::text IS NULL OR hub = $2)
        AND ($3::text IS NULL OR themes ? $3)
        AND ($4::text IS NULL OR state -> 'fieldlabs' ? $4)
        AND ($5::boolean IS NULL OR (starts_at >= $1) = $5)
        AND ($6::text IS NULL OR organiser = $6)
), page AS (
    SELECT * FROM found
    WHERE $7::int IS NULL
        OR rank > $7
        OR (rank = $7 AND rank = 0 AND (starts_at, id) > ($8, $9::uuid))
        OR (rank = $7 AND rank = 1 AND (starts_at, id) < ($8, $9::uuid))
    ORDER BY rank, CASE rank WHEN 0 THEN starts_at END, CASE rank WHEN 0 THEN id END, starts_at DESC, id DESC
    LIMIT $10
)
SELECT json_build_object(
    'total_count', (SELECT count(*) FROM found),
    'rows', (
        SELECT json_agg(
            json_build_object('key', json_build_array(rank::text, starts_at, id), 'node', {_ACTIVITY})
            ORDER BY rank, CASE rank WHEN 0 THEN starts_at END, CASE rank WHEN 0 THEN id END, starts_at DESC, id DESC
        ) FROM page AS a
    )
)
"""  # noqa: S608 - the view's own name

_ONE_ACTIVITY: Final = f"SELECT {_ACTIVITY} FROM {SCHEMA}.activities AS a WHERE a.slug = $1"  # noqa: S608 - the view's own name

_CASES: Final = f"""
WITH found AS (
    SELECT coalesce(dated, '') AS day, id, version, state FROM {SCHEMA}.cases
    WHERE status = 'published'
        AND ($1::text IS NULL OR hub = $1)
        AND ($2::text IS NULL OR themes ? $2)
        AND ($3::text IS NULL OR fieldlab = $3)
        AND ($4::text IS NULL OR state -> 'sectors' ? $4)
        AND ($5::text[] IS NULL OR concat_ws(
            ' ', state ->> 'title_nl', state ->> 'title_en', state ->> 'summary_nl', state ->> 'summary_en'
        ) ILIKE ALL ($5))
), page AS (
    SELECT * FROM found WHERE $6::text IS NULL OR (day, id) < ($6, $7::uuid) ORDER BY day DESC, id DESC LIMIT $8
)
SELECT json_build_object(
    'total_count', (SELECT count(*) FROM found),
    'rows', (SELECT json_agg(json_build_object(
        'key', json_build_array(day, id),
        'node', state || jsonb_build_object('version', version)
    ) ORDER BY day DESC, id DESC) FROM page)
)
"""  # noqa: S608 - the view's own name

_ONE_CASE: Final = f"SELECT state || jsonb_build_object('version', version) FROM {SCHEMA}.cases WHERE slug = $1"  # noqa: S608 - the view's own name


def activities(
    operation: "Operation", where: "ActivityFilter | None", first: int, after: str | None
) -> Awaitable[object]:
    """One page of activities: what comes, soonest first, then what was, latest first."""
    rank, starts_at, last_id = decode_cursor(after, 3)
    # A start is an instant, a day or a month; as text each sorts before what is inside it, so compare with the day.
    today = datetime.now(UTC).date().isoformat()
    narrowed = (where.hub, where.theme, where.fieldlab, where.upcoming, where.organiser) if where else (None,) * 5
    last_rank = int(rank) if rank in {"0", "1"} else None
    return operation.read(_ACTIVITIES, today, *narrowed, last_rank, starts_at, last_id, first + 1, shape=page_of(first))


def activity(operation: "Operation", slug: str) -> Awaitable[object]:
    """The activity with a slug."""
    return operation.read(_ONE_ACTIVITY, slug)


def cases(operation: "Operation", where: "CaseFilter | None", first: int, after: str | None) -> Awaitable[object]:
    """One page of published cases, newest first, undated last."""
    day, last_id = decode_cursor(after, 2)
    narrowed = (where.hub, where.theme, where.fieldlab, where.sector, contains(where.text)) if where else (None,) * 5
    return operation.read(_CASES, *narrowed, day, last_id, first + 1, shape=page_of(first))


def case(operation: "Operation", slug: str) -> Awaitable[object]:
    """The case with a slug; one that was withdrawn says so."""
    return operation.read(_ONE_CASE, slug)
