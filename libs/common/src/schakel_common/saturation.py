"""How full a process is: the connections of its pools, and how late its event loop does what is due."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from schakel_common.metrics import measure

PoolUse = Callable[[], tuple[int, int]]
"""How many connections are in use, and how many there may be."""

REPORT_SECONDS: Final = 5.0
SAMPLE_SECONDS: Final = 0.25


async def report_saturation(stop: asyncio.Event, pools: Mapping[str, PoolUse]) -> None:
    """Measure until told to stop: each pool, and the worst delay since the last report.

    Args:
        stop: set it to end.
        pools: by name.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    worst = 0.0
    while not stop.is_set():
        if loop.time() >= due:
            measure("event_loop.lag", worst)
            for name, use in pools.items():
                used, limit = use()
                measure("database.pool.used", used, pool=name)
                measure("database.pool.limit", limit, pool=name)
            due, worst = loop.time() + REPORT_SECONDS, 0.0
        asleep = loop.time()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SAMPLE_SECONDS)
        worst = max(worst, loop.time() - asleep - SAMPLE_SECONDS)
