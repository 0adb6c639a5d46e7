"""The network in figures, published figures, and the technology vocabulary."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from schakel_common.problems import FieldError, Problem
from schakel_contracts.places import NATIONAL, UNASSIGNED
from schakel_gateway.ledger.figures import network_figures
from schakel_gateway.schema.enums import Level
from schakel_gateway.schema.scalars import instant_text
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

    from schakel_gateway.operation import Operation

_FIGURES: Final = f"""
SELECT coalesce(json_agg(
    state || jsonb_build_object('version', version) ORDER BY level DESC, subject, key, as_of DESC NULLS LAST, id), '[]')
FROM {SCHEMA}.figures WHERE ($1::text IS NULL OR level = $1) AND ($2::text IS NULL OR subject = $2)
"""  # noqa: S608 - the view's own name

_TECHNOLOGIES: Final = f"""
SELECT json_agg(technology || jsonb_build_object('fieldlabs', (
    SELECT count(*) FROM {SCHEMA}.fieldlabs WHERE themes ? (technology ->> 'key') AND status <> 'ended'
)) ORDER BY technology ->> 'key')
FROM jsonb_array_elements($1::text::jsonb) AS technology
"""  # noqa: S608 - the view's own name

_WHITE_SPOTS: Final = f"SELECT {SCHEMA}.white_spots($1)"


def network(
    operation: "Operation", as_of: str | None, known_at: str | None, level: Level, region: str | None
) -> Awaitable[object]:
    """All indicators at one moment, for the country, one region or one fieldlab."""
    if (level is Level.NATIONAL) != (region is None):
        message = "Give the slug of the hub or fieldlab as region; leave it out at level NATIONAL."
        raise Problem("invalid-input", errors=[FieldError("region", message, "region")])
    leaf = region if level is Level.HUB else None
    known = None if known_at is None else datetime.fromisoformat(known_at)

    async def read(connection: "Connection[Any]") -> dict[str, Any]:
        found = await network_figures(connection, as_of=as_of, known_at=known, leaf=leaf)
        return {
            "as_of": instant_text(found["as_of"]),
            "known_at": instant_text(found["known_at"]),
            "watermark": instant_text(found["watermark"]),
            "settled": found["settled"],
            "position": found["position"],
            "level": level.value,
            "region": region,
            "indicators": [_indicator(each, level, region) for each in found["indicators"]],
        }

    return operation.in_snapshot(read)


def _indicator(found: Mapping[str, Any], level: Level, region: str | None) -> dict[str, Any]:
    leaves: Mapping[str, int | None] = found["leaves"]
    fieldlabs: Mapping[str, int | None] = found["fieldlabs"] or {}
    shown = {
        **found,
        "history_begins": instant_text(found["history_begins"]),
        "national": leaves.get(NATIONAL),
        "unassigned": leaves.get(UNASSIGNED),
        "regions": [{"hub": hub, "count": count} for hub, count in leaves.items() if hub not in {NATIONAL, UNASSIGNED}],
        "fieldlabs": [{"fieldlab": slug, "count": count} for slug, count in fieldlabs.items()],
    }
    if level is not Level.FIELDLAB:
        return shown
    own = fieldlabs.get(str(region), 0) if found["fieldlabs"] is not None and found["known"] else None
    return {
        **shown,
        "total": own,
        "national": None,
        "unassigned": None,
        "regions": [],
        "fieldlabs": [] if found["fieldlabs"] is None else [{"fieldlab": region, "count": own}],
        "overlap": None,
    }


def figures(operation: "Operation", level: Level | None, subject: str | None) -> Awaitable[object]:
    """Published figures, newest of each key first."""
    return operation.read(_FIGURES, level.value if level else None, subject)


def technologies(operation: "Operation") -> Awaitable[object]:
    """The vocabulary with how many fieldlabs name each word."""
    return operation.read(_TECHNOLOGIES, _vocabulary())


def white_spots(operation: "Operation", region: str | None) -> Awaitable[object]:
    """Demand without supply, of the country or of a hub's provinces."""

    def shape(found: dict[str, Any]) -> dict[str, Any]:
        if not found["known"] and region is not None:
            message = "Give the slug of a hub, or leave it out for the country."
            raise Problem("invalid-input", errors=[FieldError("region", message, "region")])
        return {**found, "as_of": instant_text(datetime.fromisoformat(found["as_of"]))}

    return operation.read(_WHITE_SPOTS, region, shape=shape)


@cache
def _vocabulary() -> str:
    return files("schakel_gateway").joinpath("technologies.json").read_text()
