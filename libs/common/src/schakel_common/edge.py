"""What every reply has and every request keeps to, whatever the route: a plain ASGI layer around the application.

It opens the request's span, sets the headers of the NL API Design Rules, bounds time and size, and is the last place
where an unexpected error can be caught: the reader gets its trace id and nothing else.
"""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schakel_common.problems import PROBLEM_MEDIA_TYPE, FieldError, Problem, language_of
from schakel_common.telemetry import measure, span, trace_id_now

BODY_BYTES_MAX: Final = 256 * 1024

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""NL API Design Rules, transport security, and what Internet.nl checks; a route may set another value of its own."""

_TRY_AGAIN: Final = ("08", "28", "3D", "40", "53", "55000", "55P03", "57")
"""SQLSTATE classes that pass by themselves, or once somebody has brought the database back: connection, a password that
was changed, a database that is not there or takes nobody in, serialisation and deadlock, resources, lock and statement
timeout, shutdown."""

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_QUIET: Final = frozenset({"/livez", "/readyz"})

_logger = logging.getLogger(__name__)


def problem_response(problem: Problem, headers: Headers, extra_headers: Mapping[str, str] | None = None) -> Response:
    """Write a problem (RFC 9457) in the language that the request asks for."""
    language = language_of(headers.get("accept-language", ""))
    response = Response(
        msgspec.json.encode(problem.document(language=language, trace_id=trace_id_now() or uuid.uuid4().hex)),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Content-Language": language, **(extra_headers or {})},
    )
    if problem.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    if problem.status == 401:  # noqa: PLR2004 - RFC 9110, 11.6.1: such a reply names the scheme
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


class Edge:
    """The layer itself; ``application.add_middleware(Edge, ...)``.

    Args:
        app: what it surrounds.
        version: the whole version of the API (semver), for the ``API-Version`` header.
        seconds_max: time after which a request is given up.
    """

    def __init__(self, app: ASGIApp, *, version: str, seconds_max: float) -> None:
        self._app = app
        self._seconds_max = seconds_max
        self._headers = {**SECURITY_HEADERS, "API-Version": version}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other kinds of connection pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        begun = time.perf_counter()
        status = 500
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                reply_headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    reply_headers.setdefault(name, value)
            await send(message)

        method = scope["method"]
        with span(method, kind="server", parent=headers.get("traceparent")) as current:
            try:
                async with asyncio.timeout(self._seconds_max):
                    _check_request(scope, headers)
                    await self._app(scope, _limited(receive), send_with_headers)
            except Exception as error:
                if started:
                    raise
                await problem_response(_problem_of(error), headers)(scope, receive, send_with_headers)
            route = getattr(scope.get("route"), "path", "")
            current.update_name(f"{method} {route}")
            current.set_attributes({"http.route": route, "http.response.status_code": status})
            seconds = time.perf_counter() - begun
            measure("http.server.request.duration", seconds, method=method, route=route, status=status)
            if scope["path"] not in _QUIET:
                fields = {"method": method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 1)}
                _logger.info("request", extra=fields)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, TimeoutError):
        _logger.warning("a request took too long", exc_info=error)
        return Problem("unavailable", "this took too long and was given up", retry_after_seconds=2)
    if _is_away(error):
        _logger.warning("the database is not available", exc_info=error)
        return Problem("unavailable", retry_after_seconds=2)
    _logger.error("unexpected error", exc_info=error)
    return Problem("internal-error")


def _is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(_TRY_AGAIN)
    return isinstance(error, (PoolTimeoutError, ConnectionError, socket.gaierror))


def _check_request(scope: Scope, headers: Headers) -> None:
    if b"%00" in scope["query_string"] or "\x00" in scope["path"]:
        error = FieldError(field="", message="Leave out control characters.", code="forbidden-character")
        raise Problem("invalid-input", errors=[error])
    if int_or_none(headers.get("content-length")) is None and "content-length" in headers:
        raise Problem("invalid-input", "Content-Length is no number")
    if (int_or_none(headers.get("content-length")) or 0) > BODY_BYTES_MAX:
        raise Problem("too-large", f"send at most {BODY_BYTES_MAX} bytes")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if scope["method"] in _WITH_BODY and has_body and not is_json(headers.get("content-type", "")):
        raise Problem("unsupported-media-type")


def is_json(content_type: str) -> bool:
    """Whether a Content-Type is JSON, with or without a suffix (``application/merge-patch+json``)."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))


def int_or_none(text: str | None) -> int | None:
    """Return the number that a header holds, None when it holds none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _limited(receive: Receive) -> Callable[[], Any]:
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES_MAX:
            raise HTTPException(413)
        return message

    return receive_limited
