"""When the view moves on: one connection listens for every operation and subscription of this process."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from schakel_common.database import DIRECT_FAILURES
from schakel_common.telemetry import measure
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.view.schema import SCHEMA

CHANNEL: Final = "view_position"
POLL_SECONDS: Final = 0.25
"""A notification is a hint: it can be lost with its connection, so waiters look for themselves as well."""
RECONNECT_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


class Positions:
    """Wakes who waits for the view.

    Args:
        database_url: for the one connection that listens.
        pool: for looking; a connection is held only while looking.
    """

    def __init__(self, database_url: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._database_url = database_url
        self._pool = pool
        self._moved = asyncio.Event()
        measure("ryw.timeout.count", 0, service="gateway")

    async def listen(self) -> None:
        """Listen until cancelled; a lost connection is made again."""
        while True:
            try:
                connection = await asyncpg.connect(self._database_url, timeout=5)
            except DIRECT_FAILURES as error:
                _logger.warning("cannot listen for view positions: %s", type(error).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            try:
                lost = asyncio.Event()
                connection.add_termination_listener(lambda *_, event=lost: event.set())
                await connection.add_listener(CHANNEL, self._wake)
                self._wake()
                await lost.wait()
            finally:
                connection.terminate()

    def _wake(self, *_: Any) -> None:  # noqa: ANN401 - the signature of a listener
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def moved(self) -> asyncio.Event:
        """Return the event of the next move: take it before looking, so that no move between the two is missed."""
        return self._moved

    async def has(self, references: Sequence[Reference]) -> bool:
        """Whether the view holds these versions or later ones; looked up as the view's owner, so it shows no row."""
        for reference in references:
            table = TOPIC_OF_KIND[reference.kind].plural
            known = await self._pool.fetchval(
                f"SELECT (epoch, version) >= ($2, $3) FROM {SCHEMA}.{table} WHERE id = $1",  # noqa: S608 - a name of our own
                reference.id,
                reference.epoch,
                reference.version,
            )
            if not known:
                return False
        return True

    async def wait_for(self, references: Sequence[Reference], seconds_max: float) -> bool:
        """Wait until the view holds these versions.

        Returns:
            False when the time is over: the answer is then *stale*, and says so.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        deadline = begun + seconds_max
        while True:
            moved = self._moved
            if await self.has(references):
                measure("ryw.wait.duration", loop.time() - begun, service="gateway")
                return True
            left = deadline - loop.time()
            if left <= 0:
                measure("ryw.timeout.count", 1, service="gateway")
                return False
            await happened(moved, min(left, POLL_SECONDS))


async def happened(event: asyncio.Event, seconds_max: float) -> None:
    """Return when an event happens, or when the time is over."""
    try:
        async with asyncio.timeout(seconds_max):
            await event.wait()
    except TimeoutError:
        return
