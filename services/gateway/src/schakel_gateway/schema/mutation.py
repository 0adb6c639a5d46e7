"""The mutations, made from the table of commands."""

from collections.abc import Awaitable
from typing import Any, Optional

import strawberry
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from schakel_gateway.commands import COMMANDS, THINGS, Command
from schakel_gateway.keys import snake
from schakel_gateway.operation import Operation
from schakel_gateway.schema.types.shared import Problem

TOKEN_NOTE = "Send it as the header Read-After: the next answer then holds what this changed."  # noqa: S105 - a description


def payload_of(command: Command) -> type:
    """Make the type that a command answers with: exactly one of the thing and the problem is not null."""
    return create_type(
        command.payload_name,
        [
            strawberry.field(name=command.thing, graphql_type=Optional[THINGS[command.thing]]),  # noqa: UP045 - a value, not an annotation
            strawberry.field(name="token", graphql_type=Optional[str], description=TOKEN_NOTE),  # noqa: UP045 - the same
            strawberry.field(name="problem", graphql_type=Optional[Problem]),  # noqa: UP045 - the same
        ],
    )


def field_of(command: Command) -> StrawberryField:
    """Make the field that sends a command on to its service."""

    def declared(info: Any, input: Any) -> Awaitable[object]:  # noqa: A002, ANN401 - the name that clients see; typed below
        operation: Operation = info.context
        return operation.owners.forward(operation, command, input, str(info.path.key))

    declared.__name__ = snake(command.name)
    declared.__annotations__ = {
        "info": strawberry.Info[Operation, None],
        "input": command.input,
        "return": payload_of(command),
    }
    field: StrawberryField = strawberry.mutation(
        resolver=declared,
        name=command.name,
        description=(command.input.__doc__ or "").strip(),
    )
    return field


Mutation = create_type("Mutation", [field_of(command) for command in COMMANDS])
