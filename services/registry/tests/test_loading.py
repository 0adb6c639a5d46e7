"""The register is loaded through the use cases, once, and never over somebody's change."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_registry.loading import load, successors_first
from schakel_registry.settings import CHECKOUT_DATA

pytestmark = pytest.mark.postgres


async def scalar(database: Database, sql: str) -> object:
    async with database.reading() as session:
        return (await session.execute(text(sql))).scalar_one()


async def history(database: Database, slug: str) -> list[tuple[str, datetime, dict[str, object]]]:
    """Return what happened to a fieldlab: happening, when in the world, and the state after it."""
    async with database.reading() as session:
        rows = await session.execute(
            text(
                "SELECT journal.type, effective_at, journal.value FROM journal"
                " JOIN fieldlab ON fieldlab.id = aggregate_id WHERE slug = :slug ORDER BY journal.version"
            ),
            {"slug": slug},
        )
        return [(row[0].split(".")[3], row[1], msgspec.json.decode(row[2])) for row in rows]


@pytest.fixture
async def loaded(database: Database, clock: FixedClock) -> Database:
    report = await load(database, CHECKOUT_DATA, clock)
    assert report == {"hub created": 6, "fieldlab created": 78, "figure created": 81}
    return database


async def test_the_second_run_changes_nothing(loaded: Database, clock: FixedClock) -> None:
    before = await scalar(loaded, "SELECT count(*) FROM journal")
    report = await load(loaded, CHECKOUT_DATA, clock)
    assert report == {"hub same": 6, "fieldlab same": 78, "figure same": 81}
    assert await scalar(loaded, "SELECT count(*) FROM journal") == before


async def test_the_register_is_there_as_it_was_reviewed(loaded: Database) -> None:
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE kind = 'fieldlab'") == 52
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE recognition = 'recognised'") == 23
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE recognition = 'unknown'") == 55
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE status = 'active'") == 34
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE status = 'unknown'") == 38
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE status = 'ended'") == 6
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE NOT published") == 5
    assert await scalar(loaded, "SELECT count(*) FROM fieldlab WHERE capacity <> 'unknown'") == 0


async def test_a_known_date_is_when_it_was_so_and_keeps_its_precision(loaded: Database) -> None:
    registered, recognised = await history(loaded, "technologies-added")
    assert (registered[0], registered[1]) == ("registered", datetime(2015, 12, 31, 23, tzinfo=UTC))
    assert registered[2]["started"] == "2016"
    assert registered[2]["status"] == "active"
    assert (recognised[0], recognised[1]) == ("recognised", datetime(2018, 3, 31, 22, tzinfo=UTC))
    assert recognised[2]["recognition"] == {
        "status": "recognised",
        "on": "2018-04",
        "until": None,
        "basis": "status given by state secretary Keijzer at Hannover Messe",
    }


async def test_an_unknown_date_is_dated_at_the_load_and_stays_unknown(loaded: Database, clock: FixedClock) -> None:
    *_, recognised, ended = await history(loaded, "campione")
    assert (recognised[0], recognised[1]) == ("recognised", clock.now())
    assert recognised[2]["recognition"]["on"] is None  # type: ignore[index]  # the state is plain JSON here
    assert (ended[0], ended[1]) == ("ended", datetime(2021, 9, 30, 22, tzinfo=UTC))
    assert (ended[2]["status"], ended[2]["ended"], ended[2]["status_as_of"]) == ("ended", None, "2021-10")


async def test_a_successor_is_named_also_when_it_stands_later_in_the_file(loaded: Database) -> None:
    succeeded_by = "SELECT succeeded_by FROM fieldlab WHERE slug = '{}'"
    assert await scalar(loaded, succeeded_by.format("zero-surprises-fieldlab")) == "campione"
    assert await scalar(loaded, succeeded_by.format("fieldlab-smartfood")) == "freshteq"


async def test_a_record_that_somebody_changed_is_theirs(loaded: Database, clock: FixedClock, tmp_path: Path) -> None:
    async with loaded.unit_of_work() as session:
        await session.execute(
            text("UPDATE fieldlab SET name = 'RoboHouse Delft', version = 9 WHERE slug = 'robohouse'")
        )
    data = tmp_path / "data"
    shutil.copytree(CHECKOUT_DATA, data)
    file = data / "register" / "fieldlabs.yaml"
    file.write_text(
        file.read_text().replace("name: RoboHouse\n", "name: Robo House\n").replace("name: SAM|XL\n", "name: SAM XL\n")
    )
    report = await load(loaded, data, clock)
    assert report["fieldlab left alone"] == 1
    assert report["fieldlab changed"] == 1
    assert await scalar(loaded, "SELECT name FROM fieldlab WHERE slug = 'robohouse'") == "RoboHouse Delft"
    assert await scalar(loaded, "SELECT name FROM fieldlab WHERE slug = 'sam-xl'") == "SAM XL"
    assert (await history(loaded, "sam-xl"))[-1][0] == "described"


def test_what_a_fieldlab_went_on_in_comes_first() -> None:
    found: list[dict[str, Any]] = [
        {"slug": "a", "succeeded_by": "b"},
        {"slug": "b", "succeeded_by": "c"},
        {"slug": "c", "succeeded_by": "noord"},
        {"slug": "d", "succeeded_by": None},
    ]
    assert [record["slug"] for record in successors_first(found)] == ["d", "c", "b", "a"]
