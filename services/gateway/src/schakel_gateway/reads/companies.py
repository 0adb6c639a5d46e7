"""The person who asks, and its companies."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from schakel_gateway.reads.ids import id_or_none, nothing
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation

_MINE: Final = f"""
SELECT coalesce(json_agg(c.state || jsonb_build_object('version', c.version) ORDER BY c.recorded_at, c.id), '[]')
FROM {SCHEMA}.companies AS c
WHERE c.id = ANY ({SCHEMA}.my_companies())
"""  # noqa: S608 - the view's own name

_ONE: Final = f"""
SELECT c.state || jsonb_build_object('version', c.version)
FROM {SCHEMA}.companies AS c
WHERE c.id = ANY ({SCHEMA}.my_companies()) AND ($1::uuid IS NULL OR c.id = $1)
ORDER BY c.recorded_at, c.id LIMIT 1
"""  # noqa: S608 - the view's own name


def me(operation: "Operation") -> Awaitable[object]:
    """Who asks, from its token, with the companies of which it is an active member in the view."""
    principal = operation.principal
    if principal is None:
        return nothing()

    def shape(companies: list[dict[str, Any]]) -> dict[str, Any]:
        return {"subject": principal.subject, "scopes": sorted(principal.scopes), "companies": companies}

    return operation.read(_MINE, shape=shape)


def mine(operation: "Operation", company_id: str | None) -> Awaitable[object]:
    """One company of the caller: the one with this id, or the first."""
    wanted: UUID | None = None
    if company_id is not None:
        wanted = id_or_none(company_id)
        if wanted is None:
            return nothing()
    return operation.read(_ONE, wanted)
