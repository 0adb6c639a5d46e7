"""Puts the tables of `access` in front of the schema: nothing is asked or sent that no rule allows."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema

from schakel_common.auth import Principal
from schakel_common.problems import Problem
from schakel_gateway.access import OWNED, RULES, Rule
from schakel_gateway.answers import problem_fields
from schakel_gateway.executor import LEAF
from schakel_gateway.keys import camel, snake
from schakel_gateway.operation import Operation

Resolver = Callable[..., Any]

_ARGUMENT: Final = re.compile(r"\{(\w+)\}")


def guard(schema: GraphQLSchema) -> None:
    """Wrap every root field in its rule, and every private field in the call to its owner.

    Raises:
        LookupError: a root field has no rule, so the process must not start; or a rule has no field.
    """
    seen = set()
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            seen.add(f"{root.name}.{name}" if root else name)
            rule = RULES.get(f"{root.name}.{name}" if root else name)
            if rule is None:
                raise LookupError(
                    f"{root.name if root else ''}.{name} has no rule in access.RULES, so nobody may use it"
                )
            _guard_root(root.name if root else "", field, rule)
    if RULES.keys() - seen:
        raise LookupError(f"access.RULES names fields that do not exist: {sorted(RULES.keys() - seen)}")
    for type_name, owned in OWNED.items():
        declared = schema.get_type(type_name)
        if not isinstance(declared, GraphQLObjectType):
            raise LookupError(f"access.OWNED names a type that does not exist: {type_name}")  # noqa: TRY004 - as above
        for name in (owned.state, *owned.fields):
            declared.fields[name].resolve = _owned(type_name, name)
            declared.fields[name].extensions.pop(LEAF, None)


def _guard_root(root: str, field: GraphQLField, rule: Rule) -> None:
    if root == "Subscription":
        field.subscribe = _guarded(field.subscribe, rule)
    elif root == "Mutation":
        field.resolve = _guarded_mutation(field.resolve, rule)
    else:
        field.resolve = _guarded(field.resolve, rule)


def _guarded(resolve: Resolver | None, rule: Rule) -> Resolver:
    assert resolve is not None  # noqa: S101 - every root field has a resolver

    def guarded(source: object, info: Any, **arguments: Any) -> Any:  # noqa: ANN401 - graphql-core's signature
        operation: Operation = info.context
        check(rule, operation.principal, arguments)
        return resolve(source, info, **arguments)

    return guarded


def _guarded_mutation(resolve: Resolver | None, rule: Rule) -> Resolver:
    assert resolve is not None  # noqa: S101 - every root field has a resolver

    def guarded(source: object, info: Any, **arguments: Any) -> Any:  # noqa: ANN401 - graphql-core's signature
        operation: Operation = info.context
        try:
            check(rule, operation.principal, arguments["input"])
        except Problem as problem:
            return {"problem": problem_fields(problem)}
        return resolve(source, info, **arguments)

    return guarded


def check(rule: Rule, principal: Principal | None, arguments: object) -> None:
    """Raise Problem ``not-signed-in`` or ``forbidden`` unless the caller may use the field with these arguments."""
    if rule.who == "public":
        return
    if principal is None:
        raise Problem("not-signed-in")
    if rule.who == "scope" and not any(_holds(pattern, principal.scopes, arguments) for pattern in rule.scopes):
        raise Problem("forbidden")


def _holds(pattern: str, scopes: frozenset[str], arguments: object) -> bool:
    if pattern.endswith(":*"):
        return any(scope.startswith(pattern[:-1]) for scope in scopes)
    return _ARGUMENT.sub(lambda found: _argument(arguments, found[1]), pattern) in scopes


def _argument(arguments: object, name: str) -> str:
    if isinstance(arguments, Mapping):
        return str(arguments.get(name, arguments.get(camel(name), "")))
    return str(getattr(arguments, snake(name), ""))


def _owned(type_name: str, name: str) -> Resolver:
    def resolve(source: dict[str, Any], info: Any) -> Any:  # noqa: ANN401 - graphql-core's signature
        operation: Operation = info.context
        return operation.private.field(type_name, source["hub" if type_name == "HubDesk" else "id"], name)

    return resolve
