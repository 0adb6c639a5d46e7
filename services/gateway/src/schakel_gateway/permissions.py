"""Who sees what of the network view: one table, from which row-level security is generated and by which it is tested.

Scopes do not contain each other. National sees figures of everything and rows of what is public or the register's;
the words of a company are in no row of the view at all.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

READER: Final = "schakel_gateway_reader"
"""The role that every read of the gateway becomes; it owns nothing and cannot log in."""

Scope = Literal["public", "signed in", "company", "fieldlab", "hub", "national"]

EVERY: Final = "true"

# Short words for the predicates. A sub-select that does not refer to the row is evaluated once per statement.
MINE: Final = "company_id = ANY ((SELECT my_companies())::uuid[])"
MY_HUB: Final = "home_hub = ANY ((SELECT slugs_of('hub'))::text[])"
MY_DESK: Final = (
    "(home_hub = ANY ((SELECT slugs_of('hub'))::text[]) OR routed_hub = ANY ((SELECT slugs_of('hub'))::text[]))"
)
MY_REGION: Final = "(home_hub = ANY ((SELECT slugs_of('hub'))::text[]) OR hubs ?| (SELECT slugs_of('hub'))::text[])"
ASKED_OF_ME: Final = "fieldlab = ANY ((SELECT slugs_of('fieldlab'))::text[])"
ORGANISED_BY_ME: Final = (
    "EXISTS (SELECT FROM activities AS a WHERE a.id = activity_id AND a.organiser = ANY ((SELECT scopes())::text[]))"
)

PERMISSIONS: Final[Mapping[str, Mapping[Scope, str]]] = MappingProxyType(
    {
        "hubs": {"public": EVERY},
        "fieldlabs": {"public": "published", "national": EVERY},
        "figures": {"public": EVERY},
        "activities": {"public": EVERY},
        "cases": {"public": EVERY},
        "companies": {
            "company": "id = ANY ((SELECT my_companies())::uuid[])",
            "fieldlab": "EXISTS (SELECT FROM referrals AS r WHERE r.company_id = companies.id AND r."
            + ASKED_OF_ME
            + " AND r.status NOT IN ('withdrawn', 'erased'))",
            "hub": MY_REGION,
            "national": EVERY,
        },
        "company_members": {
            "signed in": "sub = (SELECT subject())",
            "company": MINE,
            "hub": "EXISTS (SELECT FROM companies AS c WHERE c.id = company_id AND c." + MY_HUB + ")",
        },
        "challenges": {
            "company": MINE,
            "fieldlab": "EXISTS (SELECT FROM referrals AS r WHERE r.challenge_id = challenges.id AND r."
            + ASKED_OF_ME
            + " AND r.status NOT IN ('withdrawn', 'erased'))",
            "hub": MY_DESK,
        },
        "referrals": {"company": MINE, "fieldlab": ASKED_OF_ME, "hub": MY_DESK},
        "registrations": {
            "signed in": "sub = (SELECT subject())",
            "fieldlab": ORGANISED_BY_ME,
            "hub": ORGANISED_BY_ME,
            "national": ORGANISED_BY_ME,
        },
        "history": {},
    }
)
"""Table to scope to the rows that the scope sees; what is not named is not seen."""

_HOLDS: Final[Mapping[Scope, str]] = MappingProxyType(
    {
        "public": EVERY,
        "signed in": "(SELECT subject()) IS NOT NULL",
        "company": "(SELECT subject()) IS NOT NULL",
        "fieldlab": "cardinality((SELECT slugs_of('fieldlab'))) > 0",
        "hub": "cardinality((SELECT slugs_of('hub'))) > 0",
        "national": "'national' = ANY ((SELECT scopes())::text[])",
    }
)

READABLE_BY_ALL: Final = ("indicator", "view_position", "heartbeat", "topic_offset", "halted")
"""Tables about the view itself; they name no company but by an opaque id."""


def policies() -> list[str]:
    """Return the statements that put the permission table into force in the schema at the head of the search path.

    They can be run again: a policy that exists is replaced. Row-level security is forced, so the owner, which projects,
    needs its own policy too; unset settings give no rows of private tables.
    """
    statements = [_DROP_ALL]
    for table, cells in PERMISSIONS.items():
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY projector ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
            f"GRANT SELECT ON {table} TO {READER}",
        ]
        for scope, predicate in cells.items():
            name = scope.replace(" ", "_")
            condition = predicate if _HOLDS[scope] == EVERY else f"{_HOLDS[scope]} AND ({predicate})"
            statements.append(f"CREATE POLICY {name} ON {table} FOR SELECT TO {READER} USING ({condition})")
    statements.append(f"CREATE POLICY as_the_row_now ON history FOR SELECT TO {READER} USING ({_history()})")
    statements += [f"GRANT SELECT ON {table} TO {READER}" for table in READABLE_BY_ALL]
    return statements


def _history() -> str:
    """A past version is seen by who sees the aggregate now; an unpublished version of a fieldlab stays national."""
    branches = []
    for table, kind in KIND_OF_TABLE.items():
        seen = f"EXISTS (SELECT FROM {table} AS n WHERE n.id = history.id)"
        if table == "fieldlabs":
            seen += f" AND ((state ->> 'published')::boolean OR {_HOLDS['national']})"
        branches.append(f"WHEN '{kind}' THEN {seen}")
    return "CASE kind " + " ".join(branches) + " ELSE false END"


KIND_OF_TABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hubs": "hub",
        "fieldlabs": "fieldlab",
        "companies": "company",
        "figures": "figure",
        "challenges": "challenge",
        "referrals": "referral",
        "activities": "activity",
        "registrations": "registration",
        "cases": "case",
    }
)
"""The table that holds each kind's current rows."""

_DROP_ALL: Final = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = current_schema() LOOP
        EXECUTE format('DROP POLICY %I ON %I', found.policyname, found.tablename);
    END LOOP;
END
$$
"""
