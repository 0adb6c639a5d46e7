"""Who may do what with a need and an introduction: one table, tested as a table.

A role is what somebody is to this record; scopes do not contain each other. Membership comes from this service's copy
of the register, never from the token.
"""

from collections.abc import Iterable
from typing import Final, Literal

from schakel_common.auth import Principal
from schakel_common.problems import Problem
from schakel_contracts.companies import CompanyState

Role = Literal["member", "home_hub", "routed_hub", "fieldlab"]
"""Active member of the company; desk of its home hub; desk of the hub it is routed to; the fieldlab that is asked."""

Doing = Literal[
    "submit_challenge",
    "read_challenge",
    "correct_challenge",
    "withdraw_challenge",
    "share_challenge",
    "judge_slate",
    "read_judgements",
    "request_referral",
    "read_messages",
    "accept",
    "decline",
    "ask",
    "answer",
    "withdraw",
    "record_outcome",
]

# fmt: off
MAY: Final[dict[Doing, frozenset[Role]]] = {
    "submit_challenge":   frozenset({"member"}),
    "read_challenge":     frozenset({"member", "home_hub", "routed_hub", "fieldlab"}),
    "correct_challenge":  frozenset({"member"}),
    "withdraw_challenge": frozenset({"member"}),
    "share_challenge":    frozenset({"member"}),
    "judge_slate":        frozenset({"home_hub", "routed_hub"}),
    "read_judgements":    frozenset({"member", "home_hub", "routed_hub"}),
    "request_referral":   frozenset({"member"}),
    "read_messages":      frozenset({"member", "home_hub", "routed_hub", "fieldlab"}),
    "accept":             frozenset({"fieldlab"}),
    "decline":            frozenset({"fieldlab"}),
    "ask":                frozenset({"fieldlab"}),
    "answer":             frozenset({"member"}),
    "withdraw":           frozenset({"member"}),
    "record_outcome":     frozenset({"member", "home_hub", "routed_hub", "fieldlab"}),
}
# fmt: on
"""The national team is in no row: it reads figures, not a company's texts. Nor is a fieldlab's own hub."""


def roles(
    principal: Principal, *, company: CompanyState | None, home_hub: str, routed_hub: str, fieldlabs: Iterable[str] = ()
) -> frozenset[Role]:
    """Return what the caller is to a record.

    Args:
        principal: the caller.
        company: the company, as this service knows it now; None when unseen or erased.
        home_hub: of the record, as it was attributed.
        routed_hub: of the record.
        fieldlabs: slugs of the fieldlabs that take part in it: the one asked, or all with a live introduction.
    """
    found: set[Role] = set()
    if company is not None and is_member(principal, company):
        found.add("member")
    if principal.has(f"hub:{home_hub}"):
        found.add("home_hub")
    if principal.has(f"hub:{routed_hub}"):
        found.add("routed_hub")
    if any(principal.has(f"fieldlab:{slug}") for slug in fieldlabs):
        found.add("fieldlab")
    return frozenset(found)


def is_member(principal: Principal, company: CompanyState) -> bool:
    """Whether the caller is an active member of a company that is still there."""
    if company.status in {"erased", "merged"}:
        return False
    return any(m.sub == principal.subject and m.status == "active" for m in company.members)


def may(doing: Doing, found: frozenset[Role]) -> bool:
    """Whether one of these roles may do this."""
    return not MAY[doing].isdisjoint(found)


def demand(doing: Doing, found: frozenset[Role]) -> None:
    """Raise Problem ``forbidden`` unless one of these roles may do this."""
    if not may(doing, found):
        raise Problem("forbidden")
