"""The other way round: what a fieldlab and a hub see of needs, and only with the company's consent."""

import asyncio

import pytest
from matching_world import Json, World, fieldlab_state

from schakel_contracts.companies import CompanyState, SizeClass
from schakel_contracts.topics import COMPANIES, FIELDLABS

pytestmark = pytest.mark.postgres

LAB = "/fieldlab/lasfabriek"
WORDS = "Wij zoeken een lasrobot. Bel 015-2123456, KvK 12345678."


async def _shared(world: World, subject: str = "anna", *, size: SizeClass = "small", words: str = WORDS) -> str:
    company = await world.company(subject, size_class=size)
    body = {"companyId": str(company.id), "text": words, "language": "nl", "shared": True}
    reply = await world.post("/v1/challenges", body, headers=world.user(subject))
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def _seen(world: World, query: str, *groups: str) -> list[Json]:
    reply = await world.client.get(f"/v1/opportunities?{query}", headers=world.user("x", *groups))
    assert reply.status_code == 200, reply.text
    found: list[Json] = reply.json()["items"]
    return found


async def test_a_fieldlab_sees_a_shared_need_with_its_own_reasons_and_nobodys_name(world: World) -> None:
    await world.fieldlab("lasfabriek")
    challenge_id = await _shared(world)
    (need,) = await _seen(world, "fieldlab=lasfabriek", LAB)
    (fit,) = need.pop("fits")
    assert need == {
        "challengeId": challenge_id,
        "submittedOn": "2026-11-24",
        "hub": "zuid-holland",
        "language": "nl",
        "text": "Wij zoeken een lasrobot. Bel [verborgen], KvK [verborgen].",
        "concepts": ["robot_welding"],
        "sbiDivision": "25",
        "sizeClass": "small",
        "municipalityCode": None,
        "postcode": "2628",
    }
    assert (fit["fieldlab"], fit["rank"], fit["judgement"], fit["shown"]) == ("lasfabriek", 1, None, True)
    assert sum(part["value"] for part in fit["parts"]) == pytest.approx(fit["score"], abs=1e-9)
    assert fit["score"] == (await world.state(challenge_id))["matches"][0]["score"]


@pytest.mark.parametrize("size", ["micro", "unknown"])
async def test_of_a_very_small_firm_no_postcode_is_shown(world: World, size: SizeClass) -> None:
    await world.fieldlab("lasfabriek")
    await _shared(world, size=size)
    (need,) = await _seen(world, "fieldlab=lasfabriek", LAB)
    assert (need["sizeClass"], need["postcode"]) == (size, None)


async def test_without_consent_nothing_is_shown_and_withdrawn_consent_takes_it_away_at_once(world: World) -> None:
    await world.fieldlab("lasfabriek")
    challenge_id = await world.challenge(await world.company("anna"), "anna", WORDS)
    consent = f"/v1/challenges/{challenge_id}/consent"

    async def many() -> tuple[int, int]:
        of_lab = await _seen(world, "fieldlab=lasfabriek", LAB)
        return len(of_lab), len(await _seen(world, "hub=oost", "/hub/oost"))

    assert await many() == (0, 0)
    await world.post(consent, {"shared": True}, headers=world.user("anna"))
    assert await many() == (1, 1)
    await world.post(consent, {"shared": False}, headers=world.user("anna"))
    assert await many() == (0, 0)
    await world.post(consent, {"shared": True}, headers=world.user("anna"))
    await world.post(f"/v1/challenges/{challenge_id}/withdrawal", {}, headers=world.user("anna"))
    assert await many() == (0, 0)


async def test_an_erased_company_is_gone(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await _shared(world)
    company_id = (await world.rows("SELECT company_id FROM challenge"))[0][0]
    erased = CompanyState(id=company_id, status="erased", home_hub="zuid-holland")
    await world.hear(COMPANIES, erased, version=2, happening="erased")
    assert await _seen(world, "fieldlab=lasfabriek", LAB) == []


async def test_needs_come_best_first_and_only_those_that_fit(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("bakker", themes=["food_processing"], description_nl="Brood.", description_en="Bread.")
    far = await _shared(
        world, "anna", words="Wij hebben een vraag over een lasrobot en over de boekhouding van ons bedrijf."
    )
    near = await _shared(world, "bob", words="Wij zoeken een lasrobot voor kleine series, wie laat ons die proberen?")
    seen = await _seen(world, "fieldlab=lasfabriek", LAB)
    assert [each["challengeId"] for each in seen] == [near, far]
    assert await _seen(world, "fieldlab=bakker", "/fieldlab/bakker") == []


async def test_a_fieldlab_below_the_slate_sees_a_need_that_it_answers_with_its_own_place(world: World) -> None:
    slugs = [f"las-{i}" for i in range(7)]
    for at, slug in enumerate(slugs):
        await world.fieldlab(slug, postcode4=str(5611 + at))
    challenge_id = await _shared(world)
    listed = [match["fieldlab"] for match in (await world.state(challenge_id))["matches"]]
    (below, *_) = [slug for slug in slugs if slug not in listed]
    (need,) = await _seen(world, f"fieldlab={below}", f"/fieldlab/{below}")
    (fit,) = need["fits"]
    assert (need["challengeId"], fit["shown"], fit["rank"] > len(listed)) == (challenge_id, False, True)
    assert sum(part["value"] for part in fit["parts"]) == pytest.approx(fit["score"], abs=1e-9)
    assert len((await _seen(world, "hub=oost", "/hub/oost"))[0]["fits"]) == len(slugs)
    first = next(each for each in (await world.state(challenge_id))["matches"] if each["fieldlab"] == listed[0])
    seen = (await _seen(world, f"fieldlab={listed[0]}", f"/fieldlab/{listed[0]}"))[0]["fits"][0]
    assert (seen["shown"], seen["rank"], seen["score"]) == (True, 1, first["score"])


async def test_a_hub_sees_which_fieldlab_of_its_region_a_need_from_elsewhere_fits(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("lascentrum", hub="zuid", postcode4="5611")
    challenge_id = await _shared(world)
    seen = {hub: await _seen(world, f"hub={hub}", f"/hub/{hub}") for hub in ("oost", "zuid", "noord")}
    assert [fit["fieldlab"] for need in seen["oost"] for fit in need["fits"]] == ["lasfabriek"]
    assert [fit["fieldlab"] for need in seen["zuid"] for fit in need["fits"]] == ["lascentrum"]
    assert [need["challengeId"] for need in seen["zuid"]] == [challenge_id]
    assert seen["noord"] == []


async def test_what_an_adviser_added_is_seen_without_a_score_and_what_was_advised_against_is_not(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("bakker", themes=[], description_nl="Brood bakken.", description_en="Baking bread.")
    challenge_id = await _shared(world)
    for slug, action in (("bakker", "add"), ("lasfabriek", "drop")):
        body = {"fieldlab": slug, "action": action, "reason": "Dat weten wij van het bedrijf."}
        reply = await world.post(
            f"/v1/challenges/{challenge_id}/judgements", body, headers=world.user("h", "/hub/zuid-holland")
        )
        assert reply.status_code == 200
    (need,) = await _seen(world, "fieldlab=bakker", "/fieldlab/bakker")
    assert [(fit["score"], fit["judgement"]) for fit in need["fits"]] == [(None, "add")]
    assert "Dat weten wij" not in str(need)
    assert await _seen(world, "fieldlab=lasfabriek", LAB) == []


async def test_who_was_introduced_finds_the_need_in_the_inbox_and_not_here(world: World) -> None:
    await world.fieldlab("lasfabriek")
    challenge_id = await _shared(world)
    await world.referral(challenge_id, "anna")
    assert await _seen(world, "fieldlab=lasfabriek", LAB) == []


async def test_an_unpublished_or_ended_fieldlab_sees_nothing(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await _shared(world)
    await world.hear(FIELDLABS, fieldlab_state("lasfabriek", published=False), version=2, happening="described")
    assert await _seen(world, "fieldlab=lasfabriek", LAB) == []


async def test_another_fieldlab_another_hub_the_company_and_the_national_team_see_nothing(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await _shared(world)
    for query, group in (
        ("fieldlab=lasfabriek", "/fieldlab/other"),
        ("fieldlab=lasfabriek", "/hub/oost"),
        ("hub=oost", "/hub/zuid"),
        ("hub=oost", LAB),
        ("fieldlab=lasfabriek", "/national"),
        ("hub=oost", "/national"),
    ):
        reply = await world.client.get(f"/v1/opportunities?{query}", headers=world.user("anna", group))
        assert (reply.status_code, reply.json()["type"].rpartition("/")[2]) == (403, "forbidden")
    assert (await world.client.get("/v1/opportunities?hub=oost")).status_code == 401
    both = await world.client.get("/v1/opportunities?hub=oost&fieldlab=x", headers=world.user("x", "/hub/oost"))
    assert [error["code"] for error in both.json()["errors"]] == ["required"]


async def test_a_hub_is_proposed_one_session_for_shared_needs_of_three_of_its_companies(world: World) -> None:
    words = ("Wij zoeken een lasrobot.", "Wij willen een lasrobot proberen.", "Een lasrobot voor ons, bel 015-2123456.")
    ids = {await _shared(world, who, words=said) for who, said in zip(("anna", "bob", "cas"), words, strict=True)}
    quiet = await world.challenge(await world.company("dee"), "dee", words[0])

    async def proposed(hub: str = "zuid-holland") -> list[Json]:
        reply = await world.client.get(f"/v1/bundles?hub={hub}", headers=world.user("h", f"/hub/{hub}"))
        found: list[Json] = reply.json()["items"]
        return found

    (bundle,) = await proposed()
    assert (bundle["concepts"], bundle["companies"]) == (["robot_welding"], 3)
    assert "lasrobot" in bundle["words"]
    assert {need["challengeId"] for need in bundle["needs"]} == ids
    assert quiet not in str(bundle)
    assert "2123456" not in str(bundle)
    assert await proposed("oost") == []
    for group in ("/hub/oost", "/national", LAB):
        refused = await world.client.get("/v1/bundles?hub=zuid-holland", headers=world.user("x", group))
        assert refused.status_code == 403
    await world.post(f"/v1/challenges/{min(ids)}/consent", {"shared": False}, headers=world.user("anna"))
    await world.post(f"/v1/challenges/{min(ids)}/consent", {"shared": False}, headers=world.user("bob"))
    await world.post(f"/v1/challenges/{min(ids)}/consent", {"shared": False}, headers=world.user("cas"))
    assert await proposed() == []


async def test_who_waits_for_a_changed_register_waits_for_one_reading_of_it(world: World) -> None:
    await world.fieldlab("lasfabriek")
    async with world.database.reading() as one, world.database.reading() as other:
        first, second = await asyncio.gather(world.recommender.catalogue(one), world.recommender.catalogue(other))
    assert first is second
