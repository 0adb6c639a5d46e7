"""What the view put aside: looked at, tried again without and with effect, and dropped."""

from typing import Any

import msgspec
import pytest

from schakel_common.problems import Problem
from schakel_gateway.projections.apply import Batch, apply
from schakel_gateway.projections.incoming import Dead, read
from schakel_gateway.testing import case, incoming, record, version
from schakel_gateway.view.dead import drop_dead, list_dead, retry_dead, show_dead
from schakel_gateway.view.schema import SCHEMA

pytestmark = pytest.mark.postgres
TOPIC = "events-cases-v1"


async def put_aside(connection: Any) -> None:
    """One record that is good by now (an older program did not know it), and one that never will be."""
    good = record(version(case(1), 1, 1), offset=3)
    bad = msgspec.structs.replace(record(version(case(2), 1, 1), offset=4), value=b"{")
    refused = read(bad)
    assert isinstance(refused, Dead)
    dead = [Dead(good, "unknown-type", "not known then"), refused]
    await apply(connection, SCHEMA, Batch(moves=(), events=(), dead=dead, cluster_id="cluster"))


async def test_records_are_listed_and_shown_with_what_they_hold(connection: Any) -> None:
    await put_aside(connection)

    listed = await list_dead(connection)
    shown = await show_dead(connection, TOPIC, 0, 4)

    assert [(each["topic"], each["partition"], each["offset"], each["reason"]) for each in listed] == [
        (TOPIC, 0, 3, "unknown-type"),
        (TOPIC, 0, 4, "malformed-envelope"),
    ]
    assert shown["value"] == "{"
    assert ["ce_specversion", "1.0"] in shown["headers"]  # type: ignore[operator] # a list of pairs
    with pytest.raises(Problem, match="put no record aside"):
        await show_dead(connection, TOPIC, 0, 5)


async def test_a_dry_run_tells_and_changes_nothing(connection: Any) -> None:
    await put_aside(connection)

    assert await retry_dead(connection, dry_run=True) == {"handled": 1, "failed": 1}

    assert len(await list_dead(connection)) == 2
    assert await connection.fetchval("SELECT count(*) FROM view_1.cases") == 0


async def test_what_goes_through_is_in_the_view_once_and_put_aside_no_longer(connection: Any) -> None:
    await put_aside(connection)
    await apply(connection, SCHEMA, Batch(moves=(), events=[incoming(version(case(1), 1, 1))]))

    assert await retry_dead(connection) == {"handled": 1, "failed": 1}

    assert [each["offset"] for each in await list_dead(connection)] == [4]
    assert await connection.fetchval("SELECT count(*) FROM view_1.history") == 1


async def test_what_waits_for_an_earlier_version_stays_aside(connection: Any) -> None:
    later = Dead(record(version(case(1), 2, 1), offset=7), "unknown-type", "not known then")
    await apply(connection, SCHEMA, Batch(moves=(), events=(), dead=[later], cluster_id="cluster"))

    assert await retry_dead(connection) == {"handled": 0, "failed": 1}

    assert [each["offset"] for each in await list_dead(connection)] == [7]


async def test_one_record_is_dropped_by_decision(connection: Any) -> None:
    await put_aside(connection)

    await drop_dead(connection, TOPIC, 0, 4)

    assert [each["offset"] for each in await list_dead(connection)] == [3]
    with pytest.raises(Problem, match="put no record aside"):
        await drop_dead(connection, TOPIC, 0, 4)
