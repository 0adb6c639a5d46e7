"""What an operation may cost at most: how many objects it can answer with, lists multiplied; checked before SQL."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from schakel_gateway.limits import COST_MAX, DOCUMENTS_KEPT, PAGE_MAX

ROOT_COST: Final = 10
"""A root field is a statement on the view, or a call to an owner."""
LIST_SIZE: Final = 5
"""What a list inside an object is taken to hold."""


def refusals(
    schema: GraphQLSchema, document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any] | None
) -> list[GraphQLError]:
    """Return why the operation is refused: a page beyond 1..100, or too many objects; nothing when it may run."""
    numbers = frozenset(
        (name, value)
        for name, value in (variables or {}).items()
        if isinstance(value, int) and not isinstance(value, bool)
    )
    pages, cost = _priced(schema, document, operation_name, numbers)
    if pages:
        message = f"`first` must be 1 to {PAGE_MAX}."
        return [GraphQLError(message, extensions={"code": "invalid-input"})]
    if cost > COST_MAX:
        message = (
            f"This asks for up to {cost} objects; {COST_MAX} at most. Ask for smaller pages or fewer nested lists."
        )
        return [GraphQLError(message, extensions={"code": "too-costly", "cost": cost, "costMax": COST_MAX})]
    return []


@lru_cache(maxsize=DOCUMENTS_KEPT)
def _priced(
    schema: GraphQLSchema, document: DocumentNode, operation_name: str | None, numbers: frozenset[tuple[str, int]]
) -> tuple[int, int]:
    operation = _operation(document, operation_name)
    root = schema.get_root_type(operation.operation) if operation else None
    if operation is None or root is None:
        return 0, 0
    price = _Price(document, operation, dict(numbers))
    cost = ROOT_COST * price.fields(operation.selection_set) + price.of(operation.selection_set, root, LIST_SIZE)
    return price.wrong_pages, cost


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and (name is None or (node.name and node.name.value == name)):
            return node
    return None


class _Price:
    """One walk over a validated operation, so fragments have no cycles and fields exist."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode, numbers: Mapping[str, int]) -> None:
        self.wrong_pages = 0
        self._known: dict[tuple[int, int], int] = {}
        self._numbers = numbers
        self._defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def fields(self, selections: SelectionSetNode) -> int:
        """Count the fields of a selection set, fragments included."""
        return sum(1 for _ in self._fields_of(selections))

    def of(self, selections: SelectionSetNode, parent: GraphQLObjectType, page: int) -> int:
        """Count the objects below one object of a type, `page` being the size of the page it is part of.

        Each selection set is counted once, however often it is spread: 1000 tokens can spread one 10^12 times.
        """
        key = (id(selections), page)
        if key not in self._known:
            self._known[key] = self._count(selections, parent, page)
        return self._known[key]

    def _count(self, selections: SelectionSetNode, parent: GraphQLObjectType, page: int) -> int:
        cost = 0
        for node in self._fields_of(selections):
            field = parent.fields.get(node.name.value)
            if field is None or node.selection_set is None:
                continue
            of_type = get_named_type(field.type)
            if not isinstance(of_type, GraphQLObjectType):
                continue
            below = self._page(node, field)
            size = 1
            if is_list_type(get_nullable_type(field.type)):
                size = page if node.name.value == "nodes" else LIST_SIZE
            cost = min(cost + size * (1 + self.of(node.selection_set, of_type, below)), 10**9)
        return cost

    def _fields_of(self, selections: SelectionSetNode, spread: set[str] | None = None) -> Iterator[FieldNode]:
        spread = set() if spread is None else spread
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._fields_of(node.selection_set, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                yield from self._fields_of(self._fragments[node.name.value].selection_set, spread)

    def _page(self, node: FieldNode, field: GraphQLField) -> int:
        """The size of the page that a field asks for; what is no number is left to coercion, which refuses it."""
        if "first" not in field.args:
            return LIST_SIZE
        size = field.args["first"].default_value
        for argument in node.arguments or ():
            if argument.name.value != "first":
                continue
            value: Any = argument.value
            if isinstance(value, VariableNode):
                name = value.name.value
                value = self._numbers.get(name, self._defaults.get(name))
            size = int(value.value) if isinstance(value, IntValueNode) else value
        if not isinstance(size, int):
            return PAGE_MAX
        if not 1 <= size <= PAGE_MAX:
            self.wrong_pages += 1
        return size
