"""Fieldlabs and hubs."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from schakel_contracts.fieldlabs import FieldlabState
from schakel_gateway.reads.pages import decode_cursor, page_of
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation
    from schakel_gateway.schema.inputs.filters import FieldlabFilter

WORDS_MAX: Final = 10
"""Of a search; the rest is not looked for."""

_FOUND: Final = f"""
FROM {SCHEMA}.fieldlabs
WHERE ($1::text IS NULL OR hub = $1)
    AND ($2::text IS NULL OR themes ? $2)
    AND ($3::text IS NULL OR kind = $3)
    AND ($4::text IS NULL OR status = $4)
    AND ($5::boolean IS NULL OR (recognition = 'recognised') = $5)
    AND ($6::text IS NULL OR province = $6)
    AND ($7::text[] IS NULL OR concat_ws(
        ' ', name, state ->> 'place', state ->> 'description_nl', state ->> 'description_en') ILIKE ALL ($7))
"""

_PAGE: Final = f"""
SELECT json_build_object(
    'total_count', CASE WHEN $11 THEN (SELECT count(*) {_FOUND}) END,
    'rows', (
        SELECT json_agg(json_build_object(
            'key', json_build_array(name, id), 'node', (state - $12::text[]) || jsonb_build_object('version', version)
        ))
        FROM (
            SELECT name, id, version, state {_FOUND} AND ($8::text IS NULL OR (name, id) > ($8, $9::uuid))
            ORDER BY name, id LIMIT $10
        ) AS page
    )
)
"""  # noqa: S608 - the view's own name

_ONE: Final = f"SELECT state || jsonb_build_object('version', version) FROM {SCHEMA}.fieldlabs WHERE slug = $1"  # noqa: S608 - the view's own name

_HUBS: Final = f"""
SELECT coalesce(json_agg(state || jsonb_build_object('version', version) ORDER BY kind, slug), '[]')
FROM {SCHEMA}.hubs
"""  # noqa: S608 - the view's own name


def page(
    operation: "Operation",
    where: "FieldlabFilter | None",
    first: int,
    after: str | None,
    *,
    of_page: frozenset[str] | None,
    of_node: frozenset[str] | None,
) -> Awaitable[object]:
    """One page of the fieldlabs that match a filter, by name.

    Args:
        operation: in whose snapshot.
        where: the filter.
        first: how many.
        after: the cursor of the page before.
        of_page: which fields of the page are asked for, None for any; they are counted only when that is asked for.
        of_node: the same of each fieldlab; what nobody asked for is not sent, for most of a record is description.
    """
    counted = of_page is None or "total_count" in of_page
    unasked = [] if of_node is None else [key for key in FieldlabState.__struct_fields__ if key not in of_node]
    name, last_id = decode_cursor(after, 2)
    narrowed = (
        (
            where.hub,
            where.theme,
            where.kind,
            where.status.value if where.status else None,
            where.recognised,
            where.province,
            contains(where.text),
        )
        if where
        else (None,) * 7
    )
    return operation.read(_PAGE, *narrowed, name, last_id, first + 1, counted, unasked, shape=page_of(first))


def one(operation: "Operation", slug: str) -> Awaitable[object]:
    """The fieldlab with a slug."""
    return operation.read(_ONE, slug)


def hubs(operation: "Operation") -> Awaitable[object]:
    """All hubs, the programme office last."""
    return operation.read(_HUBS)


def contains(words: str | None) -> list[str] | None:
    """Return the ILIKE patterns of a text that contains each of these words as it stands; None for no words."""
    if words is None or not words.strip():
        return None
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [f"%{word}%" for word in escaped.split()[:WORDS_MAX]]
