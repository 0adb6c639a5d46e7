from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from schakel_common import replica
from schakel_common.database import Database
from schakel_common.event import Event
from schakel_contracts.envelope import Envelope
from schakel_contracts.hubs import HubState
from schakel_contracts.topics import COMPANIES, HUBS

pytestmark = pytest.mark.postgres
NOW = datetime.fromisoformat("2025-03-01T00:00:00Z")


def event(state: HubState, epoch: int, version: int) -> Event:
    envelope = Envelope(
        id=uuid4(), source="s", type="nl.smartindustry.hubs.described.v1", subject=state.id, epoch=epoch,
        version=version, effective_at=NOW, recorded_at=NOW, dataschema="d", digest="d",
    )  # fmt: skip
    return Event(HUBS, envelope, state)


async def test_only_a_rising_epoch_and_version_changes_the_copy(
    database: Database, make_hub: Callable[[UUID, str], HubState]
) -> None:
    aggregate = uuid4()
    steps = [(1, 2, True), (1, 1, False), (1, 2, False), (1, 3, True), (2, 1, True), (1, 9, False), (2, 1, False)]

    for epoch, version, applied in steps:
        async with database.unit_of_work() as session:
            state = make_hub(aggregate, f"{epoch}.{version}")
            assert await replica.apply(session, event(state, epoch, version)) is applied

    async with database.reading() as session:
        assert await replica.get(session, HUBS, aggregate) == make_hub(aggregate, "2.1")
        assert await replica.get(session, COMPANIES, aggregate) is None


async def test_finding_is_by_what_the_state_contains(
    database: Database, make_hub: Callable[[UUID, str], HubState]
) -> None:
    one, other = make_hub(UUID(int=1), "Noord"), make_hub(UUID(int=2), "Oost")
    async with database.unit_of_work() as session:
        for state in (other, one):
            await replica.apply(session, event(state, 1, 1))

    async with database.reading() as session:
        assert await replica.find(session, HUBS, provinces=["NL-GR"]) == [one, other]
        assert await replica.find(session, HUBS, name_nl="Oost", kind="hub") == [other]
        assert await replica.find(session, HUBS, id=UUID(int=1)) == [one]
        assert await replica.find(session, COMPANIES) == []
