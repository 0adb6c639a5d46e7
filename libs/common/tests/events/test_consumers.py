import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import consumers, replica
from schakel_common.consumers import make_broker, subscribe
from schakel_common.database import Database
from schakel_common.event import Event
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_contracts.envelope import Envelope, instant_of, value_of
from schakel_contracts.hubs import HubState
from schakel_contracts.topics import HUBS

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
DEAD = "registry-hubs-v1-dlq-matching"
WHEN = instant_of("2025-03-01T00:00:00Z")


async def keep(session: AsyncSession, event: Event) -> None:
    """A handler whose effect is idempotent by the replica's constraint."""
    if await replica.apply(session, event):
        await session.execute(
            text("INSERT INTO effect (id, epoch, version) VALUES (:id, :epoch, :version)"),
            {"id": event.envelope.subject, "epoch": event.envelope.epoch, "version": event.envelope.version},
        )


@dataclass
class Records:
    """Writes records of hubs by hand, right or wrong."""

    kafka: Any
    make_hub: Callable[..., HubState]

    def envelope(self, state: HubState, version: int, event_type: str = "nl.smartindustry.hubs.described.v1") -> Any:
        return Envelope(
            id=uuid4(),
            source="urn:nld:oin:00000000000000000000:systeem:schakel-registry",
            type=event_type,
            subject=state.id,
            epoch=1,
            version=version,
            effective_at=WHEN,
            recorded_at=WHEN,
            dataschema=HUBS.dataschema,
            digest=hashlib.sha256(value_of(state)).hexdigest(),
        ).headers()

    async def good(self, aggregate: UUID, version: int = 1) -> None:
        state = self.make_hub(aggregate, f"version {version}")
        await self.kafka.send(HUBS.name, value_of(state), str(aggregate).encode(), self.envelope(state, version))


@pytest.fixture
def records(kafka: Any, make_hub: Callable[..., HubState]) -> Records:
    return Records(kafka, make_hub)


@dataclass
class Effects:
    """What handlers have done, as the database shows it."""

    sql: asyncpg.Connection
    eventually: Any

    async def of(self, aggregate: UUID) -> list[int]:
        rows = await self.sql.fetch("SELECT version FROM effect WHERE id = $1 ORDER BY seq", aggregate)
        return [row["version"] for row in rows]

    async def become(self, aggregate: UUID, *versions: int) -> None:
        async def have() -> bool:
            return await self.of(aggregate) == list(versions)

        await self.eventually(have)

    async def count(self) -> int:
        count: int = await self.sql.fetchval("SELECT count(*) FROM effect")
        return count


@pytest.fixture
def effects(sql: asyncpg.Connection, eventually: Any) -> Effects:
    return Effects(sql, eventually)


async def test_events_are_handled_in_order_and_repeats_have_no_effect(
    records: Records, consuming: Any, effects: Effects
) -> None:
    aggregate, last = uuid4(), uuid4()
    for version in (1, 2, 2, 1, 3, 3):
        await records.good(aggregate, version)
    await records.good(last)

    async with consuming(keep):
        await effects.become(last, 1)
        await effects.become(aggregate, 1, 2, 3)
    async with consuming(keep):
        await records.good(last, 2)
        await effects.become(last, 1, 2)

    assert await effects.count() == 5


def poison(records: Records, arm: str, aggregate: UUID) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    state = records.make_hub(aggregate)
    value = value_of(state)
    headers = records.envelope(state, 1)
    match arm:
        case "no envelope":
            return b"{}", []
        case "header not UTF-8":
            return value, [*headers, ("ce_note", b"\xff\xfe")]
        case "no value" | "another digest":
            return None if arm == "no value" else value + b" ", headers
        case "unknown type":
            return value, records.envelope(state, 1, "nl.smartindustry.hubs.abolished.v1")
        case "unknown version":
            return value, records.envelope(state, 1, "nl.smartindustry.hubs.described.v2")
        case _:
            broken = value.replace(b'"kind":"hub"', b'"kind":"office"')
            digest = hashlib.sha256(broken).hexdigest().encode()
            return broken, [(name, digest if name == "ce_digest" else old) for name, old in headers]


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        ("no envelope", b"malformed_envelope"),
        ("no value", b"malformed_envelope"),
        ("header not UTF-8", b"malformed_envelope"),
        ("another digest", b"malformed_envelope"),
        ("unknown type", b"unknown_type"),
        ("unknown version", b"unknown_version"),
        ("wrong state", b"invalid_state"),
    ],
)
async def test_what_cannot_be_read_becomes_a_dead_letter_and_those_around_it_are_handled(
    records: Records, consuming: Any, effects: Effects, arm: str, reason: bytes
) -> None:
    aggregate = uuid4()
    value, headers = poison(records, arm, aggregate)
    await records.good(aggregate, 1)
    await records.kafka.send(HUBS.name, value, str(aggregate).encode(), headers)
    await records.good(aggregate, 2)

    async with consuming(keep):
        await effects.become(aggregate, 1, 2)
        (letter,) = await records.kafka.read(DEAD, until=lambda found: len(found) >= 1)

    assert (letter.value, letter.key) == (value, str(aggregate).encode())
    assert list(letter.headers)[: len(headers)] == headers
    marks = dict(list(letter.headers)[len(headers) :])
    assert marks["dlq_reason"] == reason
    assert marks["dlq_topic"] == b"registry-hubs-v1"
    assert marks["dlq_offset"] == b"1"
    assert marks["dlq_partition"] == str(letter.partition).encode()


async def test_an_event_that_the_handler_cannot_handle_leaves_no_effect_and_does_not_stop_the_others(
    records: Records, consuming: Any, effects: Effects
) -> None:
    async def refuse_second(session: AsyncSession, event: Event) -> None:
        await keep(session, event)
        if event.envelope.version == 2:
            raise RuntimeError("no")

    aggregate = uuid4()
    for version in (1, 2, 3):
        await records.good(aggregate, version)

    async with consuming(refuse_second):
        await effects.become(aggregate, 1, 3)
        (letter,) = await records.kafka.read(DEAD, until=lambda found: len(found) >= 1)

    marks = dict(letter.headers)
    assert (marks["dlq_reason"], marks["dlq_detail"]) == (b"handler_failed", b"RuntimeError")


async def test_a_passing_trouble_is_tried_again_and_the_event_is_handled_once(
    records: Records, consuming: Any, effects: Effects
) -> None:
    attempts = 0

    async def late(session: AsyncSession, event: Event) -> None:
        nonlocal attempts
        attempts += 1
        await keep(session, event)
        if attempts <= 3:
            raise Problem("not-yet-known")

    aggregate = uuid4()
    await records.good(aggregate)

    async with consuming(late):
        await effects.become(aggregate, 1)

    assert attempts == 4


async def test_a_database_that_is_away_makes_no_dead_letter(
    records: Records, consuming: Any, effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(consumers, "ATTEMPTS", 1)
    monkeypatch.setattr(consumers, "AWAY_BACK_OFF_SECONDS", 0.01)
    attempts = 0

    async def away_at_first(session: AsyncSession, event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 6:
            raise ConnectionRefusedError
        await keep(session, event)

    aggregate, last = uuid4(), uuid4()
    await records.good(aggregate, 1)
    await records.good(aggregate, 2)
    await records.good(last)

    async with consuming(away_at_first):
        await effects.become(aggregate, 1, 2)
        await effects.become(last, 1)

    with pytest.raises(TimeoutError):
        await records.kafka.read(DEAD, until=lambda found: len(found) >= 1, seconds=0.5)


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_a_lock_that_outlasts_all_attempts_makes_no_dead_letter(
    records: Records, consuming: Any, effects: Effects,
    monkeypatch: pytest.MonkeyPatch, limit: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(consumers, "ATTEMPTS", 1)
    monkeypatch.setattr(consumers, "AWAY_BACK_OFF_SECONDS", 0.01)
    waited = 0
    waited_enough = asyncio.Event()

    async def impatient(session: AsyncSession, event: Event) -> None:
        nonlocal waited
        await session.execute(text(f"SET LOCAL {limit} = '20ms'"))
        try:
            await keep(session, event)
        except DBAPIError:
            waited += 1
            if waited > 4:
                waited_enough.set()
            raise

    aggregate = uuid4()
    await records.good(aggregate, 1)
    await records.good(aggregate, 2)
    lock = effects.sql.transaction()
    await lock.start()
    await effects.sql.execute("LOCK TABLE effect")
    async with consuming(impatient):
        await asyncio.wait_for(waited_enough.wait(), 20)
        await lock.rollback()
        await effects.become(aggregate, 1, 2)

    with pytest.raises(TimeoutError):
        await records.kafka.read(DEAD, until=lambda found: len(found) >= 1, seconds=0.5)


async def test_too_many_dead_letters_in_a_row_stop_the_consumer_and_what_is_behind_waits(
    records: Records, consuming: Any, effects: Effects, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    aggregate = uuid4()
    for _ in range(20):
        await records.kafka.send(HUBS.name, b"{}", str(aggregate).encode(), [])
    await records.good(aggregate)

    async def has_stopped() -> bool:
        return "matching.test stops: 20 dead letters in a row" in caplog.text

    async with consuming(keep):
        await eventually(has_stopped)
        assert len(await records.kafka.read(DEAD, until=lambda found: len(found) >= 20)) == 20
    assert await effects.count() == 0

    async with consuming(keep):
        await effects.become(aggregate, 1)
    assert len(await records.kafka.read(DEAD, until=lambda found: len(found) >= 20)) == 20


async def test_the_batch_in_hand_is_finished_when_the_consumer_is_told_to_stop(
    records: Records, consuming: Any, effects: Effects
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession, event: Event) -> None:
        begun.set()
        await go_on.wait()
        await keep(session, event)

    aggregate = uuid4()
    await records.good(aggregate)
    async with consuming(slow) as broker:
        await begun.wait()
        stopping = asyncio.create_task(broker.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        assert await effects.of(aggregate) == [1]

    async with consuming(keep):
        await records.good(aggregate, 2)
        await effects.become(aggregate, 1, 2)


async def test_what_is_being_handled_is_not_yet_read(
    records: Records, settings: ServiceSettings, database: Database, eventually: Any
) -> None:
    aggregate = uuid4()
    for version in (1, 2, 3):
        await records.good(aggregate, version)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_session: AsyncSession, _event: Event) -> None:
        entered.set()
        await go_on.wait()

    broker = make_broker(settings)
    reader = subscribe(
        broker,
        service="matching",
        purpose="lag",
        topics=[HUBS],
        database=database,
        settings=settings,
        handler=wait,
    )
    await broker.start()
    try:
        async with asyncio.timeout(20):
            await entered.wait()
        assert await reader.lag() == {HUBS.name: 3}

        async def nothing_left() -> bool:
            return await reader.lag() == {HUBS.name: 0}

        go_on.set()
        await eventually(nothing_left)
    finally:
        go_on.set()
        await broker.stop()
