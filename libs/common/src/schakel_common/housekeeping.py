"""Work that every service repeats: deleting what may not be kept any longer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from schakel_common.database import POOLED_FAILURES

HOUR_SECONDS: Final = 3600.0

_log: Final = logging.getLogger(__name__)


def hourly(
    *deletions: Callable[[], Awaitable[int]], every_seconds: float = HOUR_SECONDS
) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return background work that deletes at once and then every hour, until told to stop.

    It may run beside itself. A database that is away, or a full pool, makes it wait for its next turn.

    Args:
        deletions: each deletes what is too old, in a transaction of its own, and returns how many that were.
        every_seconds: between two turns.
    """

    async def clean_hourly(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                deleted = [await delete() for delete in deletions]
                _log.info("deleted %d rows that were kept long enough", sum(deleted))
            except POOLED_FAILURES as error:
                _log.warning("cleaning waits for its next turn: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_seconds)

    return clean_hourly
