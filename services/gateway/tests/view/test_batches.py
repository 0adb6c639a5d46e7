"""Taking batches in: repeats, other orders, gaps, zombies, dead letters, and what one position means."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import msgspec
import pytest

from schakel_gateway.ledger.steps import Version
from schakel_gateway.projections.apply import Applied, Batch, ZombieError, apply, follows
from schakel_gateway.projections.incoming import Dead, Incoming, read
from schakel_gateway.projections.write import Move
from schakel_gateway.testing import case, company, day, identifier, incoming, network, record, referral, version
from schakel_gateway.view.schema import SCHEMA

pytestmark = pytest.mark.postgres

Project = Callable[[Sequence[Version]], Awaitable[None]]


async def contents(connection: Any, *, positions: bool = False) -> dict[str, Any]:
    """Everything that the view says, whatever way it came there."""
    tables = {}
    for table in ("history", "hubs", "fieldlabs", "companies", "figures", "challenges", "referrals", "activities",
                  "registrations", "cases", "company_members", "line", "halted"):  # fmt: skip
        rows = await connection.fetch(f"SELECT to_jsonb(t) - 'position' - 'since' AS row FROM view_1.{table} AS t")
        tables[table] = sorted(row["row"] for row in rows)
    if positions:
        tables["position"] = await connection.fetchval("SELECT position FROM view_1.view_position")
    return tables


async def take(connection: Any, *versions: Version, moves: Sequence[Move] = ()) -> Applied:
    return await apply(connection, SCHEMA, Batch(moves=moves, events=[incoming(each) for each in versions]))


async def test_a_repeat_changes_nothing_not_even_the_position(connection: Any) -> None:
    history = network(1, companies=5)
    await take(connection, *history)
    before = await contents(connection, positions=True)
    applied = await take(connection, *history)
    assert (applied.new, applied.halted) == (0, 0)
    assert await contents(connection, positions=True) == before


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_topics_in_any_order_and_events_sent_twice_give_the_same_view(connection: Any, seed: int) -> None:
    history = network(seed, companies=8)
    await take(connection, *history)
    expected = await contents(connection)
    await _empty(connection)
    chance = random.Random(seed)
    queues: dict[Any, list[Version]] = {}
    for each in history:
        queues.setdefault((each.kind, each.id), []).append(each)
    batch: list[Version] = []
    while queues:  # order holds per key only
        key = chance.choice(list(queues))
        batch.append(queues[key].pop(0))
        if chance.random() < 0.2:
            batch.append(chance.choice(batch))
        if not queues[key]:
            del queues[key]
        if chance.random() < 0.1 or not queues:
            await take(connection, *batch)
            batch = batch[-3:] if chance.random() < 0.5 else []
    await take(connection, *batch)
    assert await contents(connection) == expected


async def test_a_gap_halts_its_aggregate_visibly_and_heals_when_it_is_filled(connection: Any) -> None:
    first, second, third = (version(case(1, hub), n, n) for n, hub in ((1, "oost"), (2, "zuid"), (3, "noord")))
    await take(connection, first)
    applied = await take(connection, third, version(case(2), 1, 1))
    assert (applied.new, applied.halted) == (1, 1)
    halted = await connection.fetchrow("SELECT kind, id, reason, seen_version FROM view_1.halted")
    assert (halted["kind"], halted["id"], halted["seen_version"]) == ("case", identifier("case", 1), 3)
    assert halted["reason"] == "version 3 of epoch 1 came without the one before it"
    assert await connection.fetchval("SELECT version FROM view_1.cases WHERE id = $1", first.id) == 1
    await take(connection, second)  # not all yet: version 3 was seen and kept out
    assert await connection.fetchval("SELECT count(*) FROM view_1.halted") == 1
    await take(connection, first, second, third)  # its owner sends its history again
    assert await connection.fetchval("SELECT count(*) FROM view_1.halted") == 0
    assert await connection.fetchval("SELECT hub FROM view_1.cases WHERE id = $1", first.id) == "noord"


@pytest.mark.parametrize(
    ("highest", "epoch", "number", "accepted"),
    [
        ({}, 1, 1, True),
        ({}, 1, 2, False),
        ({}, 2, 7, True),
        ({1: 3}, 1, 4, True),
        ({1: 3}, 1, 2, True),
        ({1: 3}, 1, 5, False),
        ({1: 3}, 2, 3, True),
        ({2: 7}, 1, 1, True),
        ({2: 7}, 1, 2, False),
        ({1: 7, 2: 7}, 2, 8, True),
        ({1: 7, 2: 7}, 2, 9, False),
    ],
)
def test_what_may_follow(highest: dict[int, int], epoch: int, number: int, *, accepted: bool) -> None:
    assert follows(highest, epoch, number) is accepted


async def test_a_restatement_in_a_higher_epoch_wins_over_any_version_of_a_lower_one(connection: Any) -> None:
    await take(connection, version(case(1, "oost"), 1, 1), version(case(1, "zuid"), 2, 2))
    await take(connection, version(case(1, "noord"), 1, 1, 3, epoch=2))
    await take(connection, version(case(1, "zuid"), 3, 4))
    row = await connection.fetchrow("SELECT hub, epoch, version FROM view_1.cases")
    assert tuple(row) == ("noord", 2, 1)


async def test_a_batch_moves_position_once_and_says_so(connection: Any, view_url: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(view_url)
    await listener.add_listener("view_position", lambda *call: heard.put_nowait(call[3]))
    try:
        applied = await take(connection, version(case(1), 1, 1), version(case(2), 1, 1), version(case(2), 2, 2))
        assert applied.position == 1
        assert await asyncio.wait_for(heard.get(), 5) == "1"
        said = {"registry": day(1), "matching": day(1), "events": day(1)}
        await apply(connection, SCHEMA, Batch(moves=(), events=(), complete_until=said))
        assert (await take(connection, version(case(3), 1, 1))).position == 2  # a heartbeat is no change
        assert await asyncio.wait_for(heard.get(), 5) == "2"
    finally:
        await listener.close()


async def test_the_watermark_is_that_of_the_slowest_service_and_never_falls(connection: Any) -> None:
    async def say(**days: float) -> Any:
        said = {service: day(number) for service, number in days.items()}
        await apply(connection, SCHEMA, Batch(moves=(), events=(), complete_until=said))
        return await connection.fetchval("SELECT view_1.watermark() + interval '1 microsecond'")

    assert await say(registry=5, matching=3) is None
    assert await say(events=4) == day(3)
    assert await say(matching=9, registry=1) == day(4)


async def _offsets(connection: Any, following: int = 0) -> None:
    await connection.execute(
        "INSERT INTO view_1.topic_offset VALUES ('events-cases-v1', 0, $1, 'cluster', 'topic')", following
    )


async def test_a_zombie_changes_nothing(connection: Any) -> None:
    # Seen red once: without the guard (the comparison with `x.expected`) the zombie sets the offset back to 2, and the
    # projector that leads fails in its turn.
    await _offsets(connection)
    await take(connection, version(case(1), 1, 1), moves=[Move("events-cases-v1", 0, 0, 5)])
    with pytest.raises(ZombieError):
        await take(connection, version(case(2), 1, 1), moves=[Move("events-cases-v1", 0, 0, 2)])
    assert await connection.fetchval("SELECT next FROM view_1.topic_offset") == 5
    assert [row["id"] for row in await connection.fetch("SELECT id FROM view_1.cases")] == [identifier("case", 1)]
    assert await connection.fetchval("SELECT position FROM view_1.view_position") == 1


async def test_of_two_projectors_with_the_same_batch_one_gives_up(connection: Any, view_url: str) -> None:
    await _offsets(connection)
    other = await asyncpg.connect(view_url)
    move = [Move("events-cases-v1", 0, 0, 1)]
    try:
        results = await asyncio.gather(
            take(connection, version(case(1), 1, 1), moves=move),
            take(other, version(case(1), 1, 1), moves=move),
            return_exceptions=True,
        )
    finally:
        await other.close()
    assert sorted(type(each).__name__ for each in results) == ["Applied", "ZombieError"]
    assert await connection.fetchval("SELECT count(*) FROM view_1.line") == 1


async def test_a_failure_leaves_no_trace_of_the_batch(connection: Any) -> None:
    broken = msgspec.structs.replace(incoming(version(case(2), 1, 1)), text="{}")  # no slug: the row refuses it
    with pytest.raises(asyncpg.NotNullViolationError):
        await apply(connection, SCHEMA, Batch(moves=(), events=[incoming(version(case(1), 1, 1)), broken]))
    assert (await contents(connection, positions=True))["position"] == 0
    assert await connection.fetchval("SELECT count(*) FROM view_1.history") == 0


async def test_a_merged_company_joins_the_groups_of_both_in_the_stored_ledger(connection: Any) -> None:
    await take(connection, version(company(1, "oost"), 1, 0), version(referral(1, 1), 1, 1))
    await take(connection, version(company(2, "zuid"), 1, 0), version(referral(2, 2), 1, 2))
    assert await _asking(connection) == {"oost": 1, "zuid": 1}
    await take(connection, version(company(1, "oost", status="merged", merged_into=2), 2, 5))
    assert await _asking(connection) == {"zuid": 1}
    subjects = await connection.fetch("SELECT DISTINCT subject FROM view_1.line WHERE subject_kind = 'group'")
    assert [row["subject"] for row in subjects] == [min(identifier("company", 1), identifier("company", 2))]


async def _asking(connection: Any) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT leaf, sum(amount) AS n FROM view_1.line WHERE indicator = 'companies_asking' AND split = 'leaf'"
        " GROUP BY 1 HAVING sum(amount) <> 0"
    )
    return {row["leaf"]: row["n"] for row in rows}


async def _empty(connection: Any) -> None:
    tables = await connection.fetch(
        "SELECT format('view_1.%I', tablename) AS name FROM pg_tables WHERE schemaname = 'view_1'"
        " AND tablename NOT IN ('indicator', 'view_position')"
    )
    await connection.execute(f"TRUNCATE {', '.join(row['name'] for row in tables)}")


# ---- records that are no events

GOOD = record(version(case(1), 1, 1))
GOOD_TYPE = b"nl.smartindustry.cases.published.v1"


def _with(**headers: bytes | None) -> Any:
    changed = [(name, headers.get(name, value)) for name, value in GOOD.headers]
    return msgspec.structs.replace(GOOD, headers=[(name, value) for name, value in changed if value is not None])


def test_a_good_record_is_read_byte_for_byte() -> None:
    found = read(GOOD)
    assert isinstance(found, Incoming)
    assert found.text.encode() == GOOD.value
    assert (found.kind, found.id, found.epoch, found.version) == ("case", identifier("case", 1), 1, 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (_with(ce_id=None), "malformed-envelope"),
        (_with(ce_id=b"\xff"), "malformed-envelope"),
        (_with(ce_version=b"0"), "malformed-envelope"),
        (_with(ce_version=b"99999999999"), "malformed-envelope"),
        (_with(ce_effectiveat=b"yesterday"), "malformed-envelope"),
        (_with(ce_type=b"nl.smartindustry.cases.published.v2"), "unknown-type"),
        (_with(ce_type=b"nl.smartindustry.hubs.registered.v1"), "unknown-type"),
        (_with(ce_digest=b"0" * 64), "malformed-envelope"),
        (msgspec.structs.replace(GOOD, value=None), "malformed-envelope"),
        (msgspec.structs.replace(GOOD, key=b"another"), "foreign-key"),
        (msgspec.structs.replace(GOOD, key=None), "foreign-key"),
        (msgspec.structs.replace(GOOD, value=b"x" * 70_000), "too-large"),
    ],
)
def test_a_record_that_is_no_event_gets_a_reason(bad: Any, reason: str) -> None:
    found = read(bad)
    assert isinstance(found, Dead)
    assert found.reason == reason
    assert found.detail


def test_a_state_with_a_nul_or_of_another_shape_is_dead() -> None:
    for state in (msgspec.structs.replace(case(1), title_nl="a\0b"), company(1)):
        wrong = record(version(state, 1, 1))
        headers = [(name, GOOD_TYPE if name == "ce_type" else value) for name, value in wrong.headers]
        found = read(msgspec.structs.replace(wrong, topic=GOOD.topic, headers=headers))
        assert isinstance(found, Dead)
        assert found.reason == "malformed-state"


async def test_a_dead_letter_is_kept_with_its_reason_and_blocks_nothing(connection: Any) -> None:
    await _offsets(connection)
    bad = read(msgspec.structs.replace(_with(ce_id=b"\xff\0"), offset=3))
    assert isinstance(bad, Dead)
    batch = Batch(
        moves=[Move("events-cases-v1", 0, 0, 5)],
        events=[incoming(version(case(2), 1, 1))],
        dead=[bad],
        cluster_id="cluster",
    )
    await apply(connection, SCHEMA, batch)
    row = await connection.fetchrow("SELECT * FROM view_1.dead")
    assert (row["topic"], row["partition"], row["offset"], row["reason"]) == (
        "events-cases-v1",
        0,
        3,
        "malformed-envelope",
    )
    assert row["value"] == GOOD.value
    assert await connection.fetchval("SELECT count(*) FROM view_1.cases") == 1
