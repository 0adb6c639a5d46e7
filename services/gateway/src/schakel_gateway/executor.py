"""Takes plain leaves of an object straight from its dictionary: most fields of an answer need nothing more.

graphql-core builds some fifteen values of context for each field before it calls a resolver that then looks one key
up. Here a leaf whose resolver is `keys.pick` is looked up first; whatever is null, a list, an object or unexpected goes
the ordinary way, so answers and errors stay exactly those of graphql-core (a test compares them).
"""

from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    get_nullable_type,
    is_leaf_type,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schakel_gateway.keys import snake

LEAF: Final = "schakel.leaf"
"""Key of a field's extensions: the key in the object, the type that needs no coercion, and the coercion."""

_PLAIN: Final = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool}


def mark_leaves(schema: GraphQLSchema) -> None:
    """Mark the fields that are a leaf and have the default resolver; to be called before any resolver is replaced."""
    for declared in schema.type_map.values():
        if isinstance(declared, GraphQLObjectType) and not declared.name.startswith("__"):
            for name, field in declared.fields.items():
                _mark(name, field)


def _mark(name: str, field: GraphQLField) -> None:
    leaf = get_nullable_type(field.type)
    if is_leaf_type(leaf) and getattr(field.resolve, "_is_default", False):
        kind: GraphQLLeafType = leaf
        field.extensions[LEAF] = (snake(name), _PLAIN.get(kind.name), kind.coerce_output_value)


class PickingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor with that one shortcut."""

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,  # noqa: ANN401 - graphql-core's signature
        field_details_list: Any,  # noqa: ANN401 - the same
        path: Any,  # noqa: ANN401 - the same
        position_context: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        """Look a marked leaf up, or do it the ordinary way."""
        field = parent_type.fields.get(field_details_list[0].node.name.value)
        if field is not None and type(source) is dict and (leaf := field.extensions.get(LEAF)) is not None:
            key, plain, coerce = leaf
            value = source.get(key)
            if type(value) is plain:
                return value
            if value is not None:
                try:
                    return coerce(value)
                except Exception:  # noqa: BLE001, S110 - the ordinary way finds the same and reports it
                    pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)
