"""An adviser's judgement: kept with its reason, apart from the score, and only by the company's own hub."""

from uuid import uuid4

import httpx
import pytest
from matching_world import Json, World
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schakel_contracts.companies import CompanyState, Establishment
from schakel_contracts.topics import COMPANIES

pytestmark = pytest.mark.postgres

HUB = "/hub/zuid-holland"
WHY = "Zij hebben de cel die past bij kleine series."


async def _judged(world: World, challenge_id: str, body: Json, **headers: str) -> httpx.Response:
    who = world.user("adviser", HUB)
    return await world.post(f"/v1/challenges/{challenge_id}/judgements", body, headers={**who, **headers})


async def _need(world: World) -> str:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("bakker", themes=[], description_nl="Brood bakken.", description_en="Baking bread.")
    company = await world.company("anna")
    return await world.challenge(company, "anna")


async def _read(world: World, challenge_id: str, who: dict[str, str]) -> Json:
    reply = await world.client.post("/v1/private/challenges", json={"ids": [challenge_id]}, headers=who)
    found: Json = reply.json()["items"][challenge_id]
    return found


async def test_an_added_fieldlab_stands_beside_the_slate_and_moves_no_score(world: World) -> None:
    challenge_id = await _need(world)
    before = await world.state(challenge_id)

    reply = await _judged(
        world, challenge_id, {"fieldlab": "bakker", "action": "add", "reason": WHY}, **{"If-Match": '"1"'}
    )

    assert (reply.status_code, reply.json()["version"], reply.headers["etag"]) == (200, 2, '"2"')
    after = await world.state(challenge_id)
    assert after == {**before, "judgements": [{"fieldlab": "bakker", "action": "add", "hub": "zuid-holland"}]}
    assert (await world.journal())[-1] == ("challenges.judged", 2)
    assert (
        await world.rows("SELECT 1 FROM journal WHERE position(:words IN convert_from(value, 'UTF8')) > 0", words=WHY)
        == []
    )
    said = {"fieldlab": "bakker", "action": "add", "reason": WHY, "hub": "zuid-holland"}
    for who in (world.user("anna"), world.user("h", HUB)):
        read = await _read(world, challenge_id, who)
        assert [{key: each[key] for key in said} for each in read["judgements"]] == [said]
        assert [match["slug"] for match in read["matches"]] == ["lasfabriek"]
    rows = await world.rows("SELECT fieldlab, action, rank, score, model, challenge_version FROM judgement")
    assert rows == [("bakker", "add", None, None, before["model"], 2)]


async def test_a_fieldlab_that_is_asked_reads_the_need_and_no_judgement(world: World) -> None:
    challenge_id = await _need(world)
    await world.referral(challenge_id, "anna")
    await _judged(world, challenge_id, {"fieldlab": "lasfabriek", "action": "pin", "reason": WHY})
    read = await _read(world, challenge_id, world.user("lab", "/fieldlab/lasfabriek"))
    assert (read["judgements"], WHY in str(read)) == ([], False)
    whole = await world.client.get(f"/v1/challenges/{challenge_id}", headers=world.user("lab", "/fieldlab/lasfabriek"))
    assert WHY not in whole.text


async def test_the_newest_judgement_holds_and_every_one_is_kept_with_where_the_fieldlab_stood(world: World) -> None:
    challenge_id = await _need(world)
    for action in ("pin", "drop", "take_back"):
        reply = await _judged(world, challenge_id, {"fieldlab": "lasfabriek", "action": action, "reason": WHY})
        assert reply.status_code == 200, reply.text
    assert (await world.state(challenge_id))["judgements"] == []
    assert (await _read(world, challenge_id, world.user("anna")))["judgements"] == []
    score = (await world.state(challenge_id))["matches"][0]["score"]
    rows = await world.rows("SELECT action, rank, score, challenge_version FROM judgement ORDER BY id")
    assert rows == [("pin", 1, score, 2), ("drop", 1, score, 3), ("take_back", 1, score, 4)]


async def test_who_is_not_an_adviser_of_the_companys_hub_judges_nothing(world: World) -> None:
    challenge_id = await _need(world)
    before = await world.counts()
    body = {"fieldlab": "lasfabriek", "action": "drop", "reason": WHY}
    for who in (
        world.user("anna"),
        world.user("x", "/hub/oost"),
        world.user("x", "/national"),
        world.user("lab", "/fieldlab/lasfabriek"),
    ):
        reply = await world.post(f"/v1/challenges/{challenge_id}/judgements", body, headers=who)
        assert (reply.status_code, reply.json()["type"].rpartition("/")[2]) == (403, "forbidden")
    assert (await world.client.post(f"/v1/challenges/{challenge_id}/judgements", json=body)).status_code == 401
    assert await world.counts() == before
    assert await world.rows("SELECT 1 FROM judgement") == []


async def test_the_desk_of_the_establishment_that_has_the_need_may_judge_too(world: World) -> None:
    await world.fieldlab()
    establishment = Establishment(id=uuid4(), hub="oost", primary=True, province="NL-OV", postcode4="7521")
    company = await world.company("anna", establishments=[establishment])
    challenge_id = await world.challenge(company, "anna")
    body = {"fieldlab": "lasfabriek", "action": "pin", "reason": WHY}
    reply = await world.post(f"/v1/challenges/{challenge_id}/judgements", body, headers=world.user("a", "/hub/oost"))
    assert reply.status_code == 200
    assert (await world.state(challenge_id))["judgements"] == [
        {"fieldlab": "lasfabriek", "action": "pin", "hub": "oost"}
    ]


async def test_what_cannot_be_said_is_refused_at_its_field_and_leaves_nothing(world: World) -> None:
    challenge_id = await _need(world)
    await world.fieldlab("geheim", published=False)
    await world.fieldlab("klaar", status="ended", ended="2024", succeeded_by="lasfabriek")
    before = await world.counts()
    cases: list[tuple[Json, str, list[tuple[str, str]]]] = [
        ({"fieldlab": "bestaat-niet"}, "invalid-input", [("fieldlab", "fieldlab-unknown")]),
        ({"fieldlab": "geheim"}, "invalid-input", [("fieldlab", "fieldlab-unknown")]),
        ({"fieldlab": "klaar"}, "fieldlab-ended", []),
        ({"fieldlab": "lasfabriek"}, "invalid-input", [("fieldlab", "in-slate")]),
        ({"action": "pin"}, "invalid-input", [("fieldlab", "not-in-slate")]),
        ({"action": "drop"}, "invalid-input", [("fieldlab", "not-in-slate")]),
        ({"action": "take_back"}, "invalid-input", [("fieldlab", "not-judged")]),
        ({"action": "promote"}, "invalid-input", [("action", "not-one-of")]),
        ({"reason": "kort"}, "invalid-input", [("reason", "too-short")]),
        ({"reason": "x" * 501}, "invalid-input", [("reason", "too-long")]),
    ]
    for change, slug, errors in cases:
        reply = await _judged(world, challenge_id, {"fieldlab": "bakker", "action": "add", "reason": WHY, **change})
        assert reply.json()["type"].rpartition("/")[2] == slug, change
        assert [(error["field"], error["code"]) for error in reply.json().get("errors", [])] == errors
    assert await world.counts() == before
    assert await world.rows("SELECT 1 FROM judgement") == []


async def test_a_stale_form_the_same_again_and_a_double_submit_change_nothing_more(world: World) -> None:
    challenge_id = await _need(world)
    body = {"fieldlab": "bakker", "action": "add", "reason": WHY}
    key = {"Idempotency-Key": "a-form-that-was-sent-twice"}
    first = await _judged(world, challenge_id, body, **key)
    assert (await _judged(world, challenge_id, body, **key)).json() == first.json()
    counts = await world.counts()
    stale = await _judged(world, challenge_id, {**body, "action": "drop"}, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["type"].rpartition("/")[2]) == (412, "stale-version")
    same = await _judged(world, challenge_id, body)
    assert same.json()["type"].rpartition("/")[2] == "already-answered"
    await world.post(f"/v1/challenges/{challenge_id}/withdrawal", {}, headers=world.user("anna"))
    late = await _judged(world, challenge_id, {**body, "action": "drop"})
    assert late.json()["type"].rpartition("/")[2] == "conflict"
    assert (await world.counts())[0] == counts[0] + 1
    assert await world.rows("SELECT count(*) FROM judgement") == [(1,)]


async def test_every_slate_and_what_came_of_it_is_kept_and_cannot_be_changed(world: World) -> None:
    challenge_id = await _need(world)
    referral_id = await world.referral(challenge_id, "anna")
    await _judged(world, challenge_id, {"fieldlab": "bakker", "action": "add", "reason": WHY})
    lab = world.user("lab", "/fieldlab/lasfabriek")
    await world.post(f"/v1/referrals/{referral_id}/decline", {"reason": "no_capacity"}, headers=lab)

    state = await world.state(challenge_id)
    kept = await world.rows("SELECT challenge_version, fieldlab, rank, score, model, parts FROM slate_place")
    assert [row[:5] for row in kept] == [(1, "lasfabriek", 1, state["matches"][0]["score"], state["model"])]
    assert sum(kept[0][5].values()) == pytest.approx(kept[0][3], abs=1e-9)
    steps = "SELECT referral_version, happening, decline_reason FROM slate_outcome ORDER BY 1"
    assert await world.rows(steps) == [(1, "requested", None), (2, "declined", "no_capacity")]
    for statement in (
        "UPDATE slate_place SET score = 100",
        "DELETE FROM slate_place",
        "UPDATE slate_outcome SET outcome = 'invested'",
        "UPDATE judgement SET action = 'drop'",
        "UPDATE judgement SET reason = 'anders'",
        "DELETE FROM judgement",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            async with world.database.unit_of_work() as session:
                await session.execute(text(statement))


async def test_an_erased_company_takes_the_reasons_along_and_leaves_that_they_were_given(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna")
    challenge_id = await world.challenge(company, "anna")
    await _judged(world, challenge_id, {"fieldlab": "lasfabriek", "action": "pin", "reason": WHY})
    erased = CompanyState(id=company.id, status="erased", home_hub="zuid-holland")
    await world.hear(COMPANIES, erased, version=2, happening="erased")
    assert await world.rows("SELECT fieldlab, action, reason FROM judgement") == [("lasfabriek", "pin", None)]
    state = await world.state(challenge_id)
    assert (state["judgements"], state["shared"]) == ([], False)


async def test_consent_is_the_companys_alone_and_no_by_default(world: World) -> None:
    challenge_id = await _need(world)
    assert (await world.state(challenge_id))["shared"] is False
    path = f"/v1/challenges/{challenge_id}/consent"
    before = await world.counts()
    for who in (world.user("h", HUB), world.user("x"), world.user("lab", "/fieldlab/lasfabriek")):
        assert (await world.post(path, {"shared": True}, headers=who)).status_code == 403
    same = await world.post(path, {"shared": False}, headers=world.user("anna"))
    assert (same.status_code, same.json()["version"]) == (200, 1)
    assert await world.counts() == before

    given = await world.post(path, {"shared": True}, headers={**world.user("anna"), "If-Match": '"1"'})
    assert given.json()["version"] == 2
    assert (await world.state(challenge_id))["shared"] is True
    stale = await world.post(path, {"shared": False}, headers={**world.user("anna"), "If-Match": '"1"'})
    assert stale.status_code == 412
    await world.post(path, {"shared": False}, headers=world.user("anna"))
    assert (await world.state(challenge_id))["shared"] is False
    assert (await world.journal())[-2:] == [("challenges.consent-changed", 2), ("challenges.consent-changed", 3)]
