"""The one way to make a service's HTTP application: what is written here holds for every route of every service.

Rules: NL API Design Rules 2.1 (`docs/adr/0009`), RFC 9457 for whatever goes wrong.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schakel_common.auth import Principal, TokenVerifier, bearer_of
from schakel_common.bodies import field_errors_of
from schakel_common.database import Database
from schakel_common.edge import Edge, problem_response
from schakel_common.openapi import BASE, openapi_of
from schakel_common.problems import PROBLEM_MEDIA_TYPE, Problem
from schakel_common.settings import ServiceSettings
from schakel_common.telemetry import measure

__all__ = ["OptionalPrincipalDep", "PrincipalDep", "create_app"]

READY_SECONDS_MAX: Final = 3.0

_BEARER: Final = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="Access token of the realm, audience schakel-api."
)
_SLUG_OF_STATUS: Final = {
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


async def principal_or_none(
    request: Request,
    _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Principal | None:
    """Return the caller, None for a request without an Authorization header; a bad token is refused, not overlooked."""
    token = bearer_of(request.headers.get("authorization"))
    if token is None:
        return None
    verifier: TokenVerifier = request.app.state.verifier
    return await verifier.verify(token)


async def principal(found: Annotated[Principal | None, Depends(principal_or_none)]) -> Principal:
    """Return the caller; Problem ``not-signed-in`` for a request without a token."""
    if found is None:
        raise Problem("not-signed-in")
    return found


PrincipalDep = Annotated[Principal, Depends(principal)]
OptionalPrincipalDep = Annotated[Principal | None, Depends(principal_or_none)]


def create_app(
    *,
    title: str,
    version: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    ready: Callable[[], Awaitable[None]],
    lifespan: Lifespan | None = None,
    verifier: TokenVerifier,
    database: Database,
    description: str = "",
    processings: Mapping[str, str | None] = MappingProxyType({}),
) -> FastAPI:
    """Make a service's application.

    Args:
        title: shown in the OpenAPI document.
        version: the whole version of the API (semver); its major part is in every path.
        settings: those of the service.
        routers: the routes; public ones begin with ``/v1``.
        ready: raises when the service cannot work, such as when its database lacks the revision it needs.
        lifespan: what is opened before the first request and closed after the last.
        verifier: checks access tokens.
        database: the service's own, for commands.
        description: shown in the OpenAPI document.
        processings: method and path of each route to the processing of personal data that it is; None is none.
    """
    app = FastAPI(
        title=title,
        version=version,
        description=description or title,
        lifespan=lifespan or _nothing_to_open,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(_check_accept)],
        generate_unique_id_function=lambda route: to_camel(route.name),
        exception_handlers={RequestValidationError: _invalid_input, HTTPException: _http_error},
    )
    measure("token.refused.count", 0, reason="token-refused")
    measure("idempotency.repeat.count", 0)
    app.state.verifier = verifier
    app.state.database = database
    app.state.settings = settings
    app.state.processings = processings
    app.add_middleware(Edge, version=version, seconds_max=settings.request_seconds_max)
    for router in routers:
        app.include_router(router)
    _add_probes(app, ready)
    _add_openapi(app)
    return app


@asynccontextmanager
async def _nothing_to_open(_app: FastAPI) -> AsyncIterator[None]:
    yield


def _add_probes(app: FastAPI, ready: Callable[[], Awaitable[None]]) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await ready()
        except Exception as error:
            raise Problem("unavailable", "not ready yet", retry_after_seconds=1) from error
        return {"status": "ready"}


def _add_openapi(app: FastAPI) -> None:
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(openapi_of(app))
        return document

    app.openapi = openapi  # type: ignore[method-assign] # the documented way to extend the document (FastAPI manual)

    @app.get(f"{BASE}/openapi.json", include_in_schema=False)
    async def openapi_json() -> JSONResponse:
        return JSONResponse(openapi(), headers={"Access-Control-Allow-Origin": "*"})


async def _check_accept(request: Request) -> None:
    accept = request.headers.get("accept", "*/*").lower()
    sent = {"application/json", PROBLEM_MEDIA_TYPE, "application/*", "*/*"}
    if {part.partition(";")[0].strip() for part in accept.split(",")}.isdisjoint(sent):
        raise Problem("not-acceptable")


async def _invalid_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    return problem_response(Problem("invalid-input", errors=field_errors_of(error.errors())), request.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    slug = _SLUG_OF_STATUS.get(error.status_code, "invalid-input" if error.status_code < 500 else "internal-error")  # noqa: PLR2004 - RFC 9110, 15.5
    return problem_response(Problem(slug), request.headers, error.headers)
