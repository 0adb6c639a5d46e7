"""What happens around every operation: limits, caches, its snapshot, and the masking of errors."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Final

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult, StreamExecutionResult
from strawberry.types.graphql import OperationType

from schakel_gateway import cost, limits
from schakel_gateway.answers import TOO_DEEP, shown
from schakel_gateway.operation import Operation, Session

_ON_A_SOCKET: Final = "Over a WebSocket only subscriptions run; send queries and mutations by POST."
_NOT_ON_A_SOCKET: Final = "Subscriptions run over a WebSocket (graphql-transport-ws) only."


class Pipeline(SchemaExtension):
    """The only extension: one is made per request, and nothing in it makes a class or a rule."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Give the operation its context before, close its snapshot and mask its errors after."""
        execution = self.execution_context
        session: Session = execution.context
        operation = Operation(session)
        execution.context = operation
        execution.parse_options["max_tokens"] = limits.TOKENS_MAX
        closed = session.principal is None and not session.gateway.settings.introspection
        execution.validation_rules = limits.CLOSED_RULES if closed else limits.OPEN_RULES
        try:
            yield
        finally:
            await operation.close()
        _mask(execution.result)
        self._set_etag(operation)

    def on_parse(self) -> Iterator[None]:
        """Parse, or take the document that was parsed before; what does not parse is left to Strawberry to report."""
        if self.execution_context.query:
            with suppress(GraphQLError, RecursionError):
                self.execution_context.graphql_document = limits.parsed(self.execution_context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Validate once per document, then look at what depends on the variables and on the transport."""
        try:
            self.execution_context.pre_execution_errors = self._refusals()
        except RecursionError:
            self.execution_context.pre_execution_errors = [GraphQLError(TOO_DEEP)]
        yield

    def _refusals(self) -> list[GraphQLError]:
        execution = self.execution_context
        document, schema = execution.graphql_document, execution.schema._schema  # noqa: SLF001 - as Strawberry's own cache does
        assert document is not None  # noqa: S101 - parsing came before
        errors = list(limits.validated(schema, document, execution.validation_rules))
        if errors:
            return errors
        subscribing = execution.operation_type is OperationType.SUBSCRIPTION
        if subscribing != execution.context.session.socket:
            return [GraphQLError(_NOT_ON_A_SOCKET if subscribing else _ON_A_SOCKET)]
        return cost.refusals(schema, document, execution.operation_name, execution.variables)

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """Mask the errors of each thing that a subscription sends."""
        _mask(result)
        yield

    def get_results(self) -> dict[str, Any]:
        """Say of which moment the answer is."""
        context = self.execution_context.context
        return context.extension() if isinstance(context, Operation) else {}

    def _set_etag(self, operation: Operation) -> None:
        """Give public answers the view's position as ETag; others hold private fields, which change beside the view."""
        execution, session = self.execution_context, operation.session
        if session.response is None or session.principal is not None or operation.moment is None:
            return
        if execution.result is not None and not execution.result.errors:
            session.response.headers["ETag"] = f'"{operation.moment["position"]}"'
            session.response.headers["Cache-Control"] = "no-cache"


def _mask(result: object) -> None:
    if isinstance(result, (CoreResult, ExecutionResult)) and result.errors:
        result.errors = [shown(error) for error in result.errors]
