"""The life of a fieldlab over HTTP, its public face, and published figures."""

import asyncio
from datetime import UTC, datetime

import pytest
from service_api import Api, Refusal, refusal

from schakel_contracts.ids import register_id

pytestmark = pytest.mark.postgres

NATIONAL = ["/national"]
LAB = ["/fieldlab/lasatelier"]
FIELDLAB = {
    "slug": "lasatelier",
    "name": "Lasatelier",
    "hub": "zuid-holland",
    "postcode4": "3356",
    "started": "2024",
    "themes": ["robot_welding"],
    "sectors": ["25"],
    "descriptionNl": "Hier last een robot.",
}
PATH = "/fieldlabs/lasatelier"


@pytest.fixture
async def lab(api: Api) -> Api:
    reply = await api.post("/fieldlabs", FIELDLAB, groups=NATIONAL)
    assert reply.status_code == 201, reply.text
    return api


async def test_a_fieldlab_is_registered_from_the_year_it_started_and_located_by_its_postcode(lab: Api) -> None:
    (said,) = await lab.said()
    assert said.what == "fieldlabs.registered.v1"
    expected = {
        "id": str(register_id("fieldlab", "lasatelier")),
        "status": "candidate",
        "province": "NL-ZH",
        "municipality_code": "GM0590",
        "place": "Papendrecht",
        "started": "2024",
        "capacity": "unknown",
        "languages": [],
    }
    assert {name: said.state[name] for name in expected} == expected
    started = await lab.rows("SELECT effective_at FROM journal")
    assert started == [(datetime(2023, 12, 31, 23, tzinfo=UTC),)]


WRONG: list[tuple[dict[str, object], list[tuple[str, str]]]] = [
    ({"slug": "Las Atelier"}, [("slug", "slug-form")]),
    ({"hub": "west"}, [("hub", "hub-unknown")]),
    ({"postcode4": "1999"}, [("postcode4", "postcode-unknown")]),
    ({"province": "Twente"}, [("province", "province-unknown")]),
    ({"themes": ["magic"]}, [("themes.0", "theme-unknown")]),
    ({"sectors": ["25", "00"]}, [("sectors.1", "sbi-unknown")]),
    ({"started": "spring"}, [("started", "date-form")]),
    ({"trlMin": 6, "trlMax": 4}, [("trlMax", "trl-order")]),
    ({"trlMin": 0}, [("trlMin", "too-small")]),
    ({"website": "javascript:alert(1)"}, [("website", "wrong-format")]),
    ({"status": "ended"}, [("status", "not-one-of")]),
]


async def test_a_wrong_field_is_named_and_nothing_is_registered(api: Api) -> None:
    for different, errors in WRONG:
        reply = await api.post("/fieldlabs", {**FIELDLAB, **different}, groups=NATIONAL)
        assert refusal(reply) == Refusal(400, "invalid-input", errors)
    assert await api.rows("SELECT count(*) FROM fieldlab") == [(0,)]
    await api.assert_said()


async def test_a_slug_is_never_used_again_also_not_after_the_end(lab: Api) -> None:
    assert (await lab.post(f"{PATH}/ending", {"on": "2026-10"}, groups=LAB)).status_code == 200
    assert refusal(await lab.post("/fieldlabs", FIELDLAB, groups=NATIONAL)) == Refusal(409, "slug-taken", [])
    await lab.assert_said("fieldlabs.registered", "fieldlabs.ended")


async def test_of_eight_that_take_a_slug_at_once_one_gets_it(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/fieldlabs", FIELDLAB, groups=NATIONAL) for _ in range(8)))
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
    await api.assert_said("fieldlabs.registered")


async def test_a_change_says_what_changed_and_no_difference_is_no_event(lab: Api) -> None:
    assert refusal(await lab.patch(PATH, {"capacity": "full"}, groups=LAB)) == Refusal(428, "precondition-required", [])
    same = await lab.patch(PATH, {"name": "Lasatelier", "capacity": "unknown"}, groups=LAB, version=1)
    assert (same.status_code, same.json()["version"], same.headers["ETag"]) == (200, 1, '"1"')
    assert (await lab.patch(PATH, {"capacity": "full"}, groups=LAB, version=1)).json()["version"] == 2
    stale = await lab.patch(PATH, {"name": "Anders"}, groups=LAB, version=1)
    assert refusal(stale) == Refusal(412, "stale-version", [])
    assert (await lab.patch(PATH, {"name": "Anders", "capacity": "free"}, groups=LAB, version=2)).is_success
    wrong = await lab.patch(PATH, {"name": None}, groups=LAB, version=3)
    assert refusal(wrong) == Refusal(400, "invalid-input", [("name", "not-a-text")])
    await lab.assert_said("fieldlabs.registered", "fieldlabs.capacity-changed", "fieldlabs.described")


async def test_a_confirmation_keeps_the_day_and_the_capacity_in_which_somebody_spoke(lab: Api) -> None:
    for groups, said_by in ((LAB, "fieldlab:lasatelier"), (["/hub/zuid-holland"], "hub:zuid-holland")):
        assert (await lab.post(f"{PATH}/confirmation", {}, groups=groups)).status_code == 200
        assert (await lab.said())[-1].state["confirmed"] == {"on": "2026-11-24", "by": said_by}


async def test_recognition_and_operating_status_are_two_axes(lab: Api) -> None:
    on = {"on": "2025-03", "basis": "steering group of March 2025"}
    assert (await lab.post(f"{PATH}/recognition", on, groups=NATIONAL)).status_code == 200
    assert refusal(await lab.post(f"{PATH}/recognition", on, groups=NATIONAL)) == Refusal(409, "conflict", [])
    assert (await lab.post(f"{PATH}/activation", {}, groups=LAB)).json()["status"] == "active"
    assert refusal(await lab.post(f"{PATH}/activation", {}, groups=LAB)).slug == "conflict"
    assert (await lab.post(f"{PATH}/pause", {"on": "2026-11-01"}, groups=LAB)).json()["status"] == "paused"
    withdrawn = await lab.post(f"{PATH}/recognition-withdrawal", {"on": "2026-11-20"}, groups=NATIONAL)
    assert withdrawn.json()["status"] == "paused"
    last = (await lab.said())[-1]
    assert last.state["recognition"] == {
        "status": "withdrawn",
        "on": "2025-03",
        "until": "2026-11-20",
        "basis": "steering group of March 2025",
    }
    assert refusal(await lab.post(f"{PATH}/recognition-withdrawal", {}, groups=NATIONAL)).slug == "conflict"
    wrong = await lab.post(f"{PATH}/recognition", {"on": "2025-13"}, groups=NATIONAL)
    assert refusal(wrong) == Refusal(400, "invalid-input", [("on", "date-form")])
    times = await lab.rows("SELECT effective_at FROM journal WHERE version IN (2, 4) ORDER BY version")
    assert times == [(datetime(2025, 2, 28, 23, tzinfo=UTC),), (datetime(2026, 10, 31, 23, tzinfo=UTC),)]
    await lab.assert_said(
        "fieldlabs.registered",
        "fieldlabs.recognised",
        "fieldlabs.activated",
        "fieldlabs.paused",
        "fieldlabs.recognition-withdrawn",
    )


async def test_an_end_names_what_goes_on_and_is_final(lab: Api) -> None:
    assert (await lab.post("/fieldlabs", {**FIELDLAB, "slug": "next"}, groups=NATIONAL)).status_code == 201
    for successor, code in (("nowhere", "successor-unknown"), ("lasatelier", "successor-circle")):
        reply = await lab.post(f"{PATH}/ending", {"succeededBy": successor}, groups=LAB)
        assert refusal(reply) == Refusal(400, "invalid-input", [("succeededBy", code)])
    assert (await lab.post(f"{PATH}/ending", {"succeededBy": "next"}, groups=LAB)).json()["status"] == "ended"
    circle = await lab.post("/fieldlabs/next/ending", {"succeededBy": "lasatelier"}, groups=NATIONAL)
    assert refusal(circle).errors == [("succeededBy", "successor-circle")]
    for step in ("activation", "pause", "ending"):
        assert refusal(await lab.post(f"{PATH}/{step}", {}, groups=LAB)) == Refusal(409, "fieldlab-ended", [])
    await lab.assert_said("fieldlabs.registered", "fieldlabs.registered", "fieldlabs.ended")


async def test_what_is_not_published_is_seen_by_the_national_team_only(lab: Api) -> None:
    assert (await lab.get(PATH, sub=None)).json()["descriptionNl"] == "Hier last een robot."
    assert (await lab.patch(PATH, {"published": False}, groups=NATIONAL, version=1)).status_code == 200
    for sub, groups in ((None, []), ("ann", []), ("lab", LAB)):
        assert refusal(await lab.get(PATH, sub=sub, groups=groups)).slug == "not-found"
        assert (await lab.get("/fieldlabs", sub=sub, groups=groups)).json() == {"items": [], "next": None}
    seen = await lab.get(PATH, groups=NATIONAL)
    assert (seen.json()["published"], seen.headers["ETag"]) == (False, '"2"')
    assert refusal(await lab.get("/fieldlabs/nowhere", sub=None)) == Refusal(404, "not-found", [])
    unknown = await lab.patch("/fieldlabs/nowhere", {"name": "x"}, groups=NATIONAL, version=1)
    assert refusal(unknown) == Refusal(404, "not-found", [])


async def test_fieldlabs_are_listed_page_by_page(api: Api) -> None:
    for slug in ("aa", "bb", "cc"):
        await api.post(
            "/fieldlabs", {**FIELDLAB, "slug": slug, "hub": "oost" if slug == "bb" else "zuid"}, groups=NATIONAL
        )
    first = (await api.get("/fieldlabs?limit=2", sub=None)).json()
    assert ([item["slug"] for item in first["items"]], first["next"]) == (["aa", "bb"], "bb")
    second = (await api.get("/fieldlabs?limit=2&after=bb", sub=None)).json()
    assert ([item["slug"] for item in second["items"]], second["next"]) == (["cc"], None)
    assert [item["slug"] for item in (await api.get("/fieldlabs?hub=oost", sub=None)).json()["items"]] == ["bb"]


async def test_a_figure_is_published_with_its_source_and_corrected_on_the_version_one_saw(lab: Api) -> None:
    figure = {
        "level": "fieldlab",
        "subject": "lasatelier",
        "labelNl": "Bereikt",
        "labelEn": "Reached",
        "value": 550,
        "unit": "companies",
        "qualifier": "about",
        "kind": "output",
        "source": "a letter",
        "asOf": "2021-04",
    }
    reply = await lab.post("/figures", {**figure, "key": "reached", "subject": "nowhere"}, groups=NATIONAL)
    assert refusal(reply) == Refusal(400, "invalid-input", [("subject", "subject-unknown")])
    assert (await lab.post("/figures", {**figure, "key": "reached"}, groups=NATIONAL)).status_code == 201
    assert refusal(await lab.post("/figures", {**figure, "key": "reached"}, groups=NATIONAL)).slug == "slug-taken"
    assert refusal(await lab.patch("/figures/reached", figure, groups=NATIONAL)).slug == "precondition-required"
    assert (await lab.patch("/figures/reached", figure, groups=NATIONAL, version=1)).json()["version"] == 1
    corrected = await lab.patch("/figures/reached", {**figure, "value": 680}, groups=NATIONAL, version=1)
    assert corrected.json()["version"] == 2
    assert [item["value"] for item in (await lab.get("/figures", sub=None)).json()["items"]] == [680.0]
    await lab.assert_said("fieldlabs.registered", "figures.published", "figures.corrected")
