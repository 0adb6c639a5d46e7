"""Who may do what: one table, and the functions that say which roles a caller has towards a thing.

A scope is ``national``, ``hub:<slug>`` or ``fieldlab:<slug>``; scopes do not contain each other. Membership of a
company is this service's own data, so it works the moment after it changed.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from schakel_common.auth import Principal
from schakel_common.problems import Problem

Role = Literal[
    "signed_in",  # any person with a valid token
    "member",  # active member of the company
    "home_hub",  # hub of the company's primary establishment
    "establishment_hub",  # hub of any of its establishments
    "referred_fieldlab",  # a fieldlab that was asked for an introduction to the company, and still is
    "fieldlab",  # the fieldlab itself
    "fieldlab_hub",  # the hub of its region
    "national",  # the national team
    "load",  # the loader of the register
]

Action = Literal[
    "register_company",
    "ask_to_join",
    "accept_member",
    "remove_member",
    "verify_company",
    "change_company",
    "add_establishment",
    "move_company",
    "merge_company",
    "erase_company",
    "read_company",
    "read_asking",
    "register_fieldlab",
    "change_fieldlab",
    "confirm_fieldlab",
    "step_fieldlab",
    "recognise_fieldlab",
    "read_unpublished",
    "register_hub",
    "publish_figure",
]

MAY: Final[Mapping[Action, frozenset[Role]]] = MappingProxyType(
    {
        "register_company": frozenset({"signed_in"}),
        "ask_to_join": frozenset({"signed_in"}),
        "accept_member": frozenset({"member", "home_hub"}),
        "remove_member": frozenset({"member", "home_hub"}),
        "verify_company": frozenset({"home_hub"}),
        "change_company": frozenset({"member"}),
        "add_establishment": frozenset({"member"}),
        "move_company": frozenset({"member"}),
        "merge_company": frozenset({"home_hub", "national"}),
        "erase_company": frozenset({"member", "home_hub"}),
        "read_company": frozenset({"member", "home_hub", "establishment_hub", "referred_fieldlab"}),
        "read_asking": frozenset({"member", "home_hub"}),
        "register_fieldlab": frozenset({"national", "load"}),
        "change_fieldlab": frozenset({"fieldlab", "fieldlab_hub", "national", "load"}),
        "confirm_fieldlab": frozenset({"fieldlab", "fieldlab_hub", "national"}),
        "step_fieldlab": frozenset({"fieldlab", "fieldlab_hub", "national", "load"}),
        "recognise_fieldlab": frozenset({"national", "load"}),
        "read_unpublished": frozenset({"national"}),
        "register_hub": frozenset({"load"}),
        "publish_figure": frozenset({"national", "load"}),
    }
)

LOAD_SCOPE: Final = "service:schakel-load"
"""Only the process that loads the register has it; no token can carry it (the client has no secret in any realm)."""


def demand(action: Action, roles: Collection[Role]) -> None:
    """Raise the problem ``forbidden`` unless one of the roles may do it."""
    if MAY[action].isdisjoint(roles):
        raise Problem("forbidden")


def general_roles(principal: Principal) -> frozenset[Role]:
    """Return the roles that a caller has towards everything."""
    person = not any(scope.startswith("service:") for scope in principal.scopes)
    return _when(
        {"signed_in": person, "national": "national" in principal.scopes, "load": LOAD_SCOPE in principal.scopes}
    )


def fieldlab_roles(principal: Principal, *, slug: str, hub: str) -> frozenset[Role]:
    """Return a caller's roles towards a fieldlab and the hub of its region."""
    scopes = principal.scopes
    return general_roles(principal) | _when(
        {"fieldlab": f"fieldlab:{slug}" in scopes, "fieldlab_hub": f"hub:{hub}" in scopes}
    )


def company_roles(
    principal: Principal, *, members: Collection[str], home_hub: str, hubs: Iterable[str], fieldlabs: Iterable[str] = ()
) -> frozenset[Role]:
    """Return a caller's roles towards a company.

    Args:
        principal: who asks.
        members: subjects of the active members.
        home_hub: hub of the primary establishment.
        hubs: hubs of all establishments.
        fieldlabs: slugs of the fieldlabs with a referral of this company that was not withdrawn.
    """
    scopes = principal.scopes
    return general_roles(principal) | _when(
        {
            "member": principal.subject in members,
            "home_hub": f"hub:{home_hub}" in scopes,
            "establishment_hub": any(f"hub:{hub}" in scopes for hub in hubs),
            "referred_fieldlab": any(f"fieldlab:{slug}" in scopes for slug in fieldlabs),
        }
    )


def _when(roles: dict[Role, bool]) -> frozenset[Role]:
    return frozenset(role for role, held in roles.items() if held)
