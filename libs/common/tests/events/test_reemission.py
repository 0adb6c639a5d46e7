import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from schakel_common import outbox
from schakel_common.database import Database
from schakel_common.problems import Problem
from schakel_common.reemission import count_current, count_history, reemit_current, reemit_history
from schakel_contracts.envelope import instant_of
from schakel_contracts.topics import HUBS

pytestmark = pytest.mark.postgres

SAID = """
    SELECT j.aggregate_id, o.epoch, j.version, j.sha256 FROM outbox o JOIN journal j ON j.seq = o.journal_seq
    ORDER BY o.seq
"""


async def said(sql: asyncpg.Connection, aggregate: UUID) -> list[tuple[int, int]]:
    rows = await sql.fetch(SAID)
    return [(row["epoch"], row["version"]) for row in rows if row["aggregate_id"] == aggregate]


async def test_the_current_states_are_said_again_in_a_new_epoch_with_version_and_digest_kept(
    publish: Any, database: Database, sql: asyncpg.Connection
) -> None:
    one, other = uuid4(), uuid4()
    for aggregate, version in ((one, 1), (one, 2), (other, 1)):
        await publish(aggregate, version, f"version {version}")
    before = await sql.fetch("SELECT * FROM journal ORDER BY seq")
    await sql.execute("DELETE FROM outbox")

    assert await count_current(database) == (2, 2)
    assert await count_current(database, kind="hub", ids=[other]) == (2, 1)
    assert await sql.fetch("SELECT epoch FROM epoch") == [(1,)]
    assert await reemit_current(database, reason="restored") == (2, 2)

    assert (await said(sql, one), await said(sql, other)) == ([(2, 2)], [(2, 1)])
    assert await sql.fetch("SELECT * FROM journal ORDER BY seq") == before
    assert await sql.fetch("SELECT epoch, aggregate_id, version FROM restatement ORDER BY version DESC") == [
        (2, one, 2),
        (2, other, 1),
    ]
    assert await sql.fetch("SELECT epoch, reason FROM epoch ORDER BY epoch") == [(1, "beginning"), (2, "restored")]
    assert (await publish(one, 3)).epoch == 2


async def test_history_is_said_again_with_the_epochs_it_was_said_in(
    publish: Any, database: Database, sql: asyncpg.Connection
) -> None:
    aggregate, other = uuid4(), uuid4()
    await publish(aggregate, 1)
    await publish(aggregate, 2)
    await publish(other, 1)
    await reemit_current(database, reason="restored")
    await publish(aggregate, 3)
    await sql.execute("DELETE FROM outbox")

    assert await count_history(database) == 6
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0
    assert await reemit_history(database) == 6

    assert await said(sql, aggregate) == [(1, 1), (1, 2), (2, 2), (2, 3)]
    assert await said(sql, other) == [(1, 1), (2, 1)]
    assert await sql.fetchval("SELECT max(epoch) FROM epoch") == 2


async def test_only_what_was_asked_for_is_said_again(publish: Any, database: Database, sql: asyncpg.Connection) -> None:
    aggregate, other = uuid4(), uuid4()
    await publish(aggregate)
    await publish(other)
    await sql.execute("DELETE FROM outbox")

    assert await reemit_history(database, kind="company") == 0
    assert await reemit_history(database, kind="hub", ids=[aggregate]) == 1
    assert (await said(sql, aggregate), await said(sql, other)) == ([(1, 1)], [])
    with pytest.raises(Problem, match="There is no such kind; known are activity, case, challenge"):
        await reemit_history(database, kind="dragon")


async def test_no_new_version_overtakes_the_history_that_is_said_again(
    publish: Any, database: Database, sql: asyncpg.Connection, make_hub: Any, eventually: Any
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1)
    await publish(aggregate, 2)
    await sql.execute("DELETE FROM outbox")

    async def is_waiting() -> bool:
        return bool(await sql.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE classid = 7105 AND NOT granted"))

    async with database.unit_of_work() as session:
        when = instant_of("2025-03-01T00:00:00Z")
        await outbox.add(session, HUBS, "described", make_hub(aggregate), version=3, effective_at=when)
        again = asyncio.create_task(reemit_history(database, ids=[aggregate]))
        await eventually(is_waiting)
    await again

    assert await said(sql, aggregate) == [(1, 3), (1, 1), (1, 2), (1, 3)]
