import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from schakel_portal.graphql import Answer, GatewayUnavailable, Refused, SignInRefused, _read, operations, result_of
from schakel_portal.settings import PACKAGE

SCHEMA = build_schema((Path(__file__).parents[2] / "gateway" / "schema.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(operations()))
def test_each_operation_is_valid_against_the_schema_of_the_gateway(name: str) -> None:
    assert [error.message for error in validate(SCHEMA, parse(operations()[name]))] == []


def test_each_operation_is_used_and_each_one_used_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'"(\w+)"', code))
    assert set(operations()) <= named


def test_a_payload_with_a_problem_is_a_refusal_with_its_fields() -> None:
    problem = {
        "code": "invalid-input",
        "title": "English",
        "titleNl": "Nederlands",
        "errors": [{"field": "contact.name", "code": "required", "message": "Fill in."}],
    }
    with pytest.raises(Refused) as refused:
        result_of(Answer({"registerCompany": {"company": None, "token": None, "problem": problem}}))
    assert refused.value.code == "invalid-input"
    assert [(each.field, each.code) for each in refused.value.errors] == [("contact.name", "required")]


def test_a_payload_without_one_is_the_thing_and_its_token() -> None:
    answer = Answer({"createDraft": {"draft": {"id": "d1"}, "token": "t1", "problem": None}})
    assert result_of(answer) == ({"id": "d1"}, "t1")


def test_what_the_gateway_refuses_as_such_is_told_apart() -> None:
    with pytest.raises(SignInRefused):
        _read("me", 401, {"type": "https://schakel.smartindustry.nl/problems/token-refused"})
    with pytest.raises(Refused, match="too-many-requests"):
        _read("me", 429, {"type": "https://schakel.smartindustry.nl/problems/too-many-requests"})
    with pytest.raises(Refused, match="forbidden"):
        _read("hubDesk", 200, {"data": None, "errors": [{"message": "no", "extensions": {"code": "forbidden"}}]})
    with pytest.raises(GatewayUnavailable):
        _read("me", 200, {"data": None, "errors": [{"message": "oops", "extensions": {"code": "internal-error"}}]})
    with pytest.raises(GatewayUnavailable):
        _read("me", 200, {"data": {"me": None}, "errors": [{"message": "half an answer"}]})
