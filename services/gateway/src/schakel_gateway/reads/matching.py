"""Challenges and introductions, with what belongs to them."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import orjson

from schakel_gateway.reads.ids import id_or_none, nothing
from schakel_gateway.reads.pages import decode_cursor, page_of
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

    from schakel_gateway.operation import Operation

_FIELDLAB: Final = f"""(
    SELECT f.state || jsonb_build_object('version', f.version) FROM {SCHEMA}.fieldlabs AS f WHERE f.id = r.fieldlab_id
)"""  # noqa: S608 - the view's own name

_COMPANY: Final = f"""(
    SELECT c.state || jsonb_build_object('version', c.version) FROM {SCHEMA}.companies AS c WHERE c.id = x.company_id
)"""  # noqa: S608 - the view's own name

# A referral r alone: its fieldlab is a state of its own, so the slug that the event carries moves to `fieldlab_slug`.
_REFERRAL: Final = f"""
r.state || jsonb_build_object('version', r.version, 'fieldlab_slug', r.fieldlab, 'fieldlab', {_FIELDLAB})
"""

# A challenge x with the referrals on it that the caller may see.
_CHALLENGE: Final = f"""
x.state || jsonb_build_object(
    'version', x.version,
    'slate', x.state -> 'matches',
    'news', CASE WHEN jsonb_typeof(x.state -> 'news') = 'object' THEN jsonb_build_object(
        'on', x.state -> 'news' -> 'on',
        'fieldlabs', (
            SELECT jsonb_agg(n || jsonb_build_object(
                'fieldlab_name', coalesce(
                    (SELECT f.state ->> 'name' FROM {SCHEMA}.fieldlabs AS f WHERE f.slug = n ->> 'fieldlab'),
                    n ->> 'fieldlab'
                )
            )) FROM jsonb_array_elements(x.state -> 'news' -> 'fieldlabs') AS n
        )
    ) END,
    'shared', coalesce((x.state ->> 'shared')::boolean, false),
    'company', {_COMPANY},
    'referrals', coalesce((
        SELECT jsonb_agg({_REFERRAL} ORDER BY r.requested_at DESC, r.id)
        FROM {SCHEMA}.referrals AS r WHERE r.challenge_id = x.id
    ), '[]')
)
"""  # noqa: S608 - the view's own name

# A referral with its company and its challenge.
_INTRODUCTION: Final = f"""
{_REFERRAL} || jsonb_build_object(
    'company', {_COMPANY.replace("x.company_id", "r.company_id")},
    'challenge', (SELECT {_CHALLENGE} FROM {SCHEMA}.challenges AS x WHERE x.id = r.challenge_id)
)
"""  # noqa: S608 - the view's own name

_ONE_CHALLENGE: Final = f"SELECT {_CHALLENGE} FROM {SCHEMA}.challenges AS x WHERE x.id = $1"  # noqa: S608 - the view's own name

_MY_CHALLENGES: Final = f"""
SELECT coalesce(json_agg({_CHALLENGE} ORDER BY x.submitted_on DESC, x.recorded_at DESC, x.id), '[]')
FROM {SCHEMA}.challenges AS x WHERE x.company_id = ANY ({SCHEMA}.my_companies())
"""  # noqa: S608 - the view's own name

_ONE_REFERRAL: Final = f"SELECT {_INTRODUCTION} FROM {SCHEMA}.referrals AS r WHERE r.id = $1"  # noqa: S608 - the view's own name

_MY_REFERRALS: Final = f"""
SELECT coalesce(json_agg({_INTRODUCTION} ORDER BY r.requested_at DESC, r.id), '[]')
FROM {SCHEMA}.referrals AS r WHERE r.company_id = ANY ({SCHEMA}.my_companies())
"""  # noqa: S608 - the view's own name

_NEWER: Final = f"""
SELECT json_build_object(
    'position', (SELECT position FROM {SCHEMA}.view_position),
    'referrals', (
        SELECT json_agg({_INTRODUCTION} ORDER BY r.position, r.id) FROM {SCHEMA}.referrals AS r
        WHERE r.position > $1 AND r.company_id = ANY ({SCHEMA}.my_companies())
    )
)
"""  # noqa: S608 - the view's own name

_PAGE_OF_REFERRALS: Final = f"""
json_build_object(
    'total_count', (SELECT count(*) FROM {SCHEMA}.referrals AS r WHERE {{which}}),
    'rows', (
        SELECT json_agg(json_build_object('key', json_build_array(requested_at, id), 'node', node))
        FROM (
            SELECT r.requested_at, r.id, {_INTRODUCTION} AS node FROM {SCHEMA}.referrals AS r
            WHERE {{which}} AND ($2::text IS NULL OR (r.requested_at, r.id) < ($2, $3::uuid))
            ORDER BY r.requested_at DESC, r.id DESC LIMIT $4
        ) AS page
    )
)
"""  # noqa: S608 - the view's own name

_INBOX: Final = "SELECT " + _PAGE_OF_REFERRALS.format(which="r.fieldlab = $1 AND r.status <> 'erased'")

_OPEN: Final = "('requested', 'question', 'accepted')"
_AT_DESK: Final = "(r.home_hub = $1 OR r.routed_hub = $1) AND r.status <> 'erased'"
_TO_VERIFY: Final = "c.home_hub = $1 AND c.status = 'unverified'"

_DESK: Final = f"""
SELECT json_build_object(
    'hub', $1::text,
    'requests', {_PAGE_OF_REFERRALS.format(which=_AT_DESK)},
    'challenges', (
        SELECT coalesce(json_agg({_CHALLENGE} ORDER BY x.submitted_on DESC, x.recorded_at DESC, x.id), '[]')
        FROM (
            SELECT * FROM {SCHEMA}.challenges AS c WHERE (c.home_hub = $1 OR c.routed_hub = $1) AND c.status = 'open'
            ORDER BY c.submitted_on DESC, c.recorded_at DESC, c.id LIMIT 50
        ) AS x
    ),
    'companies_to_verify', (
        SELECT coalesce(json_agg(c.state || jsonb_build_object('version', c.version)), '[]')
        FROM (SELECT * FROM {SCHEMA}.companies AS c WHERE {_TO_VERIFY} ORDER BY c.recorded_at, c.id LIMIT 100) AS c
    ),
    'counts', (
        SELECT json_build_object(
            'open', count(*) FILTER (WHERE r.status IN {_OPEN}),
            'waiting_on_fieldlab', count(*) FILTER (WHERE r.waiting_on = 'fieldlab'),
            'waiting_on_company', count(*) FILTER (WHERE r.waiting_on = 'company'),
            'waiting_on_hub', count(*) FILTER (WHERE r.waiting_on = 'hub'),
            'overdue', count(*) FILTER (WHERE r.status IN {_OPEN} AND r.due_on < $5),
            'completed', count(*) FILTER (WHERE r.status = 'completed'),
            'companies_to_verify', (SELECT count(*) FROM {SCHEMA}.companies AS c WHERE {_TO_VERIFY})
        ) FROM {SCHEMA}.referrals AS r WHERE {_AT_DESK}
    )
)
"""  # noqa: S608 - the view's own name


def challenge(operation: "Operation", challenge_id: str) -> Awaitable[object]:
    """A challenge that the caller may see."""
    wanted = id_or_none(challenge_id)
    return operation.read(_ONE_CHALLENGE, wanted, shape=linked) if wanted else nothing()


def my_challenges(operation: "Operation") -> Awaitable[object]:
    """The challenges of the caller's companies, newest first."""
    return operation.read(_MY_CHALLENGES, shape=lambda found: [linked(each) for each in found])


def referral(operation: "Operation", referral_id: str) -> Awaitable[object]:
    """An introduction that the caller may see."""
    wanted = id_or_none(referral_id)
    return operation.read(_ONE_REFERRAL, wanted, shape=introduced) if wanted else nothing()


def my_referrals(operation: "Operation") -> Awaitable[object]:
    """The introductions of the caller's companies, newest first."""
    return operation.read(_MY_REFERRALS, shape=lambda found: [introduced(each) for each in found])


def fieldlab_inbox(operation: "Operation", fieldlab: str, first: int, after: str | None) -> Awaitable[object]:
    """What is asked of a fieldlab, newest first."""
    requested_at, last_id = decode_cursor(after, 2)
    return operation.read(_INBOX, fieldlab, requested_at, last_id, first + 1, shape=lambda found: _page(found, first))


def hub_desk(operation: "Operation", hub: str, first: int, after: str | None) -> Awaitable[object]:
    """All that lies on the desk of a hub."""
    requested_at, last_id = decode_cursor(after, 2)
    today = datetime.now(ZoneInfo("Europe/Amsterdam")).date().isoformat()

    def shape(found: dict[str, Any]) -> dict[str, Any]:
        challenges = [linked(each) for each in found["challenges"]]
        return {**found, "requests": _page(found["requests"], first), "challenges": challenges}

    return operation.read(_DESK, hub, requested_at, last_id, first + 1, today, shape=shape)


async def position_now(connection: "Connection[Any]") -> int:
    """Where the view stands."""
    position: int = await connection.fetchval(f"SELECT position FROM {SCHEMA}.view_position")  # noqa: S608 - the view's own name
    return position


def newer_referrals(
    after: int,
) -> "Callable[[Connection[Any]], Coroutine[Any, Any, tuple[int, list[dict[str, Any]]]]]":
    """Return what reads the caller's introductions that changed after a position, and where the view stands now."""

    async def read(connection: "Connection[Any]") -> tuple[int, list[dict[str, Any]]]:
        found = orjson.loads(await connection.fetchval(_NEWER, after))
        return found["position"], [introduced(each) for each in found["referrals"] or []]

    return read


def _page(found: dict[str, Any], first: int) -> dict[str, Any]:
    page = page_of(first)(found)
    page["nodes"] = [introduced(node) for node in page["nodes"]]
    return page


def linked(found: dict[str, Any]) -> dict[str, Any]:
    """Let the referrals of a challenge point back at it, so that a question may go up as well as down."""
    for each in found["referrals"]:
        each["challenge"] = found
        each["company"] = found["company"]
    return found


def introduced(found: dict[str, Any]) -> dict[str, Any]:
    """Link the challenge of an introduction, where the caller may see it."""
    if found["challenge"] is not None:
        linked(found["challenge"])
    return found
