"""How the desks' own reads look in a reply: what advisers said."""

from collections.abc import Sequence
from typing import Any

from schakel_contracts.envelope import instant_text
from schakel_matching.permissions import Role, may
from schakel_matching.tables import JudgementRow

Json = dict[str, Any]


def judgements_view(rows: Sequence[JudgementRow], found: frozenset[Role]) -> list[Json]:
    """Return what advisers say now with their reasons; nothing to a fieldlab, which is one of the judged."""
    if not may("read_judgements", found):
        return []
    return [
        {
            "fieldlab": row.fieldlab,
            "action": row.action,
            "reason": row.reason,
            "hub": row.hub,
            "at": instant_text(row.at),
        }
        for row in rows
    ]
