"""The one schema: its types, with the tables of `access` in front of them."""

from collections.abc import Iterable
from typing import Any, Final

import strawberry
from graphql import GraphQLError, print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schakel_gateway.executor import PickingExecutor, mark_leaves
from schakel_gateway.guard import guard
from schakel_gateway.keys import pick
from schakel_gateway.pipeline import Pipeline
from schakel_gateway.schema.mutation import Mutation
from schakel_gateway.schema.query import Query
from schakel_gateway.schema.scalars import SCALARS
from schakel_gateway.schema.subscription import Subscription

HEADER: Final = "# Written by `python -m schakel_gateway schema`; a test fails when it differs from the types.\n\n"


class GatewaySchema(strawberry.Schema):
    """Strawberry's schema; errors are logged where they are masked, once and without the words of a user."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: `answers.shown` does."""


def build_schema(*, suggestions: bool = True) -> GatewaySchema:
    """Make the schema.

    Args:
        suggestions: whether an error may say "did you mean", which tells a stranger the names that exist.

    Raises:
        LookupError: a root field has no rule.
    """
    schema = GatewaySchema(
        Query,
        Mutation,
        Subscription,
        extensions=[Pipeline],
        execution_context_class=PickingExecutor,
        config=StrawberryConfig(default_resolver=pick, scalar_map=SCALARS, disable_field_suggestions=not suggestions),
    )
    _describe(schema, schema._schema.type_map.values())  # noqa: SLF001 - Strawberry has no public way to its core schema
    mark_leaves(schema._schema)  # noqa: SLF001 - the same
    guard(schema._schema)  # noqa: SLF001 - the same
    return schema


def _describe(schema: GatewaySchema, types: Iterable[Any]) -> None:
    """Give each type that has no description the docstring of its class."""
    for core_type in types:
        declared = schema.get_type_by_name(core_type.name)
        origin = getattr(declared, "origin", None) or getattr(declared, "wrapped_cls", None)
        if core_type.description is None and origin is not None and isinstance(origin.__doc__, str):
            text = origin.__doc__.strip()
            is_generated = text.startswith(f"{origin.__name__}(")
            if not is_generated and not core_type.name.endswith("Payload"):
                core_type.description = "\n".join(line.strip() for line in text.splitlines())


def sdl() -> str:
    """Return the schema as it is committed in ``schema.graphql``."""
    return HEADER + print_schema(build_schema()._schema) + "\n"  # noqa: SLF001 - as above
