"""How a root field is declared: its resolver gives what the type picks from, so the type is named beside it."""

from collections.abc import Awaitable, Callable

import strawberry
from graphql import FieldNode
from strawberry.types.field import StrawberryField

from schakel_gateway.keys import snake
from schakel_gateway.operation import Operation

Info = strawberry.Info[Operation, None]
Answer = Awaitable[object]
"""An object of snake_case keys (or a list of them, or None) that the default resolver picks from."""


def asked(graphql_type: object) -> Callable[[Callable[..., Answer]], StrawberryField]:
    """Declare a root field of a type such as ``list[Hub]``; the docstring of its resolver is what clients read."""

    def declare(resolver: Callable[..., Answer]) -> StrawberryField:
        field: StrawberryField = strawberry.field(
            resolver=resolver, graphql_type=graphql_type, description=resolver.__doc__
        )
        return field

    return declare


def selected(info: Info, *path: str) -> frozenset[str] | None:
    """Return which fields are asked for below a root field.

    Args:
        info: of the root field.
        path: names of the fields to go down by, as clients write them.

    Returns:
        Their names in snake_case, or None where a fragment could ask for more.
    """
    below = [node.selection_set for node in info._raw_info.field_nodes]  # noqa: SLF001 - `selected_fields` converts the whole tree
    for name in (*path, None):
        nodes = [node for each in below if each is not None for node in each.selections]
        if not all(isinstance(node, FieldNode) for node in nodes):
            return None
        fields = [node for node in nodes if isinstance(node, FieldNode)]
        if name is None:
            return frozenset(snake(node.name.value) for node in fields)
        below = [node.selection_set for node in fields if node.name.value == name]
    return None
