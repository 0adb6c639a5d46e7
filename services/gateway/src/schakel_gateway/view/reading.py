"""One snapshot of the view, as one person may see it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from schakel_gateway.permissions import READER

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record

_BECOME = (
    f"SELECT set_config('role', '{READER}', true), set_config('schakel.subject', $1, true), "
    "set_config('schakel.scopes', $2, true)"
)


@asynccontextmanager
async def snapshot(
    pool: "Pool[Record]", *, subject: str | None, scopes: Iterable[str]
) -> AsyncIterator["Connection[Any]"]:
    """Open one REPEATABLE READ READ ONLY transaction in which only the rows that this person may see exist.

    Args:
        pool: connections of the gateway's own role.
        subject: the identity provider's random subject, or None for the public.
        scopes: opaque scope names such as ``hub:oost``; without a blank.

    Role and settings end with the transaction, so a pooled connection carries nothing over to the next person.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_BECOME, subject or "", " ".join(sorted(scopes)))
        yield connection
