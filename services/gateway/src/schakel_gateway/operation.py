"""One operation: its caller, its one snapshot of the view, and what it still has to ask the owners."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import orjson
from starlette.responses import Response

from schakel_common.auth import Principal, TokenVerifier
from schakel_contracts.envelope import Reference
from schakel_gateway.positions import Positions
from schakel_gateway.rate import Limits
from schakel_gateway.schema.scalars import instant_text
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.view.reading import snapshot
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record

    from schakel_gateway.owners import Owners

_MOMENT: Final = (
    f"SELECT position, transaction_timestamp() AS as_of, {SCHEMA}.watermark() AS known_at FROM {SCHEMA}.view_position"  # noqa: S608 - the view's own name
)


@dataclass(frozen=True)
class Gateway:
    """What every operation of this process shares."""

    settings: GatewaySettings
    pool: "Pool[Record]"
    positions: Positions
    owners: "Owners"
    verifier: TokenVerifier
    limits: Limits


@dataclass
class Session:
    """What a request or a socket brings along.

    Attributes:
        gateway: what the process shares.
        principal: the caller, or None for the public.
        idempotency_key: header of a mutation.
        read_after: the token of what the answer must hold, as it came.
        references: what that token names.
        accept_language: passed on to the owners.
        client: whom the request's address stands for.
        socket: whether it is a WebSocket, where only subscriptions run.
        response: where headers of the answer are set; None on a socket.
        connection_params: what a socket sent first.
    """

    gateway: Gateway
    principal: Principal | None = None
    idempotency_key: str | None = None
    read_after: str | None = None
    references: list[Reference] = field(default_factory=list)
    accept_language: str = ""
    client: str = ""
    socket: bool = False
    response: Response | None = None
    connection_params: dict[str, object] | None = None


class Operation:
    """The context of one GraphQL operation.

    Root fields are resolved at the same time, but their statements run one after another in one REPEATABLE READ
    transaction, opened by the first and closed after the last of them; only then are the owners asked.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.gateway = session.gateway
        self.principal = session.principal
        self.owners = session.gateway.owners
        self.private = self.owners.batch(self)
        self.moment: dict[str, Any] | None = None
        self._stale = False
        self._waiting_reads = 0
        self._one_at_a_time = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._connection: Connection[Any] | None = None
        self._closed = asyncio.Event()
        self._closed.set()

    def read(self, sql: str, *arguments: object, shape: Callable[[Any], Any] | None = None) -> Awaitable[Any]:
        """Run a statement that returns one JSON value in the operation's snapshot.

        Args:
            sql: the statement; its result may be NULL.
            arguments: of the statement.
            shape: turns the parsed JSON into what the schema's types pick from; not called for NULL.
        """

        async def run(connection: "Connection[Any]") -> Any:  # noqa: ANN401 - JSON
            text = await connection.fetchval(sql, *arguments)
            value = None if text is None else orjson.loads(text)
            return value if shape is None or value is None else shape(value)

        return self.in_snapshot(run)

    def in_snapshot(self, work: Callable[["Connection[Any]"], Awaitable[Any]]) -> Coroutine[Any, Any, Any]:
        """Do `work` on the connection of the operation's snapshot, after the work that came before.

        It is announced when this is called and not when it is awaited: the snapshot stays open until all that was
        announced is done, and all root fields are called before the first one is awaited.
        """
        self._waiting_reads += 1
        self._closed.clear()
        return self._run(work)

    async def _run(self, work: Callable[["Connection[Any]"], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what the work gives
        try:
            async with self._one_at_a_time:
                if self._connection is None:
                    self._connection = await self._open()
                return await work(self._connection)
        finally:
            self._waiting_reads -= 1
            if self._waiting_reads == 0:
                await self.close()

    async def _open(self) -> "Connection[Any]":
        if self.session.references:
            seconds = self.gateway.settings.not_yet_known_wait_seconds
            self._stale = not await self.gateway.positions.wait_for(self.session.references, seconds)
        principal = self.principal
        connection = await self._stack.enter_async_context(
            snapshot(
                self.gateway.pool,
                subject=principal.subject if principal else None,
                scopes=principal.scopes if principal else (),
            )
        )
        row = await connection.fetchrow(_MOMENT)
        assert row is not None  # noqa: S101 - the table has one row from its migration on
        self.moment = {
            "asOf": instant_text(row["as_of"]),
            "knownAt": instant_text(row["known_at"]),
            "position": row["position"],
        }
        return connection

    async def close(self) -> None:
        """End the snapshot; what was collected for the owners may be asked now."""
        self._connection = None
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            await stack.aclose()
        finally:
            self._closed.set()

    async def after_snapshot(self) -> None:
        """Return when no statement of this operation is running or announced, and its connection is given back."""
        await self._closed.wait()

    def extension(self) -> dict[str, Any]:
        """Return ``extensions.snapshot``: of which moment the answer is; nothing when the view was not asked."""
        return {"snapshot": {**self.moment, "stale": self._stale}} if self.moment else {}


async def make_pool(settings: GatewaySettings) -> "Pool[Record]":
    """Open the pool of the view's database. Nothing set on a connection outlives its transaction, so none is reset."""
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=settings.pool_size,
        timeout=5,
        command_timeout=settings.request_seconds_max,
        server_settings={"application_name": "schakel-gateway", "timezone": "UTC", "jit": "off"},
    )
