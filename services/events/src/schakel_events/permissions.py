"""Who may do what: one table, and the functions that say which roles a caller has towards a thing.

An activity or a case belongs to a scope (``national``, ``hub:<slug>``, ``fieldlab:<slug>``); who has that scope may
change it. Scopes do not contain each other.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal

from schakel_common.auth import Principal
from schakel_common.problems import Problem

Role = Literal[
    "signed_in",  # any person with a valid token
    "owner",  # has the scope that organises the activity or owns the case
    "oneself",  # the person of the registration
    "load",  # the loader of the register
]
Action = Literal[
    "plan_activity",
    "change_activity",
    "cancel_activity",
    "record_held_activity",
    "register_for_activity",
    "cancel_registration",
    "read_registration",
    "publish_case",
    "change_case",
    "withdraw_case",
]

MAY: Final[Mapping[Action, frozenset[Role]]] = MappingProxyType(
    {
        "plan_activity": frozenset({"owner"}),
        "change_activity": frozenset({"owner", "load"}),
        "cancel_activity": frozenset({"owner"}),
        "record_held_activity": frozenset({"load"}),
        "register_for_activity": frozenset({"signed_in"}),
        "cancel_registration": frozenset({"oneself", "owner"}),
        "read_registration": frozenset({"oneself", "owner"}),
        "publish_case": frozenset({"owner", "load"}),
        "change_case": frozenset({"owner", "load"}),
        "withdraw_case": frozenset({"owner"}),
    }
)

LOAD_SCOPE: Final = "service:schakel-load"
"""Only the process that loads the register has it; no token can carry it."""


def demand(action: Action, roles: Collection[Role]) -> None:
    """Raise the problem ``forbidden`` unless one of the roles may do it."""
    if MAY[action].isdisjoint(roles):
        raise Problem("forbidden")


def roles_of(principal: Principal, *, owner: str = "", sub: str | None = None) -> frozenset[Role]:
    """Return a caller's roles.

    Args:
        principal: who asks.
        owner: the scope that organises the activity or owns the case.
        sub: the subject of the registration.
    """
    held: dict[Role, bool] = {
        "signed_in": not any(scope.startswith("service:") for scope in principal.scopes),
        "owner": owner in principal.scopes,
        "oneself": sub is not None and principal.subject == sub,
        "load": LOAD_SCOPE in principal.scopes,
    }
    return frozenset(role for role, has in held.items() if has)
