"""Default deny, proven by walking the schema; and who may use what, as one table over every root field."""

from collections.abc import Iterator

import pytest
from gateway_world import Client, Owner
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from graphql.type import GraphQLEnumType

from schakel_gateway import access, guard
from schakel_gateway.access import OWNED, RULES, TYPES, Rule
from schakel_gateway.schema.schema import build_schema

SCHEMA: GraphQLSchema = build_schema()._schema


def roots() -> Iterator[tuple[str, str, GraphQLField]]:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            yield root.name, name, field


def test_every_root_field_has_a_rule_and_every_rule_a_field() -> None:
    assert {f"{root}.{name}" for root, name, _ in roots()} == set(RULES)


def test_a_field_without_a_rule_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {name: rule for name, rule in RULES.items() if name != "Query.hubs"}
    monkeypatch.setattr(guard, "RULES", fewer)
    with pytest.raises(LookupError, match=r"Query\.hubs has no rule in access\.RULES"):
        build_schema()


def test_a_rule_without_a_field_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RULES", {**RULES, "Query.gone": access.public("-")})
    with pytest.raises(LookupError, match=r"do not exist: \['Query\.gone'\]"):
        build_schema()


def test_a_public_or_signed_in_field_says_why_and_a_scoped_one_names_scopes() -> None:
    for name, rule in RULES.items():
        assert bool(rule.scopes) == (rule.who == "scope"), name
        assert rule.scopes or len(rule.reason) > 10, name


def object_types() -> dict[str, GraphQLObjectType]:
    return {
        name: found
        for name, found in SCHEMA.type_map.items()
        if isinstance(found, GraphQLObjectType)
        and not name.startswith("__")
        and name not in {"Query", "Mutation", "Subscription"}
        and not name.endswith("Payload")
    }


def test_every_type_says_who_may_see_it() -> None:
    assert set(object_types()) == set(TYPES)


def test_a_public_type_leads_to_public_types_or_to_rows_that_the_database_guards() -> None:
    leads = {
        (name, get_named_type(field.type).name)
        for name, found in object_types().items()
        if TYPES[name] == "public"
        for field in found.fields.values()
        if isinstance(get_named_type(field.type), GraphQLObjectType)
    }
    assert {(name, to) for name, to in leads if TYPES[to] != "public"} == {("Activity", "Registration")}


def test_private_types_are_reached_through_owned_fields_only() -> None:
    owned = {(name, field) for name, rule in OWNED.items() for field in (rule.state, *rule.fields)}
    reached = {
        (name, field_name)
        for name, found in object_types().items()
        if TYPES[name] != "private" and TYPES[name] != "reply"
        for field_name, field in found.fields.items()
        if TYPES.get(get_named_type(field.type).name) == "private"
    }
    assert reached - owned == set()


PRIVATE_WORDS = ("name", "kvkNumber", "contact", "phone", "email", "text", "messages", "callBacks")


def test_a_field_with_a_private_name_on_rows_is_owned() -> None:
    found = {
        (name, field)
        for name, declared in object_types().items()
        if TYPES[name] == "rows"
        for field in declared.fields
        if any(field.lower().startswith(word.lower()) for word in PRIVATE_WORDS)
    }
    assert found == {
        ("Company", "name"),
        ("Company", "kvkNumber"),
        ("Company", "contacts"),
        ("Challenge", "text"),
        ("Referral", "messages"),
        ("Registration", "contact"),
        ("HubDesk", "callBacks"),
        ("HubDesk", "callBacksState"),
    }
    owned = {(name, field) for name, rule in OWNED.items() for field in (rule.state, *rule.fields)}
    assert found <= owned


def test_an_owned_field_says_so_and_can_be_null() -> None:
    for name, rule in OWNED.items():
        for field in rule.fields:
            declared = object_types()[name].fields[field]
            assert not is_non_null_type(declared.type), f"{name}.{field}"
            assert "after the snapshot closed" in str(declared.description), f"{name}.{field}"


def literal(of: object) -> str:
    """A value of a type, as GraphQL text; scopes point at what the callers of the table have."""
    if is_non_null_type(of):
        return literal(of.of_type)
    if is_list_type(of):
        return "[]"
    if isinstance(of, GraphQLEnumType):
        return str(next(iter(of.values)))
    if isinstance(of, GraphQLInputObjectType):
        fields = [
            f"{name}: {_scoped(name) or literal(field.type)}"
            for name, field in of.fields.items()
            if is_non_null_type(field.type)
        ]
        return "{" + ", ".join(fields) + "}"
    return {"Int": "1", "Float": "1", "Boolean": "true"}.get(getattr(of, "name", ""), '"x"')


def _scoped(name: str) -> str | None:
    return {"slug": '"robohouse"', "organiser": '"hub:oost"', "owner": '"hub:oost"'}.get(name)


def document(root: str, name: str, field: GraphQLField) -> str:
    given = {"hub": '"oost"', "fieldlab": '"robohouse"'}
    arguments = [
        f"{key}: {given.get(key) or literal(argument.type)}"
        for key, argument in field.args.items()
        if is_non_null_type(argument.type) and key not in {"first", "level"}
    ]
    written = f"({', '.join(arguments)})" if arguments else ""
    if root == "Mutation":
        return f"mutation {{ {name}{written} {{ token problem {{ code }} }} }}"
    of = get_named_type(field.type)
    return f"{{ {name}{written} {'{ __typename }' if isinstance(of, GraphQLObjectType) else ''} }}"


def caller_with(rule: Rule) -> tuple[str, ...]:
    """Groups that hold one of a rule's scopes, for the arguments of `document`."""
    held = {
        "hub:*": "/hub/oost",
        "fieldlab:*": "/fieldlab/robohouse",
        "national": "/national",
        "fieldlab:{slug}": "/fieldlab/robohouse",
        "hub:{hub}": "/hub/oost",
        "fieldlab:{fieldlab}": "/fieldlab/robohouse",
        "{organiser}": "/hub/oost",
        "{owner}": "/hub/oost",
    }
    return (held[rule.scopes[0]],) if rule.scopes else ()


CASES = [
    pytest.param(root, name, document(root, name, field), id=f"{root}.{name}")
    for root, name, field in roots()
    if root != "Subscription"
]


def code_of(answer: dict[str, object], name: str) -> str | None:
    """The code of the error or problem that came instead of an answer."""
    errors = answer.get("errors")
    if isinstance(errors, list):
        return str(errors[0]["extensions"]["code"])
    data = answer["data"]
    assert isinstance(data, dict)
    problem = (data[name] or {}).get("problem") if isinstance(data[name], dict) else None
    return problem["code"] if problem else None


@pytest.mark.postgres
@pytest.mark.parametrize(("root", "name", "query"), CASES)
async def test_who_may_use_it(client: Client, owners: dict[str, Owner], root: str, name: str, query: str) -> None:
    """Anonymous, the wrong user, a missing scope, the right one; what is denied never reaches a service."""
    rule = RULES[f"{root}.{name}"]
    key = {"Idempotency-Key": "0123456789abcdef0123456789abcdef"}
    anonymous = code_of(await client.ask(query, headers=key), name)
    nobody = code_of(await client.ask(query, subject="stranger", headers=key), name)
    wrong = code_of(
        await client.ask(query, subject="other", groups=("/hub/noord-elsewhere", "/fieldlab/other"), headers=key), name
    )
    denied = [request for owner in owners.values() for request in owner.requests]
    if rule.who == "public":
        assert {anonymous, nobody, wrong} & {"forbidden", "not-signed-in"} == set()
        return
    assert anonymous == "not-signed-in"
    if rule.who == "scope":
        assert nobody == "forbidden"
        assert denied == [] or any(pattern.endswith(":*") for pattern in rule.scopes)
        if not any(pattern.endswith(":*") for pattern in rule.scopes):
            assert wrong == "forbidden"
    right = code_of(await client.ask(query, subject="right", groups=caller_with(rule), headers=key), name)
    assert right not in {"forbidden", "not-signed-in"}
    if root == "Mutation":
        assert [request for owner in owners.values() for request in owner.requests][len(denied) :] != []
