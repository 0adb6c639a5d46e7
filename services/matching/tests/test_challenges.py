"""A company's need: claimed or typed, matched, read by those who may, withdrawn, erased."""

from uuid import UUID, uuid4

import pytest
from matching_world import NOW, Json, World, company_state, fieldlab_state

from schakel_common.consistency import encode_token
from schakel_contracts.companies import CompanyState, Establishment, Member
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import COMPANIES, FIELDLABS

pytestmark = pytest.mark.postgres

WORDS = "Wij zoeken een lasrobot. Bel 015-2123456 of mail anna@firma.nl, KvK 12345678."


async def test_a_member_submits_a_text_and_the_event_carries_no_word_of_it(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna")
    body = {"companyId": str(company.id), "text": WORDS, "language": "nl"}

    reply = await world.post("/v1/challenges", body, headers=world.user("anna"))

    assert reply.status_code == 201
    challenge_id = reply.json()["id"]
    assert reply.json() == {
        "id": challenge_id,
        "version": 1,
        "status": "open",
        "token": encode_token([Reference(kind="challenge", id=UUID(challenge_id), epoch=1, version=1)]),
    }
    assert (reply.headers["etag"], reply.headers["location"]) == ('"1"', f"/v1/challenges/{challenge_id}")
    assert await world.journal() == [("challenges.submitted", 1)]
    assert await world.counts() == (1, 1)
    state = await world.state(challenge_id)
    score = state["matches"][0].pop("score")
    assert 20 < score < 99
    assert state == {
        "id": challenge_id,
        "company_id": str(company.id),
        "status": "open",
        "home_hub": "zuid-holland",
        "routed_hub": "zuid-holland",
        "submitted_on": "2026-11-24",
        "language": "nl",
        "province": "NL-ZH",
        "municipality_code": None,
        "sbi_division": "25",
        "concepts": ["robot_welding"],
        "matches": [{"fieldlab": "lasfabriek", "rank": 1}],
        "model": "additive-3.0.2",
        "shared": False,
        "judgements": [],
        "news": None,
    }


async def test_a_draft_is_claimed_with_its_secret_and_becomes_one_challenge(world: World) -> None:
    draft = (await world.post("/v1/drafts", {"text": WORDS, "language": "nl", "postcode": "2628", "sbi": "28"})).json()
    company = await world.company("anna", sbi=[], establishments=[])
    body = {"companyId": str(company.id), "draftId": draft["id"], "draftSecret": draft["secret"]}

    first = await world.post("/v1/challenges", body, headers=world.user("anna"))
    again = await world.post("/v1/challenges", body, headers=world.user("anna"))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert await world.journal() == [("challenges.submitted", 1)]
    assert (await world.state(first.json()["id"]))["sbi_division"] == "28"
    read = await world.client.get(f"/v1/drafts/{draft['id']}", headers={"Draft-Secret": draft["secret"]})
    assert read.json()["challengeId"] == first.json()["id"]

    other = await world.company("bob")
    stolen = await world.post("/v1/challenges", {**body, "companyId": str(other.id)}, headers=world.user("bob"))
    assert stolen.json()["type"].endswith("/conflict")
    wrong = await world.post("/v1/challenges", {**body, "draftSecret": "wrong"}, headers=world.user("anna"))
    assert wrong.json()["type"].endswith("/not-found")
    assert await world.counts() == (1, 1)


async def test_it_is_routed_to_the_hub_of_the_establishment_and_counts_at_the_home_hub(world: World) -> None:
    branch = Establishment(id=uuid4(), hub="oost", primary=False, province="NL-OV", postcode4="7521")
    company = company_state("anna")
    company = company_state("anna", establishments=[*company.establishments, branch])
    await world.hear(COMPANIES, company)
    body = {"companyId": str(company.id), "text": WORDS, "language": "nl", "establishmentId": str(branch.id)}
    reply = await world.post("/v1/challenges", body, headers=world.user("anna"))
    state = await world.state(reply.json()["id"])
    assert (state["home_hub"], state["routed_hub"], state["province"]) == ("zuid-holland", "oost", "NL-OV")

    unknown = await world.post("/v1/challenges", {**body, "establishmentId": str(uuid4())}, headers=world.user("anna"))
    assert unknown.json()["errors"][0]["code"] == "establishment-unknown"


async def test_a_bad_need_is_refused_at_its_fields_and_leaves_no_event(world: World) -> None:
    company = await world.company("anna")
    cases: list[tuple[Json, list[tuple[str, str]]]] = [
        ({"text": "las"}, [("text", "too-short")]),
        ({"text": "x" * 30_000}, [("text", "too-long")]),
        ({"text": None}, [("text", "required")]),
        ({"text": None, "language": None}, [("text", "required"), ("language", "required")]),
        ({"draftId": str(uuid4())}, [("draftSecret", "required")]),
    ]
    for change, errors in cases:
        body = {"companyId": str(company.id), "text": WORDS, "language": "nl", **change}
        reply = await world.post("/v1/challenges", body, headers=world.user("anna"))
        assert reply.status_code == 400
        assert [(error["field"], error["code"]) for error in reply.json()["errors"]] == errors
    assert await world.counts() == (0, 0)
    assert await world.rows("SELECT 1 FROM challenge") == []


async def test_who_is_no_active_member_submits_nothing(world: World) -> None:
    members = [Member(sub="anna", status="asking"), Member(sub="bob", status="removed")]
    company = company_state(members=members)
    await world.hear(COMPANIES, company)
    body = {"companyId": str(company.id), "text": WORDS, "language": "nl"}
    for who in (
        world.user("anna"),
        world.user("bob"),
        world.user("x", "/national"),
        world.user("x", "/hub/zuid-holland"),
    ):
        assert (await world.post("/v1/challenges", body, headers=who)).json()["type"].endswith("/forbidden")
    body["companyId"] = str(uuid4())
    assert (await world.post("/v1/challenges", body, headers=world.user("anna"))).status_code == 403
    assert await world.counts() == (0, 0)


async def test_a_command_waits_for_the_company_it_was_told_of_and_then_says_not_yet_known(world: World) -> None:
    company = await world.company("anna")
    token = encode_token([Reference(kind="company", id=company.id, epoch=1, version=2)])
    body = {"companyId": str(company.id), "text": WORDS, "language": "nl"}
    headers = {**world.user("anna"), "Read-After": token}
    early = await world.post("/v1/challenges", body, headers=headers)
    assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    assert early.json()["type"].endswith("/not-yet-known")
    assert await world.counts() == (0, 0)

    await world.hear(COMPANIES, company, version=2, happening="verified")
    assert (await world.post("/v1/challenges", body, headers=headers)).status_code == 201


async def _texts(world: World, challenge_id: str, who: dict[str, str]) -> Json:
    reply = await world.client.post("/v1/private/challenges", json={"ids": [challenge_id]}, headers=who)
    found: Json = reply.json()["items"][challenge_id]
    return found


async def test_the_text_is_read_by_member_hubs_and_by_the_fieldlab_that_is_asked_masked(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna")
    challenge_id = await world.challenge(company, "anna", WORDS)
    lab = world.user("lab", "/fieldlab/lasfabriek")

    for who in (world.user("anna"), world.user("h", "/hub/zuid-holland")):
        assert (await _texts(world, challenge_id, who))["text"] == WORDS
    for who in (lab, world.user("x"), world.user("x", "/national"), world.user("x", "/hub/oost")):
        assert await _texts(world, challenge_id, who) == {"reason": "forbidden"}
        reply = await world.client.get(f"/v1/challenges/{challenge_id}", headers=who)
        assert reply.json()["type"].endswith("/forbidden")

    referral_id = await world.referral(challenge_id, "anna")
    seen = await _texts(world, challenge_id, lab)
    assert seen["text"] == "Wij zoeken een lasrobot. Bel [verborgen] of mail [verborgen], KvK [verborgen]."
    for secret in ("2123456", "anna@firma.nl", "12345678"):
        assert secret not in str(seen)
    assert seen["matches"][0]["slug"] == "lasfabriek"
    whole = await world.client.get(f"/v1/challenges/{challenge_id}", headers=lab)
    assert whole.json()["text"] == seen["text"]
    assert whole.headers["etag"] == '"1"'

    await world.post(f"/v1/referrals/{referral_id}/decline", {"reason": "no_capacity"}, headers=lab)
    assert await _texts(world, challenge_id, lab) == {"reason": "forbidden"}
    unknown = str(uuid4())
    assert await _texts(world, unknown, world.user("anna")) == {"reason": "forbidden"}


async def test_withdrawing_a_need_withdraws_what_nobody_has_answered(world: World) -> None:
    await world.fieldlab("lasfabriek")
    await world.fieldlab("tweede")
    company = await world.company("anna")
    challenge_id = await world.challenge(company, "anna")
    pending = await world.referral(challenge_id, "anna", "lasfabriek")
    accepted = await world.referral(challenge_id, "anna", "tweede")
    await world.post(f"/v1/referrals/{accepted}/acceptance", {}, headers=world.user("lab", "/fieldlab/tweede"))
    path = f"/v1/challenges/{challenge_id}/withdrawal"

    before = await world.counts()
    assert (await world.post(path, {}, headers=world.user("x", "/hub/zuid-holland"))).status_code == 403
    stale = await world.post(path, {}, headers={**world.user("anna"), "If-Match": '"7"'})
    assert stale.json()["type"].endswith("/stale-version")
    assert await world.counts() == before

    reply = await world.post(path, {}, headers={**world.user("anna"), "If-Match": '"1"'})
    assert (reply.status_code, reply.json()["status"], reply.json()["version"]) == (200, "withdrawn", 2)
    assert (await world.state(pending))["status"] == "withdrawn"
    assert (await world.state(accepted))["status"] == "accepted"
    again = await world.post(path, {}, headers=world.user("anna"))
    assert again.json()["type"].endswith("/conflict")
    late = await world.post(
        "/v1/referrals", {"challengeId": challenge_id, "fieldlab": "lasfabriek"}, headers=world.user("anna")
    )
    assert late.json()["type"].endswith("/conflict")


async def test_an_erased_company_leaves_events_without_content_and_no_text(world: World) -> None:
    await world.fieldlab()
    draft = (await world.post("/v1/drafts", {"text": WORDS, "language": "nl"})).json()
    company = await world.company("anna")
    claim = {"companyId": str(company.id), "draftId": draft["id"], "draftSecret": draft["secret"]}
    challenge_id = (await world.post("/v1/challenges", claim, headers=world.user("anna"))).json()["id"]
    referral_id = await world.referral(challenge_id, "anna", message="Bel Anna maar.")
    erased = CompanyState(id=company.id, status="erased", home_hub="zuid-holland")

    for _ in range(2):
        await world.hear(COMPANIES, erased, version=2, happening="erased")

    assert (await world.journal())[-2:] == [("challenges.erased", 2), ("referrals.erased", 2)]
    assert await world.counts() == (4, 4)
    state = await world.state(challenge_id)
    assert (state["status"], state["matches"], state["concepts"], state["sbi_division"]) == ("erased", [], [], None)
    assert (await world.state(referral_id))["status"] == "erased"
    assert await world.rows("SELECT text, slate FROM challenge") == [(None, None)]
    assert await world.rows("SELECT 1 FROM message UNION ALL SELECT 1 FROM draft") == []
    everything = await world.rows("SELECT coalesce(string_agg(convert_from(body, 'UTF8'), ''), '') FROM idempotency")
    assert "lasrobot" not in everything[0][0]
    assert "Anna" not in everything[0][0]
    for who in (world.user("anna"), world.user("x")):
        assert await _texts(world, challenge_id, who) == {"reason": "erased"}


async def test_a_changed_fieldlab_rematches_open_needs_only_when_the_slate_really_changes(world: World) -> None:
    lab = await world.fieldlab()
    company = await world.company("anna")
    challenge_id = await world.challenge(company, "anna")
    withdrawn = await world.challenge(company, "anna")
    await world.post(f"/v1/challenges/{withdrawn}/withdrawal", {}, headers=world.user("anna"))
    lines = len(await world.journal())

    await world.hear(
        FIELDLABS, fieldlab_state(lab.slug, website="https://example.nl"), version=2, happening="described"
    )
    await world.hear(FIELDLABS, fieldlab_state("bakker", themes=[], description_nl="Brood.", description_en="Bread."))
    assert len(await world.journal()) == lines

    paused = fieldlab_state(lab.slug, status="paused")
    for _ in range(2):
        await world.hear(FIELDLABS, paused, version=3, happening="paused")
    assert (await world.journal())[lines:] == [("challenges.rematched", 2)]
    read = await world.client.get(f"/v1/challenges/{challenge_id}", headers=world.user("anna"))
    status = next(part for part in read.json()["matches"][0]["parts"] if part["name"] == "status")
    assert (status["value"], status["textNl"]) == (-8.0, "Dit fieldlab staat nu stil.")

    ended = fieldlab_state(lab.slug, status="ended", ended="2026-11-23", succeeded_by="oost")
    await world.hear(FIELDLABS, ended, version=4, happening="ended")
    matches = (await world.client.get(f"/v1/challenges/{challenge_id}", headers=world.user("anna"))).json()["matches"]
    named = [match for match in matches if match["ended"]]
    assert [(m["slug"], m["rank"], m["ended"]) for m in named] == [
        ("lasfabriek", 0, {"on": "2026-11-23", "successor": "oost"})
    ]
    assert "lasfabriek" not in {match["fieldlab"] for match in (await world.state(challenge_id))["matches"]}
    assert world.clock.now() == NOW
