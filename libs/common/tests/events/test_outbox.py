import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError

from schakel_common import journal, outbox
from schakel_common.database import Database
from schakel_common.telemetry import span, traceparent_now
from schakel_contracts.envelope import Reference
from schakel_contracts.hubs import HubState
from schakel_contracts.topics import FIELDLABS, HUBS

pytestmark = pytest.mark.postgres
EFFECTIVE_AT = datetime.fromisoformat("2025-03-01T00:00:00Z")
Publish = Any


async def counts(sql: asyncpg.Connection) -> tuple[int, int]:
    row = await sql.fetchrow("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM outbox)")
    return row[0], row[1]


async def test_an_event_is_one_line_of_journal_and_outbox_in_the_callers_transaction(
    publish: Publish, sql: asyncpg.Connection
) -> None:
    aggregate = uuid4()

    reference = await publish(aggregate)

    assert reference == Reference("hub", aggregate, 1, 1)
    line = await sql.fetchrow("SELECT * FROM journal")
    assert (line["topic"], line["type"]) == ("registry-hubs-v1", "nl.smartindustry.hubs.registered.v1")
    assert (line["kind"], line["aggregate_id"], line["epoch"], line["version"]) == ("hub", aggregate, 1, 1)
    assert line["effective_at"] == EFFECTIVE_AT
    assert json.loads(line["value"])["provinces"] == ["NL-GR"]
    assert await sql.fetchval("SELECT journal_seq FROM outbox") == line["seq"]


async def test_a_unit_of_work_that_fails_leaves_neither_journal_nor_outbox(
    database: Database, sql: asyncpg.Connection, make_hub: Callable[[UUID], HubState]
) -> None:
    async def fail() -> None:
        async with database.unit_of_work() as session:
            await outbox.add(session, HUBS, "registered", make_hub(uuid4()), version=1, effective_at=EFFECTIVE_AT)
            raise RuntimeError("the use case changed its mind")

    with pytest.raises(RuntimeError, match="changed its mind"):
        await fail()

    assert await counts(sql) == (0, 0)


@pytest.mark.parametrize(("version", "message"), [(1, "journal_kind_aggregate_id_version_key"), (3, "leaves a gap")])
async def test_a_version_that_is_double_or_leaves_a_gap_is_refused_by_the_database(
    publish: Publish, sql: asyncpg.Connection, version: int, message: str
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1)

    with pytest.raises(IntegrityError, match=message):
        await publish(aggregate, version)

    assert await counts(sql) == (1, 1)


async def test_recorded_at_rises_per_aggregate_even_when_the_clock_went_back(
    publish: Publish, sql: asyncpg.Connection
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1)
    async with sql.transaction():
        await sql.execute("SET LOCAL session_replication_role = replica")  # the triggers would refuse the change
        future = await sql.fetchval("UPDATE journal SET recorded_at = now() + interval '1 hour' RETURNING recorded_at")

    await publish(aggregate, 2)

    latest = await sql.fetchval("SELECT recorded_at FROM journal WHERE version = 2")
    assert latest == future + timedelta(microseconds=1)


async def test_what_no_consumer_could_read_is_refused_before_it_is_written(
    database: Database, sql: asyncpg.Connection, make_hub: Callable[..., HubState]
) -> None:
    aggregate = uuid4()
    right = make_hub(aggregate)
    wrong_kind: Any = "office"
    misfit = HubState(
        id=aggregate, slug="noord", kind=wrong_kind, name_nl="", name_en="", description_nl="", description_en=""
    )
    cases: list[tuple[Any, str, Any, datetime, type[Exception], str]] = [
        (HUBS, "abolished", right, EFFECTIVE_AT, ValueError, "abolished does not happen to a hub"),
        (FIELDLABS, "registered", right, EFFECTIVE_AT, TypeError, "carries FieldlabState, not HubState"),
        (HUBS, "registered", misfit, EFFECTIVE_AT, ValueError, r"Invalid enum value 'office' - at `\$.kind`"),
        (HUBS, "registered", make_hub(aggregate, "x" * 70_000), EFFECTIVE_AT, ValueError, "at most 65536 may travel"),
        (HUBS, "registered", right, EFFECTIVE_AT.replace(tzinfo=None), ValueError, "needs a time zone"),
    ]

    async with database.unit_of_work() as session:
        for topic, happening, state, effective_at, error, message in cases:
            with pytest.raises(error, match=message):
                await outbox.add(session, topic, happening, state, version=1, effective_at=effective_at)

    assert await counts(sql) == (0, 0)


@pytest.mark.parametrize(
    "statement", ["UPDATE journal SET type = 'x'", "DELETE FROM journal", "TRUNCATE journal CASCADE"]
)
async def test_the_journal_refuses_change(publish: Publish, sql: asyncpg.Connection, statement: str) -> None:
    await publish()

    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await sql.execute(statement)

    assert await counts(sql) == (1, 1)


async def test_an_event_carries_the_trace_it_was_made_in(publish: Publish, sql: asyncpg.Connection) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with span("a command", parent=parent):
        made_in = traceparent_now()
        await publish()

    assert made_in is not None
    assert await sql.fetchval("SELECT traceparent FROM outbox") == made_in


async def test_the_journal_tells_the_last_state(
    publish: Publish, database: Database, make_hub: Callable[..., HubState]
) -> None:
    aggregate = uuid4()
    await publish(aggregate, 1, "Noord")
    await publish(aggregate, 2, "Noord-Nederland")

    async with database.reading() as session:
        assert await journal.latest(session, HUBS, aggregate) == make_hub(aggregate, "Noord-Nederland")
        assert await journal.latest(session, HUBS, uuid4()) is None
