"""One database per service: its tables' registry, and the unit of work in which everything changes at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import asyncpg
from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.ext.asyncio import AsyncSession as PlainAsyncSession
from sqlalchemy.orm import registry
from sqlalchemy.pool import QueuePool
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.barriers import barrier
from schakel_common.metrics import measure

STATEMENT_TIMEOUT_SECONDS: Final = 10
"""A request that needs longer than this is broken; migrations and batch jobs set their own."""

DIRECT_FAILURES: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a direct connection raises when the database refuses or is gone; asyncpg calls it an internal error of its own
when it hears of the end in the middle of a statement."""

POOLED_FAILURES: Final = (DBAPIError, PoolTimeoutError, OSError, TimeoutError)
"""What a session raises when the database refuses or is gone, or when every connection of the pool is taken; work that
comes back by itself goes on after these."""

RECORDED: Final = "recorded"
"""Where a session notes the types of the events that its transaction records; counted when it has committed."""

_CONSTRAINT_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def service_registry(service: str) -> registry:
    """Return a registry of its own for a service's tables, so that two services in one process share no metadata.

    Use it once per service: ``class Base(SQLModel, registry=service_registry("registry"))``, and derive the tables
    from that base. Constraints get names from one convention, so that a migration can speak of them.
    """
    return registry(metadata=MetaData(naming_convention=_CONSTRAINT_NAMES, info={"service": service}))


class _Session(AsyncSession):
    """SQLModel's session, without its advice against ``execute``: plain SQL is at home here, beside ``exec``."""

    execute = PlainAsyncSession.execute


class Database:
    """A small pool of connections to a service's own database.

    Args:
        url: ``postgresql://user:password@host:port/name``, with ``?sslmode=verify-full&sslrootcert=/path`` for TLS.
        pool_size: connections held at most. Keep the sum over all processes below what the server has, and hold none
            across a call to somebody else.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = url
        self._engine = engine_of(url, pool_size=pool_size, statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS)
        self._sessions = async_sessionmaker(self._engine, class_=_Session, expire_on_commit=False)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commits at the end of the block, rolls back on any error in it."""
        async with self._sessions() as session, session.begin():
            yield session
            await barrier("outbox.before_commit")
        for event_type in session.info.get(RECORDED, ()):
            measure("journey.step.count", 1, event_type=event_type)
        await barrier("outbox.after_commit")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One READ ONLY transaction of one snapshot; a write in it is refused by the database."""
        async with self._sessions() as session, session.begin():
            await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            yield session

    def use(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many there may be."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101 - the kind that `engine_of` makes
        return pool.checkedout(), pool.size()

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def engine_of(url: str, *, pool_size: int, statement_timeout_seconds: int) -> AsyncEngine:
    """Return an engine on asyncpg for a plain address; the caller disposes of it.

    Every wait is bounded: to connect, for a free connection, for a statement, and idle inside a transaction.
    asyncpg itself reads the address, as it does for direct connections: ``sslmode`` and ``sslrootcert`` in it, or in
    the environment (``PGSSLMODE``, ``PGSSLROOTCERT``), mean the same everywhere.
    """
    connect = partial(
        asyncpg.connect,
        url,
        timeout=5,
        server_settings={
            "statement_timeout": f"{statement_timeout_seconds}s",
            "idle_in_transaction_session_timeout": "60s",
            "timezone": "UTC",
        },
    )
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
    )
