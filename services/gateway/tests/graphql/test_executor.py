"""The shortcut for plain leaves gives what graphql-core gives, also where a value is missing or wrong."""

from typing import Any

import pytest
from gateway_world import Client, Owner
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schakel_gateway.executor import LEAF
from schakel_gateway.schema.schema import GatewaySchema, build_schema

pytestmark = pytest.mark.postgres

QUERIES = (
    (
        "{ fieldlabs { totalCount nodes { __typename id slug name status recognition { status on } latitude themes"
        " trlMin published confirmed { on } capacity } pageInfo { hasNextPage endCursor } } }"
    ),
    "{ a: hubs { ...H other: slug @include(if: false) } } fragment H on Hub { slug kind provinces website version }",
    "{ activities { nodes { startsAt datePrecision mode capacity myRegistration { status registeredAt } } } }",
    (
        "{ myReferrals { id version status waitingOn answeredAt outcome company { status sizeClass name privateState }"
        " challenge { slate { score rank } text } } }"
    ),
    "{ technologies { key nameNl fieldlabs } figures { value asOf level } me { subject scopes } }",
)


def schemas() -> tuple[GatewaySchema, GatewaySchema]:
    fast, slow = build_schema(), build_schema()
    slow.execution_context_class = StrawberryGraphQLCoreExecutionContext
    return fast, slow


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("subject", [None, "anna"])
async def test_the_answers_are_equal(
    client: Client, owners: dict[str, Owner], query: str, subject: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners["registry"].private("/v1/private/companies", lambda _: {"name": "Bakker", "contacts": []})
    endpoint = next(route.endpoint for route in client.app.router.routes if getattr(route, "path", "") == "/graphql")  # type: ignore[attr-defined] # a Route
    answers: list[dict[str, Any]] = []
    for schema in schemas():
        monkeypatch.setattr(endpoint, "schema", schema)
        answer = await client.ask(query, subject=subject)
        for error in answer.get("errors", []):
            error["extensions"].pop("traceId")
        answer.get("extensions", {}).get("snapshot", {}).pop("asOf", None)
        answers.append(answer)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": None},
        {"slug": 5},
        {"status": "unheard-of"},
        {"version": "x"},
        {"version": 2**40},
        {"published": "yes"},
        {"latitude": "north"},
        {"latitude": 52},
        {"place": None},
        {"place": ["a"]},
        {"place": {"a": 1}},
        {"themes": None},
    ],
)
async def test_missing_and_wrong_values_give_the_same_error(
    client: Client, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"slug": "a", "version": 1, "status": "active", "published": True, "themes": []} | changes

    async def given(*_: object, **__: object) -> dict[str, Any]:
        return row

    monkeypatch.setattr("schakel_gateway.reads.fieldlabs.one", given)
    endpoint = next(route.endpoint for route in client.app.router.routes if getattr(route, "path", "") == "/graphql")  # type: ignore[attr-defined] # a Route
    answers = []
    for schema in schemas():
        monkeypatch.setattr(endpoint, "schema", schema)
        answer = await client.ask('{ fieldlab(slug: "a") { slug version status published latitude place themes } }')
        for error in answer.get("errors", []):
            error["extensions"].pop("traceId")
        answers.append(answer)
    assert answers[0] == answers[1]


def test_a_private_field_has_no_shortcut() -> None:
    types = build_schema()._schema.type_map
    assert LEAF in types["Company"].fields["homeHub"].extensions  # type: ignore[attr-defined] # an object type
    for name in ("name", "kvkNumber", "place", "privateState"):
        assert LEAF not in types["Company"].fields[name].extensions  # type: ignore[attr-defined] # an object type
