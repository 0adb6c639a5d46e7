"""How large an operation may be, and that what is refused costs no statement; caches that hit with every limit on."""

import time
from typing import Any

import graphql
import pytest
from gateway_world import Client, Owner
from strawberry.schema.schema import validate_document

from schakel_gateway import cost, limits, pipeline
from schakel_gateway.operation import Operation
from schakel_gateway.schema.schema import build_schema

pytestmark = pytest.mark.postgres


@pytest.fixture
def no_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when anything reaches the view."""

    def refuse(*_: object) -> object:
        raise AssertionError("a refused operation reached the view")

    monkeypatch.setattr(Operation, "in_snapshot", refuse)


def nested(times: int) -> str:
    """A question that goes down and up again, as deep as asked."""
    inner = "id"
    for _ in range(times):
        inner = f"challenge {{ referrals {{ {inner} }} }}"
    return f"{{ myReferrals {{ {inner} }} }}"


FRAGMENTS = " ".join(f"fragment F{n} on Referral {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))

DEEP_FRAGMENTS = """{ myReferrals { ...A } }
    fragment A on Referral { challenge { referrals { challenge { referrals { ...B } } } } }
    fragment B on Referral { challenge { referrals { challenge { referrals { challenge { referrals { id } } } } } } }"""

REFUSED: dict[str, tuple[str, str]] = {
    "depth": (nested(5), "Nested deeper than 10 fields."),
    "depth in fragments": (DEEP_FRAGMENTS, "Nested deeper than 10 fields."),
    "aliases": ("{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }", "More than 15 aliases."),
    "directives": (
        "{ " + " ".join("__typename @include(if: true)" for _ in range(21)) + " }",
        "More than 20 directives.",
    ),
    "the same field 5000 times": ("{ " + "__typename " * 5000 + "}", "Document contains more than 1000 tokens"),
    "an alias 5000 times": (
        "{ " + " ".join(f"a{n}: __typename" for n in range(5000)) + " }",
        "Document contains more than 1000 tokens",
    ),
    "a directive 10000 times": (
        "{ __typename " + "@skip(if: false) " * 10000 + "}",
        "Document contains more than 1000 tokens",
    ),
    "fragments in a circle": (
        "{ myReferrals { ...A } } fragment A on Referral { ...B } fragment B on Referral { ...A }",
        "Cannot spread fragment",
    ),
    "brackets without end": ("{ a" * 400, "Syntax Error"),
    "brackets": ("{ a " * 240 + "}" * 240, ""),
    "not GraphQL": ("DROP TABLE fieldlabs;", "Syntax Error"),
    "an unknown field": ("{ password }", "Cannot query field"),
    "no selection": ("{ hubs }", "must have a selection of subfields"),
    "a number too large": ("{ fieldlabs(first: 99999999999) { totalCount } }", "Int cannot represent"),
    "a text for a number": ('{ fieldlabs(first: "1") { totalCount } }', "Int cannot represent"),
}


@pytest.mark.usefixtures("no_statement")
@pytest.mark.parametrize(("query", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_it_is_refused_by_its_text(client: Client, query: str, message: str) -> None:
    begun = time.monotonic()
    answer = await client.ask(query, subject="anna")
    assert time.monotonic() - begun < 3
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "invalid-query"
    assert any(message in error["message"] for error in answer["errors"]), answer


@pytest.mark.usefixtures("no_statement")
async def test_fragments_that_double_are_counted_in_no_time(client: Client) -> None:
    query = f"{{ myReferrals {{ ...F0 }} }} {FRAGMENTS} fragment F60 on Referral {{ challenge {{ id }} }}"
    begun = time.monotonic()
    answer = await client.ask(query[:6000], subject="anna")
    assert time.monotonic() - begun < 3
    assert answer["data"] is None


PAGE = "`first` must be 1 to 100."
LISTS_IN_LISTS = """{ myChallenges { referrals { challenge { referrals { challenge { referrals { challenge { referrals
    { id } } } } } } } } }"""
COSTLY: dict[str, tuple[str, dict[str, Any] | None, str, str]] = {
    "a page of a million": ("{ fieldlabs(first: 1000000) { totalCount } }", None, "invalid-input", PAGE),
    "a page of a million in a variable": (
        "query P($n: Int!) { fieldlabs(first: $n) { totalCount } }",
        {"n": 1_000_000},
        "invalid-input",
        PAGE,
    ),
    "a page of none": ("{ cases(first: 0) { totalCount } }", None, "invalid-input", PAGE),
    "a page below none": ("{ activities(first: -1) { totalCount } }", None, "invalid-input", PAGE),
    "a default of a million": (
        "query P($n: Int! = 1000000) { fieldlabs(first: $n) { totalCount } }",
        None,
        "invalid-input",
        PAGE,
    ),
    "lists in lists": (
        LISTS_IN_LISTS,
        None,
        "too-costly",
        "This asks for up to 4690 objects",
    ),
    "many roots": (
        "{ " + " ".join(f"f{n}: fieldlabs(first: 100) {{ nodes {{ slug }} }}" for n in range(10)) + " }",
        None,
        "too-costly",
        "This asks for up to 1110 objects",
    ),
}


@pytest.mark.usefixtures("no_statement")
@pytest.mark.parametrize(("query", "variables", "code", "message"), COSTLY.values(), ids=COSTLY.keys())
async def test_it_is_refused_for_what_it_could_cost(
    client: Client, query: str, variables: dict[str, Any] | None, code: str, message: str
) -> None:
    answer = await client.ask(query, variables, subject="anna")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == code
    assert answer["errors"][0]["message"].startswith(message), answer


async def test_the_largest_page_of_the_portal_is_allowed(client: Client) -> None:
    query = """query L($n: Int!) { fieldlabs(first: $n) { totalCount pageInfo { endCursor }
        nodes { slug name recognition { status } confirmed { on by } themes } } hubs { slug nameNl } }"""
    answer = await client.ask(query, {"n": 100})
    assert answer["data"]["fieldlabs"]["totalCount"] == 2


async def test_two_identical_requests_are_parsed_and_validated_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every limit is on; the counters are those of the real functions, so a cache that never hits is seen."""
    counted = {"parse": 0, "validate": 0, "price": 0}

    def counting(name: str, real: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            counted[name] += 1
            return real(*arguments, **more)

        return call

    monkeypatch.setattr(limits, "parse", counting("parse", graphql.parse))
    monkeypatch.setattr(limits, "validate_document", counting("validate", validate_document))
    monkeypatch.setattr(cost, "_operation", counting("price", cost._operation))
    query = "query Twice($n: Int!) { fieldlabs(first: $n) { nodes { slug } } hubs { slug } }"
    first = await client.ask(query, {"n": 5})
    for subject in (None, "anna"):
        again = await client.ask(query, {"n": 5}, subject=subject)
        assert again["data"] == first["data"]
    assert counted == {"parse": 1, "validate": 1, "price": 1}
    await client.ask(query, {"n": 6})
    assert counted == {"parse": 1, "validate": 1, "price": 2}
    await client.ask(query, {"n": 101})
    assert counted == {"parse": 1, "validate": 1, "price": 3}


async def test_a_cache_holds_no_answer_of_another_caller(client: Client, owners: dict[str, Owner]) -> None:
    query = "{ me { subject } myReferrals { id } }"
    assert len((await client.ask(query, subject="anna"))["data"]["myReferrals"]) == 1
    assert (await client.ask(query, subject="bob"))["data"] == {"me": {"subject": "bob"}, "myReferrals": []}
    assert (await client.ask(query))["data"] is None
    assert owners["registry"].requests == []


def test_the_pipeline_is_the_only_extension_and_makes_no_rule() -> None:
    schema = build_schema()
    assert [type(extension) for extension in schema.get_extensions()] == [pipeline.Pipeline]
    assert set(limits.CLOSED_RULES) - set(limits.OPEN_RULES) == {graphql.NoSchemaIntrospectionCustomRule}
    assert {limits.CountRule, limits.DepthRule} <= set(limits.OPEN_RULES)
