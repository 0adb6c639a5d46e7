"""How a root field is declared: its resolver gives what the type picks from, so the type is named beside it."""

from collections.abc import Awaitable, Callable

import strawberry
from strawberry.types.field import StrawberryField

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
