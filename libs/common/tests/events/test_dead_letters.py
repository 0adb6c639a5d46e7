from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_common.consumers import Subscription, handle_alone
from schakel_common.database import Database
from schakel_common.dead_letters import drop_dead_letter, list_dead_letters, retry_dead_letters, show_dead_letter
from schakel_common.event import Event
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import HUBS

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
DEAD = "registry-hubs-v1-dlq-matching"


async def refuse(_session: AsyncSession, _event: Event) -> None:
    raise RuntimeError


async def keep(session: AsyncSession, event: Event) -> None:
    await replica.apply(session, event)


async def test_what_waits_is_listed_shown_and_tried_again_until_it_is_handled(
    publish: Any, relaying: Any, consuming: Any, kafka: Any, database: Database
) -> None:
    settings: ServiceSettings = kafka.settings
    aggregate = uuid4()
    await publish(aggregate)
    async with relaying(), consuming(refuse):
        (letter,) = await kafka.read(DEAD, until=lambda found: len(found) >= 1)

    (listed,) = await list_dead_letters(settings, "matching", [HUBS])
    assert listed["reason"] == "handler_failed"
    assert listed["type"] == "nl.smartindustry.hubs.registered.v1"
    assert listed["from"] == f"registry-hubs-v1/{letter.partition}/0"
    shown = await show_dead_letter(settings, DEAD, letter.partition, 0)
    assert str(aggregate) in str(shown["value"])
    with pytest.raises(Problem, match="holds offsets 0 to 0"):
        await show_dead_letter(settings, DEAD, letter.partition, 7)

    def again(handler: Any, *, dry_run: bool = False) -> Any:
        return partial(handle_alone, database, [Subscription("test", [HUBS], handler)], dry_run=dry_run)

    for handler, found in ((keep, {"handled": 1, "failed": 0}), (refuse, {"handled": 0, "failed": 1})):
        dry = again(handler, dry_run=True)
        assert await retry_dead_letters(settings, "matching", [HUBS], dry, dry_run=True) == found
    assert [each["offset"] for each in await list_dead_letters(settings, "matching", [HUBS])] == [0]
    async with database.reading() as session:
        assert await replica.get(session, HUBS, aggregate) is None

    assert await retry_dead_letters(settings, "matching", [HUBS], again(refuse)) == {"handled": 0, "failed": 1}
    (listed,) = await list_dead_letters(settings, "matching", [HUBS])
    assert (listed["offset"], listed["from"]) == (1, f"registry-hubs-v1/{letter.partition}/0")
    assert await retry_dead_letters(settings, "matching", [HUBS], again(keep)) == {"handled": 1, "failed": 0}
    assert await list_dead_letters(settings, "matching", [HUBS]) == []
    async with database.reading() as session:
        assert await replica.get(session, HUBS, aggregate) is not None


async def test_what_will_never_be_an_event_is_dropped_by_decision_in_its_order(
    publish: Any, relaying: Any, consuming: Any, kafka: Any, database: Database
) -> None:
    settings: ServiceSettings = kafka.settings
    aggregate = uuid4()
    await publish(aggregate)
    await publish(aggregate, 2)
    async with relaying(), consuming(refuse):
        letters = await kafka.read(DEAD, until=lambda found: len(found) >= 2)
    partition = letters[0].partition

    with pytest.raises(Problem, match="the first that waits there is 0"):
        await drop_dead_letter(settings, "matching", DEAD, partition, 1)
    await drop_dead_letter(settings, "matching", DEAD, partition, 0)

    assert [each["offset"] for each in await list_dead_letters(settings, "matching", [HUBS])] == [1]
    await drop_dead_letter(settings, "matching", DEAD, partition, 1)
    with pytest.raises(Problem, match="nothing waits there"):
        await drop_dead_letter(settings, "matching", DEAD, partition, 2)
    async with database.reading() as session:
        assert await replica.get(session, HUBS, aggregate) is None
