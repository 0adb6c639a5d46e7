"""What a company tells beside its text, at first and as a correction: kept, shown, and gone with the company."""

from uuid import uuid4

import pytest
from matching_world import Json, World

from schakel_common.testing import idempotency_key
from schakel_contracts.topics import COMPANIES

pytestmark = pytest.mark.postgres

TEXT = "Wij zoeken een lasrobot voor kleine series, en onze oven slurpt te veel gas."
NEED = {"text": TEXT, "language": "nl", "postcode": "2628 CN"}
NOTHING: Json = {
    "needs": [],
    "technologies": {"right": [], "wrong": []},
    "serviceWanted": None,
    "trl": None,
    "sizeClass": "unknown",
}


async def drafted(world: World, **more: object) -> Json:
    reply = await world.post("/v1/drafts", {**NEED, **more})
    assert reply.status_code == 201, reply.text
    draft: Json = reply.json()
    return draft


async def test_a_draft_says_what_it_was_told_and_a_correction_replaces_all_of_it(world: World) -> None:
    await world.fieldlab(services=["training"])
    draft = await drafted(world, technologies={"wrong": ["small_series"]}, serviceWanted="training", trl=4)
    technologies = {"right": [], "wrong": ["small_series"]}
    assert draft["told"] == {**NOTHING, "technologies": technologies, "serviceWanted": "training", "trl": 4}
    assert "small_series" not in draft["concepts"]
    parts = {part["name"]: part for part in draft["matches"][0]["parts"]}
    assert (parts["service"]["value"], parts["service"]["textEn"]) == (4.0, "You want to learn. That is possible here.")

    path, secret = f"/v1/drafts/{draft['id']}", {"Draft-Secret": draft["secret"]}
    reply = await world.post(f"{path}/corrections", {"needs": [TEXT], "sizeClass": "small"}, headers=secret)
    assert reply.status_code == 200
    corrected = reply.json()
    assert corrected["told"] == {**NOTHING, "needs": [TEXT], "sizeClass": "small"}
    assert [need["quote"] for need in corrected["needs"]] == [TEXT]
    assert "small_series" in corrected["concepts"]
    assert (await world.client.get(path, headers=secret)).json() == corrected
    assert await world.counts() == (0, 0)


async def test_a_correction_that_cannot_be_is_refused_at_its_field_and_changes_nothing(world: World) -> None:
    draft = await drafted(world)
    path, secret = f"/v1/drafts/{draft['id']}/corrections", {"Draft-Secret": draft["secret"]}
    both = {"technologies": {"right": ["cobots"], "wrong": ["cobots"]}}
    cases: list[tuple[Json, str, str]] = [
        ({"needs": ["wij zoeken een kapper"]}, "needs.0", "need-not-in-text"),
        ({"needs": [TEXT, " "]}, "needs.1", "need-not-in-text"),
        ({"technologies": {"right": ["no_such_key"]}}, "technologies.right.0", "technology-unknown"),
        (both, "technologies", "technology-right-and-wrong"),
        ({"trl": 10}, "trl", "too-large"),
        ({"serviceWanted": "haircut"}, "serviceWanted", "not-one-of"),
    ]
    for body, field, code in cases:
        for reply in (await world.post(path, body, headers=secret), await world.post("/v1/drafts", {**NEED, **body})):
            assert reply.status_code == 400
            assert [(error["field"], error["code"]) for error in reply.json()["errors"]] == [(field, code)]
    wrong = await world.post(path, {}, headers={"Draft-Secret": "wrong"})
    assert wrong.json()["type"].endswith("/not-found")
    assert await world.rows("SELECT count(*), count(told) FROM draft") == [(1, 0)]


async def test_a_challenge_keeps_what_the_draft_was_told_and_the_companys_own_size(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna", size_class="medium")
    draft = await drafted(world, technologies={"wrong": ["small_series"]}, sizeClass="small")
    body = {"companyId": str(company.id), "draftId": draft["id"], "draftSecret": draft["secret"]}
    made = (await world.post("/v1/challenges", body, headers=world.user("anna"))).json()

    read = (await world.client.get(f"/v1/challenges/{made['id']}", headers=world.user("anna"))).json()
    assert read["told"] == {**draft["told"], "sizeClass": "medium"}
    assert "small_series" not in read["concepts"]
    assert [need["quote"] for need in read["needs"]] == [need["quote"] for need in draft["needs"]]


async def test_a_member_corrects_an_open_challenge_and_it_is_matched_again(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna", TEXT)
    path = f"/v1/challenges/{challenge}"
    tell = {"technologies": {"right": ["energy_electrification"], "wrong": ["robot_welding"]}}

    reply = await world.post(f"{path}/corrections", tell, headers={**world.user("anna"), "If-Match": '"1"'})

    assert (reply.status_code, reply.json()["version"]) == (200, 2)
    assert await world.journal() == [("challenges.submitted", 1), ("challenges.rematched", 2)]
    state = await world.state(challenge)
    assert "energy_electrification" in state["concepts"]
    assert "robot_welding" not in state["concepts"]
    assert "told" not in state
    read = (await world.client.get(path, headers=world.user("anna"))).json()
    assert read["told"]["technologies"] == tell["technologies"]


async def test_who_may_not_correct_a_challenge_and_when(world: World) -> None:
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna", TEXT)
    path = f"/v1/challenges/{challenge}/corrections"
    before = await world.counts()
    for where, headers, slug in (
        (path, world.user("desk", "/hub/zuid-holland"), "forbidden"),
        (path, world.user("stranger"), "forbidden"),
        (path, {**world.user("anna"), "If-Match": '"7"'}, "stale-version"),
        (f"/v1/challenges/{uuid4()}/corrections", world.user("anna"), "not-found"),
    ):
        assert (await world.post(where, {}, headers=headers)).json()["type"].endswith(f"/{slug}")
    assert await world.counts() == before
    await world.post(f"/v1/challenges/{challenge}/withdrawal", {}, headers=world.user("anna"))
    assert (await world.post(path, {}, headers=world.user("anna"))).json()["type"].endswith("/conflict")


async def test_what_was_told_is_masked_like_the_text_and_erased_with_the_company(world: World) -> None:
    company = await world.company("anna")
    mail = "Mail anna@firma.nl voor de rest."
    body = {"companyId": str(company.id), "text": f"Wij zoeken een lasrobot. {mail}", "language": "nl"}
    made = await world.post("/v1/challenges", {**body, "told": {"needs": [mail]}}, headers=world.user("anna"))
    assert made.status_code == 201, made.text
    kept = await world.rows("SELECT told::text, slate::text FROM challenge")
    assert "Mail [verborgen] voor de rest." in kept[0][0]
    assert "anna@firma.nl" not in kept[0][0] + kept[0][1]

    erased = type(company)(id=company.id, status="erased", home_hub=company.home_hub)
    await world.hear(COMPANIES, erased, version=2, happening="erased")
    assert await world.rows("SELECT told, slate, text FROM challenge") == [(None, None, None)]


async def test_a_repeated_correction_is_one_correction(world: World) -> None:
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna", TEXT)
    headers = {**idempotency_key(), **world.user("anna")}
    first = await world.post(f"/v1/challenges/{challenge}/corrections", {"trl": 5}, headers=headers)
    again = await world.post(f"/v1/challenges/{challenge}/corrections", {"trl": 5}, headers=headers)
    assert first.json() == again.json()
    assert [version for _, version in await world.journal()] == [1, 2]
