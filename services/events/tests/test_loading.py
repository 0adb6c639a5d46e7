"""Activities and cases are loaded through the use cases, once, and never over somebody's change."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from service_api import Api

from schakel_common.clock import FixedClock
from schakel_common.database import Database
from schakel_events.loading import load
from schakel_events.settings import CHECKOUT_DATA

pytestmark = pytest.mark.postgres


@pytest.fixture
async def loaded(database: Database, clock: FixedClock) -> Database:
    assert await load(database, CHECKOUT_DATA, clock) == {"activity created": 34, "case created": 29}
    return database


async def test_the_second_run_changes_nothing(loaded: Database, api: Api, clock: FixedClock) -> None:
    before = await api.rows("SELECT count(*) FROM journal")
    assert await load(loaded, CHECKOUT_DATA, clock) == {"activity same": 34, "case same": 29}
    assert await api.rows("SELECT count(*) FROM journal") == before == [(63,)]


@pytest.mark.usefixtures("loaded")
async def test_a_past_activity_keeps_the_precision_of_its_date_and_what_is_unknown(api: Api) -> None:
    by_slug = {each.state["slug"]: each for each in await api.said()}
    launch, founding = by_slug["aftrap-smart-industry-2015"], by_slug["fieldlab-sociale-innovatie-start"]
    assert launch.what == "activities.held.v1"
    assert [launch.state[name] for name in ("starts_at", "date_precision", "status", "hub", "organiser")] == [
        "2015-01-22",
        "day",
        "held",
        "national",
        "national",
    ]
    assert (founding.state["starts_at"], founding.state["date_precision"]) == ("2015-08", "month")
    unknown = ("capacity", "seats_taken", "waiting", "attendance", "ends_at")
    assert [launch.state[name] for name in unknown] == [None] * 5
    assert launch.state["mode"] == "unknown"
    assert await api.rows("SELECT effective_at FROM journal WHERE seq = 1") == [
        (datetime(2015, 1, 21, 23, tzinfo=UTC),)
    ]


@pytest.mark.usefixtures("loaded")
async def test_a_case_belongs_to_the_hub_of_its_fieldlab_and_a_hope_is_no_measured_effect(api: Api) -> None:
    (case,) = [each.state for each in await api.said() if each.state["slug"] == "tima-robotlassen"]
    assert (case["owner"], case["hub"], case["date"]) == ("hub:zuid-holland", "zuid-holland", "2016")
    assert case["effect"]["measured"] is False
    measured = await api.rows("SELECT count(*) FROM story WHERE effect_measured")
    assert measured == [(7,)]
    assert await api.rows("SELECT count(*) FROM story WHERE date IS NULL") == [(5,)]


async def test_a_record_that_somebody_changed_is_theirs(
    loaded: Database, api: Api, clock: FixedClock, tmp_path: Path
) -> None:
    ((case_id,),) = await api.rows("SELECT id FROM story WHERE slug = 'tima-robotlassen'")
    mine = {"titleNl": "Robots aan boord"}
    reply = await api.patch(f"/cases/{case_id}", mine, groups=["/hub/zuid-holland"], version=1)
    assert reply.status_code == 200, reply.text
    data = tmp_path / "data"
    shutil.copytree(CHECKOUT_DATA, data)
    for name, old, new in (
        ("cases", "title_nl: Robotlassen voor de scheepvaart", "title_nl: Robotlassen op zee"),
        ("cases", "title_nl: Slimme straatlantaarns uit een gedeelde fabriek", "title_nl: Slimme straatlantaarns"),
        ("events", "organiser: Team Smart Industry", "organiser: Smart Industry"),
    ):
        file = data / "register" / f"{name}.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    assert await load(loaded, data, clock) == {
        "activity changed": 1,
        "activity same": 33,
        "case changed": 1,
        "case left alone": 1,
        "case same": 27,
    }
    assert await api.rows("SELECT title_nl FROM story WHERE slug = 'tima-robotlassen'") == [("Robots aan boord",)]
