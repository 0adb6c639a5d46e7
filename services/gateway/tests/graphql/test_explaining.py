"""What is read in a need, why a fieldlab stands where it stands, and what a company is told, through GraphQL."""

from typing import Any

import pytest
from gateway_world import Client, Fresh, Owner, an_id, challenge, company, fieldlab

from schakel_contracts.challenges import ChallengeNews, FieldlabNews

pytestmark = pytest.mark.postgres

KEY = {"Idempotency-Key": "6f1e8a52-0d5c-4a2b-9a52-1f0e7f0f1c11"}
MATCH = {"slug": "robohouse", "name": "RoboHouse", "rank": 4, "score": 11.5, "parts": [], "unknown": ["capacity"]}
WHY: dict[str, Any] = {
    "match": {**MATCH, "ended": None, "needs": ["n1"], "outsideRegion": False},
    "of": 60,
    "keptOut": None,
    "campus": [],
    "short": 2.5,
    "changes": [{"fact": "confirmation", "missing": True, "gain": 6.0, "rank": 2}],
    "enough": ["confirmation"],
}
ASK = """query Why($draft: ID, $secret: String, $challenge: ID) {
    why(fieldlab: "robohouse", draftId: $draft, draftSecret: $secret, challengeId: $challenge) {
        match { slug rank unknown needs outsideRegion } of keptOut campus short
        changes { fact missing gain rank } enough } }"""
NEED = {
    "id": "n1",
    "quote": "omstellen kost uren",
    "technologies": ["small_series"],
    "fits": True,
    "fieldlabs": [{"slug": "robohouse", "name": "RoboHouse", "score": 11.5}],
}
ENDING = {
    "kind": "training",
    "slug": "opleiding",
    "nameNl": "Opleiding",
    "nameEn": "Training",
    "url": None,
    "quote": "onze planner stopt ermee",
    "reasonNl": "Omdat.",
    "reasonEn": "Because.",
    "needs": ["n2"],
}
TOLD: dict[str, Any] = {
    "needs": [],
    "technologies": {"right": ["small_series"], "wrong": []},
    "serviceWanted": None,
    "trl": 4,
    "sizeClass": "small",
}


async def test_who_holds_a_drafts_secret_is_told_why(client: Client, owners: dict[str, Owner]) -> None:
    owners["matching"].answer("GET /v1/drafts/d1/explanations/robohouse", WHY)
    answer = await client.ask(ASK, {"draft": "d1", "secret": "s3cret"})
    assert answer["data"]["why"] == {
        "match": {"slug": "robohouse", "rank": 4, "unknown": ["capacity"], "needs": ["n1"], "outsideRegion": False},
        "of": 60,
        "keptOut": None,
        "campus": [],
        "short": 2.5,
        "changes": [{"fact": "confirmation", "missing": True, "gain": 6.0, "rank": 2}],
        "enough": ["confirmation"],
    }
    assert owners["matching"].requests[0]["headers"]["draft-secret"] == "s3cret"


async def test_of_a_need_the_owner_decides_with_the_users_own_token(client: Client, owners: dict[str, Owner]) -> None:
    path = f"/v1/challenges/{an_id('need')}/explanations/robohouse"
    owners["matching"].answer(f"GET {path}", {**WHY, "keptOut": "campus", "campus": ["A", "B"]})
    answer = await client.ask(ASK, {"challenge": str(an_id("need"))}, subject="anna")
    assert (answer["data"]["why"]["keptOut"], answer["data"]["why"]["campus"]) == ("CAMPUS", ["A", "B"])
    assert owners["matching"].requests[0]["headers"]["authorization"].startswith("Bearer ey")

    refused = {"type": "https://schakel.smartindustry.nl/problems/forbidden", "status": 403}
    owners["matching"].answer(f"GET {path}", refused, 403)
    answer = await client.ask(ASK, {"challenge": str(an_id("need"))}, subject="eva")
    assert answer["data"] is None or answer["data"]["why"] is None
    assert answer["errors"][0]["extensions"]["code"] == "forbidden"


async def test_what_is_not_there_is_null(client: Client) -> None:
    answer = await client.ask(ASK, {"draft": "d1", "secret": "wrong"})
    assert answer["data"] == {"why": None}
    answer = await client.ask(ASK, {})
    assert answer["data"] is None or answer["data"]["why"] is None


async def test_a_coach_is_asked_for_the_own_fieldlab_only(client: Client, owners: dict[str, Owner]) -> None:
    tip = {"fact": "fieldlab_trl", "missing": True, "times": 3, "lifted": 2}
    found = {"since": "2026-08-26", "needs": 12, "top": 4, "justOutside": 3, "tips": [tip]}
    owners["matching"].answer("GET /v1/fieldlabs/robohouse/coaching", found)
    ask = """query Coach { fieldlabCoaching(fieldlab: "robohouse") {
        since needs top justOutside tips { fact missing times lifted } } }"""
    answer = await client.ask(ask, subject="rob", groups=("/fieldlab/robohouse",))
    assert answer["data"]["fieldlabCoaching"] == found
    for groups in ((), ("/fieldlab/dronelab",), ("/hub/oost",), ("/national",)):
        answer = await client.ask(ask, subject="x", groups=groups)
        assert answer["errors"][0]["extensions"]["code"] == "forbidden"
    assert len(owners["matching"].requests) == 1


async def test_a_draft_shows_its_needs_endings_and_what_was_told(client: Client, owners: dict[str, Owner]) -> None:
    draft = {"id": "d1", "text": "...", "language": "nl", "postcode": None, "sbi": None, "hub": "oost"}
    owners["matching"].answer("GET /v1/drafts/d1", {**draft, "needs": [NEED], "endings": [ENDING], "told": TOLD})
    query = """query Draft { draft(id: "d1", secret: "s") { hub
        needs { id quote technologies fits fieldlabs { slug name score } }
        endings { kind slug nameNl nameEn url quote reasonNl reasonEn needs }
        told { needs technologies { right wrong } serviceWanted trl sizeClass } } }"""
    answer = await client.ask(query)
    assert answer["data"]["draft"] == {
        "hub": "oost",
        "needs": [NEED],
        "endings": [{**ENDING, "kind": "TRAINING"}],
        "told": {**TOLD, "sizeClass": "SMALL"},
    }


async def test_a_correction_of_a_draft_sends_the_secret_as_a_header_only(
    client: Client, owners: dict[str, Owner]
) -> None:
    owners["matching"].answer("POST /v1/drafts/d1/corrections", {"id": "d1", "matches": []})
    correct = """mutation Correct($input: CorrectDraftInput!) { correctDraft(input: $input) {
        correctedDraft { id } problem { code } } }"""
    given = {"draftId": "d1", "draftSecret": "s3cret", "needs": ["a b"], "technologies": {"wrong": ["robots"]}}
    answer = await client.ask(correct, {"input": {**given, "sizeClass": "SMALL", "trl": 4}}, headers=KEY)
    assert answer["data"]["correctDraft"] == {"correctedDraft": {"id": "d1"}, "problem": None}
    (request,) = owners["matching"].requests
    assert request["headers"]["draft-secret"] == "s3cret"
    assert request["body"] == {
        "needs": ["a b"],
        "technologies": {"right": [], "wrong": ["robots"]},
        "sizeClass": "small",
        "trl": 4,
    }


async def test_news_of_a_slate_has_the_names_of_its_fieldlabs(fresh: Fresh) -> None:
    await fresh.rows.put("companies", company("bakker", "anna"))
    await fresh.rows.put("fieldlabs", fieldlab("robohouse", name="RoboHouse"))
    told = ChallengeNews("2026-11-24", [FieldlabNews("robohouse", "entered"), FieldlabNews("weg", "ended")])
    await fresh.rows.put("challenges", challenge("need", "bakker", news=told))
    await fresh.rows.put("challenges", challenge("quiet", "bakker", submitted_on="2026-11-01"))
    query = "query Mine { myChallenges { news { on fieldlabs { fieldlab fieldlabName what } } } }"
    answer = await fresh.client.ask(query, subject="anna")
    assert answer["data"]["myChallenges"] == [
        {
            "news": {
                "on": "2026-11-24",
                "fieldlabs": [
                    {"fieldlab": "robohouse", "fieldlabName": "RoboHouse", "what": "ENTERED"},
                    {"fieldlab": "weg", "fieldlabName": "weg", "what": "ENDED"},
                ],
            }
        },
        {"news": None},
    ]


CORRECT = """mutation Correct($input: CorrectChallengeInput!) { correctChallenge(input: $input) {
    challenge { id version } token problem { code errors { field code } } } }"""
CORRECTED: dict[str, Any] = {
    "challengeId": str(an_id("need")),
    "needs": ["omstellen kost uren"],
    "technologies": {"right": ["small_series"], "wrong": ["cobots"]},
    "sizeClass": "SMALL",
    "ifVersion": 3,
}


async def test_a_company_corrects_its_need_at_the_owner_with_the_version_it_saw(
    client: Client, owners: dict[str, Owner]
) -> None:
    path = f"/v1/challenges/{an_id('need')}/corrections"
    owners["matching"].answer(
        f"POST {path}",
        {"id": str(an_id("need")), "token": "dG9rZW4"},
        headers={"ETag": '"4"', "Consistency-Token": "dG9rZW4"},
    )
    answer = await client.ask(CORRECT, {"input": CORRECTED}, subject="anna", headers=KEY)
    assert answer["data"]["correctChallenge"] == {
        "challenge": {"id": str(an_id("need")), "version": 4},
        "token": "dG9rZW4",
        "problem": None,
    }
    (request,) = owners["matching"].requests
    assert request["body"] == {
        "needs": ["omstellen kost uren"],
        "technologies": {"right": ["small_series"], "wrong": ["cobots"]},
        "sizeClass": "small",
    }
    assert request["headers"]["if-match"] == '"3"'
    assert request["headers"]["authorization"].startswith("Bearer ey")


async def test_a_correction_that_is_refused_names_the_field_and_one_without_sign_in_goes_nowhere(
    client: Client, owners: dict[str, Owner]
) -> None:
    problem = {
        "type": "https://schakel.smartindustry.nl/problems/invalid-input",
        "status": 400,
        "errors": [{"field": "needs.0", "message": "Copy a piece.", "code": "need-not-in-text"}],
    }
    owners["matching"].answer(f"POST /v1/challenges/{an_id('need')}/corrections", problem, 400)
    answer = await client.ask(CORRECT, {"input": CORRECTED}, subject="anna", headers=KEY)
    assert answer["data"]["correctChallenge"] == {
        "challenge": None,
        "token": None,
        "problem": {"code": "invalid-input", "errors": [{"field": "needs.0", "code": "need-not-in-text"}]},
    }
    before = len(owners["matching"].requests)
    anonymous = await client.ask(CORRECT, {"input": CORRECTED}, headers=KEY)
    assert anonymous["data"]["correctChallenge"]["problem"] == {"code": "not-signed-in", "errors": []}
    assert len(owners["matching"].requests) == before
