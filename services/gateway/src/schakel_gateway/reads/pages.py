"""Pages by the sort key of their last row: stable while rows come and go, and never a count of rows to skip."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson

from schakel_common.problems import FieldError, Problem
from schakel_gateway.reads.ids import id_or_none


def decode_cursor(cursor: str | None, length: int) -> list[str | None]:
    """Read where the page before ended.

    Args:
        cursor: the ``endCursor`` of that page; None for the first page.
        length: how many parts the sort key has; the last one is an id.

    Returns:
        The parts as text, all None for the first page.
    """
    if cursor is None:
        return [None] * length
    try:
        parts = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        parts = None
    texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    if len(texts) != length or id_or_none(texts[-1]) is None:
        message = "This is not the endCursor of a page; leave it out to begin at the first one."
        raise Problem("invalid-input", errors=[FieldError("after", message, "cursor")])
    return [*texts]


def page_of(first: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what turns ``{total_count, rows: [{key, node}]}`` of one row more than asked into a connection."""

    def shape(found: dict[str, Any]) -> dict[str, Any]:
        rows = found["rows"] or []
        shown = rows[:first]
        end = base64.b64encode(orjson.dumps(shown[-1]["key"]), altchars=b"-_").decode() if shown else None
        return {
            "nodes": [row["node"] for row in shown],
            "total_count": found["total_count"],
            "page_info": {"has_next_page": len(rows) > first, "end_cursor": end},
        }

    return shape
