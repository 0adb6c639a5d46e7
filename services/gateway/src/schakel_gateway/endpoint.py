"""GraphQL over HTTP and WebSocket: what comes in, what is refused at the door, and how an answer is written."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.unset import UnsetType

from schakel_common.auth import bearer_of
from schakel_common.consistency import decode_token
from schakel_common.edge import BODY_BYTES_MAX, problem_response
from schakel_common.problems import Problem
from schakel_common.telemetry import measure
from schakel_gateway.answers import shown
from schakel_gateway.operation import Gateway, Session
from schakel_gateway.rate import client_of
from schakel_gateway.schema.schema import GatewaySchema
from schakel_gateway.settings import GatewaySettings

INIT_SECONDS_MAX: Final = 10


class TextSocket(ASGIWebSocketAdapter):
    """Writes JSON as text, as graphql-transport-ws wants it."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message."""
        await self.ws.send_text(orjson.dumps(message).decode())


class Endpoint(GraphQL[Session, None]):
    """The application at ``/graphql``.

    Args:
        schema: the guarded schema.
        gateway: what operations share; made when the process opens its connections, so it is read per request.
    """

    websocket_adapter_class = TextSocket

    def __init__(self, schema: GatewaySchema, gateway: "GatewayHolder") -> None:
        settings = gateway.settings
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=True,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS_MAX),
            multipart_uploads_enabled=False,
            max_subscriptions_per_connection=settings.subscriptions_per_connection_max,
            allowed_origins=settings.allowed_origins,
        )
        self._holder = gateway
        for code in ("internal-error", "unavailable"):  # shown from zero on: else the first one would be no rise
            measure("graphql.error.count", 0, reason=code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or serve a socket; what is refused here is a problem document."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self.run(request)
        except HTTPException as error:
            slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid-input")
            response = problem_response(Problem(slug, error.reason), request.headers)
        etag = response.headers.get("ETag")
        if request.method == "GET" and etag is not None and request.headers.get("If-None-Match") == etag:
            response = Response(status_code=304, headers={"ETag": etag})
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Session:
        """Read who asks and what must be known; a bad token, or too many requests, are refused whatever is asked."""
        gateway = self._holder.gateway
        if isinstance(request, WebSocket):
            return Session(gateway, socket=True)
        headers = request.headers
        token = bearer_of(headers.get("authorization"))
        client = client_of(request.client.host if request.client else "")
        principal = None if token is None else await gateway.verifier.verify(token)
        await gateway.limits.take("signed-in" if principal else "anonymous", principal.subject if principal else client)
        read_after = headers.get("read-after")
        return Session(
            gateway,
            principal=principal,
            idempotency_key=headers.get("idempotency-key"),
            read_after=read_after,
            references=decode_token(read_after) if read_after else [],
            accept_language=headers.get("accept-language", ""),
            client=client,
            response=response if isinstance(response, Response) else None,
        )

    async def on_ws_connect(self, context: Session) -> UnsetType:
        """Let a socket in with ``{"Authorization": "Bearer <token>"}`` in its first message, and only so."""
        authorization = (context.connection_params or {}).get("Authorization")
        try:
            token = bearer_of(str(authorization))
            context.principal = await context.gateway.verifier.verify(token or "")
        except Problem as problem:
            raise ConnectionRejectionError from problem
        return UnsetType()

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Read the request; a list of operations, and what is no GraphQL request, is refused."""
        data = await super().parse_http_body(request)
        if isinstance(data, GraphQLRequestData) and not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "The `operationName` must be a string or null, if provided.")
        return data

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON: an object, of the size that is accepted."""
        if len(data) > BODY_BYTES_MAX:
            raise json.JSONDecodeError("too large", "", 0)
        value = orjson.loads(data)
        if not isinstance(value, dict | list):
            raise json.JSONDecodeError("not an object", "", 0)
        return value

    def encode_json(self, data: object) -> bytes:
        """Write JSON."""
        return orjson.dumps(data)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:  # noqa: ARG002 - as it is called
        """Write an answer; an error that went past the masking (it has no code) is masked here."""
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            errors = [error if "code" in (error.extensions or {}) else shown(error) for error in result.errors]
            answer["errors"] = [error.formatted for error in errors]
            for error in errors:
                measure("graphql.error.count", 1, reason=str((error.extensions or {})["code"]))
        if result.extensions:
            answer["extensions"] = result.extensions
        return answer  # type: ignore[return-value] # the same keys, typed by hand in Strawberry


class GatewayHolder:
    """What is known before the process has opened its connections, and what it has opened then."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self._gateway: Gateway | None = None

    @property
    def gateway(self) -> Gateway:
        """What operations share; Problem ``unavailable`` before it is there."""
        if self._gateway is None:
            raise Problem("unavailable", retry_after_seconds=1)
        return self._gateway

    def set(self, gateway: Gateway | None) -> None:
        """Set it at start, and None at the end."""
        self._gateway = gateway
