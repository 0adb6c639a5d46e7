"""Around every page: the language from the address, one span, the headers, and a plain page for every error."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schakel_common.telemetry import measure, span, trace_id_now
from schakel_portal import security
from schakel_portal.graphql import GatewayUnavailable, Refused, SignInRefused
from schakel_portal.sessions import IdentityUnavailable, Session
from schakel_portal.settings import PortalSettings
from schakel_portal.web import ForgedForm, Handler, NotFound, NotSignedIn, Page, Portal, TooLarge, read_form

_logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
_OF_ERROR: Final[dict[type[Exception], tuple[int, str]]] = {
    NotFound: (404, "missing"),
    ForgedForm: (403, "forged"),
    TooLarge: (413, "too_large"),
    GatewayUnavailable: (503, "gateway"),
    IdentityUnavailable: (503, "sign_in"),
}
_OF_REFUSAL: Final = {
    "not-found": (404, "missing"),
    "invalid-input": (404, "missing"),
    "too-many-requests": (429, "too_many"),
    "read-only": (503, "read_only"),
    "not-yet-known": (503, "gateway"),
    "unavailable": (503, "gateway"),
}


class Edge:
    """Reads the language off the path (``/en/...``), opens the request's span and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, settings: PortalSettings) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in security.headers(settings).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other kinds of connection pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        english = path == "/en" or path.startswith("/en/")
        inner = {**scope, "path": (path[3:] or "/") if english else path, "raw_path": None}
        inner["state"] = {**scope.get("state", {}), "language": "en" if english else "nl"}

        begun = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *self._headers]}
            await send(message)

        parent = next((value.decode() for name, value in scope["headers"] if name == b"traceparent"), None)
        with span(f"{scope['method']} page", kind="server", parent=parent):
            try:
                await self._app(inner, receive, send_with_headers)
            finally:
                route = getattr(inner.get("route"), "path", "")
                seconds = time.perf_counter() - begun
                measure("http.server.request.duration", seconds, method=scope["method"], route=route, status=status)


def endpoint(portal: Portal, handler: Handler) -> Endpoint:
    """Return the Starlette endpoint of a page's handler: finds the session, checks forms, turns errors into pages."""

    async def answer(request: Request) -> Response:
        cookie = portal.seals.genuine(request.cookies.get(portal.settings.cookie_name))
        page = Page(portal, request, request.state.language, cookie, Session(key=b""))
        try:
            if cookie:
                page.session = await portal.sessions.find(cookie)
            if request.method == "POST":
                page.form = await read_form(request)
                _check_form(page)
            response = await handler(page)
        except Exception as error:  # noqa: BLE001 - the one place where a visitor's error page is made
            response = await _error_page(page, error)
        return page.sealed(response)

    return answer


def _check_form(page: Page) -> None:
    if not security.own_origin(page.portal.settings, page.request.headers):
        raise ForgedForm
    if not page.portal.seals.own_form(page.cookie, page.form.get("formToken")):
        raise ForgedForm


async def _error_page(page: Page, error: Exception) -> Response:
    """Answer an error: a way on where there is one, else a page that says what to do."""
    if isinstance(error, NotSignedIn | SignInRefused):
        if isinstance(error, SignInRefused):
            await page.portal.sessions.end_tokens(page.session)
        target = page.here if page.request.method == "GET" else page.url(page.path)
        return RedirectResponse(page.url("/login", next=target), status_code=303)
    status, name = _kind_of(error)
    if status >= 500:  # noqa: PLR2004 - an HTTP status
        _logger.error(
            "a page failed", exc_info=error if name == "broken" else None, extra={"error": type(error).__name__}
        )
    return await show_error(page, status, name)


def _kind_of(error: Exception) -> tuple[int, str]:
    """Return the status and the name of an error's page."""
    if isinstance(error, Refused):
        return _OF_REFUSAL.get(error.code, (403, "forbidden"))
    return next((page for kind, page in _OF_ERROR.items() if isinstance(error, kind)), (500, "broken"))


async def show_error(page: Page, status: int, name: str) -> Response:
    """Answer with the plain page of an error; ``name`` finds its texts."""
    trace = trace_id_now() or uuid4().hex
    page.session.content.notice = None
    response = await page.show("error.html", status=status, name=name, trace_id=trace)
    if status == 503:  # noqa: PLR2004 - an HTTP status
        response.headers["Retry-After"] = "5"
    return response
