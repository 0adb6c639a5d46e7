"""Two kinds of error, each written in one place: expected ones with their code, all others masked with the trace id."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec
from graphql import GraphQLError

from schakel_common.database import DIRECT_FAILURES
from schakel_common.problems import Problem
from schakel_common.telemetry import trace_id_now

INVALID_QUERY: Final = "invalid-query"
"""Code of an operation that does not parse or validate, or is larger than the limits."""

TOO_DEEP: Final = "Nested too deeply."

_logger = logging.getLogger(__name__)


def problem_fields(problem: Problem) -> dict[str, Any]:
    """Return the fields of the schema's ``Problem``; what is beyond the table is told for expected problems only."""
    ours = problem.status >= 500  # noqa: PLR2004 - RFC 9110, 15.6: what went wrong on our side is not the client's to read
    return {
        "type": problem.type.uri,
        "code": problem.slug,
        "status": problem.status,
        "title": problem.type.title_en,
        "title_nl": problem.type.title_nl,
        "detail": None if ours or not problem.detail else problem.detail,
        "errors": [msgspec.to_builtins(error) for error in problem.errors],
        "retry_after_seconds": problem.retry_after_seconds,
        "trace_id": trace_id_now(),
    }


def shown(error: GraphQLError) -> GraphQLError:
    """Return the error that a client may see.

    A `Problem` keeps its code and advice. An error without a path came before anything was executed; if it points into
    the document or has no other cause it is about the client's own words, and stays. The rest is logged and masked.
    """
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    if isinstance(original, Problem):
        return _coded(error, original.type.title_en, extensions_of(original))
    if isinstance(original, RecursionError) and error.path is None:
        return _coded(error, TOO_DEEP, {"code": INVALID_QUERY})
    if error.path is None and (original is None or error.nodes):
        return _coded(error, error.message, {"code": INVALID_QUERY, **(error.extensions or {})})
    problem = problem_of_exception(original or error)
    return _coded(error, problem.type.title_en, extensions_of(problem))


def extensions_of(problem: Problem) -> dict[str, Any]:
    """Return what stands in the ``extensions`` of a GraphQL error about a problem."""
    fields = problem_fields(problem)
    extensions = {"code": fields["code"], "type": fields["type"], "traceId": fields["trace_id"]}
    if fields["detail"]:
        extensions["detail"] = fields["detail"]
    if fields["errors"]:
        extensions["errors"] = fields["errors"]
    return extensions


def problem_of_exception(error: BaseException) -> Problem:
    """Turn anything unexpected into ``unavailable`` or ``internal-error``, and log what it was."""
    if isinstance(error, Problem):
        return error
    if _is_away(error):
        _logger.warning("the view's database does not answer", exc_info=error, extra={"trace_id": trace_id_now()})
        return Problem("unavailable", retry_after_seconds=2)
    _logger.error("unexpected error in an operation", exc_info=error, extra={"trace_id": trace_id_now()})
    return Problem("internal-error")


_PASSES: Final = ("08", "40", "53", "55", "57")
"""SQLSTATE classes that pass by themselves: connection, serialisation, resources, not in the right state, shutdown."""


def _is_away(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(_PASSES)
    return isinstance(error, DIRECT_FAILURES)


def _coded(error: GraphQLError, message: str, extensions: Mapping[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=dict(extensions),
    )
