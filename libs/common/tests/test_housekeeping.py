import asyncio

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from schakel_common.housekeeping import hourly


async def test_it_deletes_at_once_and_again_until_told_to_stop() -> None:
    stop = asyncio.Event()
    turns: list[str] = []

    async def delete() -> int:
        turns.append("deleted")
        if len(turns) == 3:
            stop.set()
        return 1

    await asyncio.wait_for(hourly(delete, every_seconds=0.001)(stop), 5)

    assert turns == ["deleted", "deleted", "deleted"]


@pytest.mark.parametrize("failure", [ConnectionRefusedError(), PoolTimeoutError("every connection is taken")])
async def test_a_database_that_is_away_or_busy_is_asked_again_at_the_next_turn(failure: Exception) -> None:
    stop = asyncio.Event()
    turns: list[str] = []

    async def delete() -> int:
        turns.append("asked")
        if len(turns) == 1:
            raise failure
        stop.set()
        return 0

    await asyncio.wait_for(hourly(delete, every_seconds=0.001)(stop), 5)

    assert turns == ["asked", "asked"]
