"""Why a fieldlab stands where it stands, asked over HTTP, and what a company is told when a slate changes by itself."""

from uuid import uuid4

import pytest
from matching_world import World, fieldlab_state

from schakel_common.testing import idempotency_key
from schakel_contracts.topics import FIELDLABS

pytestmark = pytest.mark.postgres

FACTS = {"fieldlab_trl", "fieldlab_size", "fieldlab_language"}
WORDS = {"text": "Wij zoeken een lasrobot voor kleine series.", "language": "nl", "postcode": "7521"}


async def _draft(world: World) -> tuple[str, dict[str, str]]:
    reply = await world.post("/v1/drafts", WORDS, headers=idempotency_key())
    assert reply.status_code == 201, reply.text
    return reply.json()["id"], {"Draft-Secret": reply.json()["secret"]}


async def test_who_typed_a_need_asks_why_not_this_one(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("bakker", themes=["food_processing"], description_nl="Brood.", description_en="Bread.")
    draft, secret = await _draft(world)
    found = (await world.client.get(f"/v1/drafts/{draft}/explanations/lasfabriek", headers=secret)).json()
    assert (found["match"]["rank"], found["of"], found["keptOut"], found["short"]) == (1, 2, None, 0.0)
    assert found["match"]["score"] == pytest.approx(sum(part["value"] for part in found["match"]["parts"]))
    assert {"fact": "confirmation", "missing": True, "gain": 6.0, "rank": 1} in found["changes"]
    other = (await world.client.get(f"/v1/drafts/{draft}/explanations/bakker", headers=secret)).json()
    assert (other["keptOut"], other["changes"], other["enough"]) == ("no_fit", [], [])


async def test_without_the_secret_or_for_what_is_not_published_there_is_nothing(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("geheim", published=False)
    draft, secret = await _draft(world)
    for path, headers in (
        (f"/v1/drafts/{draft}/explanations/lasfabriek", {"Draft-Secret": "wrong"}),
        (f"/v1/drafts/{uuid4()}/explanations/lasfabriek", secret),
        (f"/v1/drafts/{draft}/explanations/geheim", secret),
        (f"/v1/drafts/{draft}/explanations/bestaat-niet", secret),
    ):
        reply = await world.client.get(path, headers=headers)
        assert (reply.status_code, reply.json()["type"].rsplit("/", 1)[1]) == (404, "not-found"), path


async def test_who_may_read_a_slate_may_ask_and_nobody_else(world: World) -> None:
    await world.fieldlab("lasfabriek")
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna")
    path = f"/v1/challenges/{challenge}/explanations/lasfabriek"
    for who in (world.user("anna"), world.user("adviser", "/hub/zuid-holland")):
        assert (await world.client.get(path, headers=who)).status_code == 200
    for who in (world.user("eva"), world.user("n", "/national"), world.user("f", "/fieldlab/lasfabriek")):
        assert (await world.client.get(path, headers=who)).status_code == 403
    assert (await world.client.get(path)).status_code == 401
    await world.referral(challenge, "anna")
    assert (await world.client.get(path, headers=world.user("f", "/fieldlab/lasfabriek"))).status_code == 200


async def test_a_coach_is_for_its_own_fieldlab_and_tells_counts_only(world: World) -> None:
    for slug, code in (("a", "7521"), ("b", "7522"), ("c", "7523")):
        await world.fieldlab(slug, postcode4=code, capacity="free")
    await world.fieldlab("d", postcode4="7524", capacity="unknown")
    company = await world.company("anna")
    await world.challenge(company, "anna")
    path = "/v1/fieldlabs/d/coaching"
    found = (await world.client.get(path, headers=world.user("f", "/fieldlab/d"))).json()
    assert (found["since"], found["needs"], found["top"], found["justOutside"]) == ("2026-08-26", 1, 0, 1)
    assert {"fact": "confirmation", "missing": True, "times": 1, "lifted": 1} in found["tips"]
    assert "lasrobot" not in str(found)
    for who in (world.user("f", "/fieldlab/a"), world.user("h", "/hub/oost"), world.user("n", "/national")):
        assert (await world.client.get(path, headers=who)).status_code == 403
    assert (await world.client.get(path)).status_code == 401


async def test_the_state_tells_a_company_only_what_matters(world: World) -> None:
    for slug, code in (("a", "7521"), ("b", "7522"), ("c", "7523"), ("d", "7524")):
        await world.fieldlab(slug, postcode4=code, capacity="free" if slug != "d" else "full")
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna")
    assert (await world.state(challenge))["news"] is None

    quiet = fieldlab_state("d", postcode4="7524", capacity="full", name="Nieuwe naam")
    await world.hear(FIELDLABS, quiet, version=2, happening="described")
    state = await world.state(challenge)
    assert state["news"] is None
    assert await world.rows("SELECT version FROM challenge") == [(2,)]

    ended = fieldlab_state("a", postcode4="7521", status="ended", ended="2026-11-23")
    await world.hear(FIELDLABS, ended, version=2, happening="ended")
    expected = {
        "on": "2026-11-24",
        "fieldlabs": [{"fieldlab": "a", "what": "ended"}, {"fieldlab": "d", "what": "entered"}],
    }
    assert (await world.state(challenge))["news"] == expected

    other = fieldlab_state("b", postcode4="7522", capacity="limited")
    await world.hear(FIELDLABS, other, version=2, happening="described")
    assert (await world.state(challenge))["news"] == expected


async def test_what_a_fieldlab_tells_of_itself_is_known_in_the_next_ranking_and_no_tip_any_more(world: World) -> None:
    for slug, code in (("a", "7521"), ("b", "7522"), ("c", "7523")):
        await world.fieldlab(slug, postcode4=code, capacity="free")
    await world.fieldlab("d", postcode4="7524")
    company = await world.company("anna")
    challenge = await world.challenge(company, "anna")
    told = {"trl": 6, "sizeClass": "small"}
    corrected = await world.post(f"/v1/challenges/{challenge}/corrections", told, headers=world.user("anna"))
    assert corrected.status_code == 200, corrected.text

    async def seen() -> tuple[dict[str, float], set[str], set[str]]:
        path = f"/v1/challenges/{challenge}/explanations/d"
        found = (await world.client.get(path, headers=world.user("anna"))).json()["match"]
        coach = await world.client.get("/v1/fieldlabs/d/coaching", headers=world.user("f", "/fieldlab/d"))
        points = {part["name"]: part["value"] for part in found["parts"] if part["name"] in {"trl", "size", "language"}}
        return points, set(found["unknown"]) & FACTS, {tip["fact"] for tip in coach.json()["tips"]} & FACTS

    assert await seen() == ({"trl": 0.0, "size": 0.0, "language": 0.0}, FACTS, FACTS)
    tells = fieldlab_state("d", postcode4="7524", trl_min=5, trl_max=7, company_sizes=["small"], languages=["nl"])
    await world.hear(FIELDLABS, tells, version=2, happening="described")
    assert await seen() == ({"trl": 3.0, "size": 2.0, "language": 1.0}, set(), set())
