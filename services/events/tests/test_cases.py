"""Cases: published by whom they belong to, changed on the version one saw, withdrawn."""

from uuid import uuid4

import pytest
from service_api import Api, Hear, Refusal, refusal

from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.topics import FIELDLABS

pytestmark = pytest.mark.postgres

Calls = tuple[tuple[str, str, object], ...]

HUB = ["/hub/oost"]
CASE = {
    "owner": "hub:oost",
    "titleNl": "Minder uitval",
    "titleEn": "Less scrap",
    "summaryNl": "Een bedrijf mat meer.",
    "summaryEn": "A firm measured more.",
    "date": "2026-03",
    "themes": ["robot_welding"],
    "effect": {"textNl": "12% minder uitval", "textEn": "12% less scrap", "measured": True},
}
LAB = FieldlabState(
    id=uuid4(),
    slug="lasatelier",
    name="Lasatelier",
    kind="fieldlab",
    hub="zuid",
    status="active",
    recognition=Recognition(status="unknown"),
    published=True,
    description_nl="",
    description_en="",
)


async def test_a_case_is_published_changed_and_withdrawn(api: Api, hear: Hear) -> None:
    await hear(FIELDLABS, LAB)
    reply = await api.post("/cases", {**CASE, "fieldlab": "lasatelier"}, groups=HUB)
    assert reply.status_code == 201, reply.text
    path = f"/cases/{reply.json()['id']}"
    seen = (await api.get(path, sub=None)).json()
    assert (seen["hub"], seen["date"], seen["fieldlab"]) == ("oost", "2026-03", "lasatelier")
    assert seen["effect"] == CASE["effect"]
    assert refusal(await api.patch(path, {"titleNl": "Veel minder"}, groups=HUB)).slug == "precondition-required"
    assert refusal(await api.patch(path, {"titleNl": "Veel minder"}, groups=HUB, version=9)).slug == "stale-version"
    assert (await api.patch(path, {"effect": CASE["effect"]}, groups=HUB, version=1)).json()["version"] == 1
    assert (await api.patch(path, {"effect": None}, groups=HUB, version=1)).json()["version"] == 2
    assert (await api.said())[-1].state["effect"] is None
    assert (await api.post(f"{path}/withdrawal", {}, groups=HUB)).json()["status"] == "withdrawn"
    assert refusal(await api.post(f"{path}/withdrawal", {}, groups=HUB)).slug == "conflict"
    assert refusal(await api.patch(path, {"titleNl": "Weer"}, groups=HUB, version=3)).slug == "conflict"
    assert refusal(await api.get(path, sub=None)).slug == "not-found"
    await api.assert_said("cases.published", "cases.described", "cases.withdrawn")


async def test_only_who_owns_a_case_may_touch_it(api: Api) -> None:
    reply = await api.post("/cases", CASE, groups=HUB)
    path = f"/cases/{reply.json()['id']}"
    calls: Calls = (("POST", "/cases", CASE), ("PATCH", path, {"titleNl": "x"}), ("POST", f"{path}/withdrawal", {}))
    for method, address, body in calls:
        assert refusal(await api.send(method, address, body, sub=None, version=1))[:2] == (401, "not-signed-in")
        for groups in ([], ["/hub/noord"], ["/national"]):
            assert refusal(await api.send(method, address, body, groups=groups, version=1)).slug == "forbidden"
    await api.assert_said("cases.published")


WRONG: list[tuple[dict[str, object], list[tuple[str, str]]]] = [
    ({"date": "last spring"}, [("date", "date-form")]),
    ({"date": "2026-13"}, [("date", "date-form")]),
    ({"province": "Twente"}, [("province", "province-unknown")]),
    ({"themes": ["magic"]}, [("themes.0", "theme-unknown")]),
    ({"fieldlab": "nowhere"}, [("fieldlab", "fieldlab-unknown")]),
    ({"effect": {"textNl": "x"}}, [("effect.textEn", "required"), ("effect.measured", "required")]),
]


async def test_a_wrong_field_is_named_and_nothing_is_published(api: Api) -> None:
    for different, errors in WRONG:
        reply = await api.post("/cases", {**CASE, **different}, groups=HUB)
        assert refusal(reply) == Refusal(400, "invalid-input", errors)
    assert await api.rows("SELECT count(*) FROM story") == [(0,)]
    await api.assert_said()
