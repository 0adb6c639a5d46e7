"""The permission table, said once more by hand: whoever changes one must change the other."""

from uuid import uuid4

import pytest

from schakel_common.auth import Principal
from schakel_contracts.companies import CompanyState, Member
from schakel_matching.permissions import MAY, Doing, may, roles

CALLERS = {
    # who                 scopes
    "member": frozenset[str](),
    "stranger": frozenset[str](),
    "asking": frozenset[str](),
    "home hub": frozenset({"hub:noord"}),
    "routed hub": frozenset({"hub:oost"}),
    "other hub": frozenset({"hub:zuid"}),
    "fieldlab": frozenset({"fieldlab:las"}),
    "other fieldlab": frozenset({"fieldlab:bak"}),
    "national": frozenset({"national"}),
    "machine": frozenset({"service:schakel-verify"}),
}
READERS = {"member", "home hub", "routed hub", "fieldlab"}
TABLE: dict[Doing, set[str]] = {
    "submit_challenge": {"member"},
    "read_challenge": READERS,
    "correct_challenge": {"member"},
    "withdraw_challenge": {"member"},
    "share_challenge": {"member"},
    "judge_slate": {"home hub", "routed hub"},
    "read_judgements": {"member", "home hub", "routed hub"},
    "request_referral": {"member"},
    "read_messages": READERS,
    "accept": {"fieldlab"},
    "decline": {"fieldlab"},
    "ask": {"fieldlab"},
    "answer": {"member"},
    "withdraw": {"member"},
    "record_outcome": READERS,
}
COMPANY = CompanyState(
    id=uuid4(),
    status="verified",
    home_hub="noord",
    members=[Member(sub="member", status="active"), Member(sub="asking", status="asking")],
)


@pytest.mark.parametrize("doing", list(MAY))
def test_who_may_do_what(doing: Doing) -> None:
    allowed = {
        who
        for who, scopes in CALLERS.items()
        if may(
            doing,
            roles(
                Principal(subject=who, client_id="schakel-portal", scopes=scopes),
                company=COMPANY,
                home_hub="noord",
                routed_hub="oost",
                fieldlabs=["las"],
            ),
        )
    }
    assert allowed == TABLE[doing]


@pytest.mark.parametrize("status", ["merged", "erased"])
def test_a_company_that_is_gone_has_no_members(status: str) -> None:
    gone = CompanyState(id=COMPANY.id, status=status, home_hub="noord", members=COMPANY.members)  # type: ignore[arg-type] # by parametrize
    caller = Principal(subject="member", client_id="schakel-portal", scopes=frozenset())
    assert roles(caller, company=gone, home_hub="noord", routed_hub="noord") == frozenset()


def test_of_an_unknown_company_nobody_is_a_member() -> None:
    caller = Principal(subject="member", client_id="schakel-portal", scopes=frozenset())
    assert roles(caller, company=None, home_hub="noord", routed_hub="noord") == frozenset()
