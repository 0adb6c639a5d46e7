"""How large an operation may be: refused by its text, before any statement runs.

The rule classes are made once, here. Made per request (as Strawberry's own limiters are), each one would be a new key
in the validation cache, which then never hits.
"""

from functools import lru_cache
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

DEPTH_MAX: Final = 10
TOKENS_MAX: Final = 1000
ALIASES_MAX: Final = 15
DIRECTIVES_MAX: Final = 20
PAGE_MAX: Final = 100
COST_MAX: Final = 1000
DOCUMENTS_KEPT: Final = 512


class CountRule(ValidationRule):
    """Refuses too many aliases and too many directives in a document."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._aliases = 0
        self._directives = 0

    def enter_field(self, node: FieldNode, *_: Any) -> None:  # noqa: ANN401 - the visitor's signature
        """Count a field's alias."""
        if node.alias is not None:
            self._aliases += 1
            if self._aliases == ALIASES_MAX + 1:
                self.report_error(GraphQLError(f"More than {ALIASES_MAX} aliases.", node))

    def enter_directive(self, node: Any, *_: Any) -> None:  # noqa: ANN401 - the visitor's signature
        """Count a directive."""
        self._directives += 1
        if self._directives == DIRECTIVES_MAX + 1:
            self.report_error(GraphQLError(f"More than {DIRECTIVES_MAX} directives.", node))


class DepthRule(ValidationRule):
    """Refuses operations that nest deeper than `DEPTH_MAX` fields, fragments included."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._known: dict[int, int] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:  # noqa: ANN401 - the visitor's signature
        """Measure an operation."""
        if self._depth(node.selection_set) > DEPTH_MAX:
            self.report_error(GraphQLError(f"Nested deeper than {DEPTH_MAX} fields.", node))

    def _depth(self, selections: SelectionSetNode | None) -> int:
        """Measure each selection set once, however often it is spread; one that is inside itself counts as nothing."""
        if selections is None:
            return 0
        if id(selections) in self._known:
            return self._known[id(selections)]
        self._known[id(selections)] = 0
        depth = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                below = 1 + self._depth(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.context.get_fragment(node.name.value)
                below = self._depth(fragment.selection_set if fragment else None)
            else:
                below = self._depth(getattr(node, "selection_set", None))
            depth = max(depth, below)
        self._known[id(selections)] = depth
        return depth


OPEN_RULES: Final = (*specified_rules, CountRule, DepthRule)
CLOSED_RULES: Final = (*OPEN_RULES, NoSchemaIntrospectionCustomRule)
"""For anonymous callers where introspection is off."""


@lru_cache(maxsize=DOCUMENTS_KEPT)
def parsed(query: str) -> DocumentNode:
    """Parse a document once; its errors are raised and not kept."""
    return parse(query, max_tokens=TOKENS_MAX)


@lru_cache(maxsize=DOCUMENTS_KEPT)
def validated(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type[ValidationRule], ...]
) -> tuple[GraphQLError, ...]:
    """Validate a document once; a document is found by its identity, because `parsed` keeps it."""
    return tuple(validate_document(schema, document, rules))
