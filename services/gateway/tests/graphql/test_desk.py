"""The adviser's judgement, the consent and what follows from it, through GraphQL."""

from typing import Any

import pytest
from gateway_world import Client, Fresh, Owner, an_id, challenge, company

pytestmark = pytest.mark.postgres

KEY = {"Idempotency-Key": "6f1e8a52-0d5c-4a2b-9a52-1f0e7f0f1c11"}
JUDGE = """mutation Judge($input: JudgeFieldlabInput!) { judgeFieldlab(input: $input) {
    challenge { id version status } token problem { code } } }"""
SAID = {
    "fieldlab": "robohouse",
    "action": "pin",
    "reason": "Daar staat de cel.",
    "hub": "oost",
    "at": "2026-11-23T10:00:00Z",
}
OPPORTUNITIES = """query Seen($slug: String!) { fieldlabOpportunities(fieldlab: $slug) {
    challengeId sizeClass postcode text fits { fieldlab rank score shown judgement parts { name evidence } } } }"""


async def test_an_adviser_judges_with_the_version_and_the_reason_goes_to_the_owner_only(
    client: Client, owners: dict[str, Owner]
) -> None:
    path = f"/v1/challenges/{an_id('need')}/judgements"
    owners["matching"].answer(
        f"POST {path}", {"id": str(an_id("need")), "status": "open"}, headers={"ETag": '"2"', "Consistency-Token": "dA"}
    )
    given = {
        "challengeId": str(an_id("need")),
        "fieldlab": "dronelab",
        "action": "TAKE_BACK",
        "reason": "Zij zijn weer vol.",
        "ifVersion": 1,
    }
    answer = await client.ask(JUDGE, {"input": given}, subject="hetty", groups=("/hub/oost",), headers=KEY)
    assert answer["data"]["judgeFieldlab"] == {
        "challenge": {"id": str(an_id("need")), "version": 2, "status": "OPEN"},
        "token": "dA",
        "problem": None,
    }
    (request,) = owners["matching"].requests
    assert request["path"] == path
    assert request["body"] == {"fieldlab": "dronelab", "action": "take_back", "reason": "Zij zijn weer vol."}
    assert request["headers"]["if-match"] == '"1"'


@pytest.mark.parametrize("groups", [(), ("/national",), ("/fieldlab/robohouse",)])
async def test_who_is_no_adviser_is_refused_before_the_owner_is_asked(
    client: Client, owners: dict[str, Owner], groups: tuple[str, ...]
) -> None:
    given = {"challengeId": str(an_id("need")), "fieldlab": "dronelab", "action": "ADD", "reason": "Omdat het kan."}
    answer = await client.ask(JUDGE, {"input": given}, subject="anna", groups=groups, headers=KEY)
    assert answer["data"]["judgeFieldlab"] == {"challenge": None, "token": None, "problem": {"code": "forbidden"}}
    assert owners["matching"].requests == []


async def test_judgements_and_consent_of_a_need_are_read_beside_its_slate(
    client: Client, owners: dict[str, Owner]
) -> None:
    owners["matching"].private(
        "/v1/private/challenges", lambda _: {"text": "een robot", "matches": [], "judgements": [SAID]}
    )
    query = """query Need($id: ID!) { challenge(id: $id) {
        shared slate { fieldlab rank score } judgements { fieldlab action reason hub at } } }"""
    answer = await client.ask(query, {"id": str(an_id("need"))}, subject="anna")
    assert answer["data"]["challenge"] == {
        "shared": False,
        "slate": [{"fieldlab": "robohouse", "rank": 1, "score": 0.75}],
        "judgements": [{**SAID, "action": "PIN"}],
    }
    foreign = await client.ask(query, {"id": str(an_id("need"))}, subject="h", groups=("/hub/zuid",))
    assert foreign["data"] == {"challenge": None}


async def test_a_desk_shows_the_open_needs_of_its_own_companies(fresh: Fresh) -> None:
    await fresh.rows.put("challenges", challenge("old", "bakker", submitted_on="2026-11-01", shared=True))
    await fresh.rows.put("challenges", challenge("routed", "smid", home_hub="zuid"))
    await fresh.rows.put("challenges", challenge("closed", "bakker", status="withdrawn"))
    await fresh.rows.put("challenges", challenge("elsewhere", "smid", home_hub="zuid", routed_hub="zuid"))
    await fresh.rows.put("companies", company("smid", "bob", home_hub="zuid"))
    query = "query Desk($hub: String!) { hubDesk(hub: $hub) { challenges { id shared } } }"
    answer = await fresh.client.ask(query, {"hub": "oost"}, subject="h", groups=("/hub/oost",))
    seen = {each["id"]: each["shared"] for each in answer["data"]["hubDesk"]["challenges"]}
    assert seen == {str(an_id("need")): False, str(an_id("old")): True, str(an_id("routed")): False}
    assert list(seen)[-1] == str(an_id("old"))


def _need(**changes: Any) -> dict[str, Any]:
    fit: dict[str, Any] = {
        "fieldlab": "robohouse",
        "name": "RoboHouse",
        "rank": None,
        "score": None,
        "parts": [],
        "judgement": "add",
    }
    part = {"name": "text", "value": 3.5, "textNl": "", "textEn": "", "evidence": ["lasrobot"]}
    return {
        "challengeId": "c1",
        "submittedOn": "2026-11-20",
        "hub": "oost",
        "language": "nl",
        "text": "een robot",
        "concepts": ["cobots"],
        "sbiDivision": "25",
        "sizeClass": "small",
        "municipalityCode": None,
        "postcode": "7411",
        "fits": [{**fit, "rank": 1, "score": 3.5, "parts": [part], "judgement": None}, {**fit, "shown": False}],
        **changes,
    }


async def test_opportunities_are_asked_of_matching_with_the_users_token(
    client: Client, owners: dict[str, Owner]
) -> None:
    owners["matching"].answer("GET /v1/opportunities", {"items": [_need()]})
    answer = await client.ask(OPPORTUNITIES, {"slug": "robohouse"}, subject="rob", groups=("/fieldlab/robohouse",))
    assert answer["data"]["fieldlabOpportunities"] == [
        {
            "challengeId": "c1",
            "sizeClass": "SMALL",
            "postcode": "7411",
            "text": "een robot",
            "fits": [
                {
                    "fieldlab": "robohouse",
                    "rank": 1,
                    "score": 3.5,
                    "shown": True,
                    "judgement": None,
                    "parts": [{"name": "text", "evidence": ["lasrobot"]}],
                },
                {"fieldlab": "robohouse", "rank": None, "score": None, "shown": False, "judgement": "ADD", "parts": []},
            ],
        }
    ]
    (request,) = owners["matching"].requests
    assert (request["method"], request["path"]) == ("GET", "/v1/opportunities?fieldlab=robohouse")
    assert request["headers"]["authorization"].startswith("Bearer ey")
    hub = await client.ask('{ hubOpportunities(hub: "oost") { challengeId } }', subject="h", groups=("/hub/oost",))
    assert hub["data"] == {"hubOpportunities": [{"challengeId": "c1"}]}
    assert owners["matching"].requests[-1]["path"] == "/v1/opportunities?hub=oost"


async def test_opportunities_of_another_are_refused_and_nobody_is_asked(
    client: Client, owners: dict[str, Owner]
) -> None:
    for subject, groups in (("rob", ("/fieldlab/dronelab",)), ("h", ("/hub/oost",)), ("n", ("/national",)), (None, ())):
        answer = await client.ask(OPPORTUNITIES, {"slug": "robohouse"}, subject=subject, groups=groups)
        code = "forbidden" if subject else "not-signed-in"
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert owners["matching"].requests == []
    owners["matching"].answer("GET /v1/opportunities", {}, status=503)
    down = await client.ask(OPPORTUNITIES, {"slug": "robohouse"}, subject="rob", groups=("/fieldlab/robohouse",))
    assert [error["extensions"]["code"] for error in down["errors"]] == ["unavailable"]


async def test_white_spots_are_of_the_moment_of_the_answer_and_exact_for_the_national_team(fresh: Fresh) -> None:
    await fresh.rows.put("challenges", challenge("need", "bakker", province="NL-GE"))
    query = """query Spots($region: String) { whiteSpots(region: $region) {
        asOf position exact region spots { technology province companies needs fieldlabsElsewhere } } }"""
    answer = await fresh.client.ask(query, subject="nora", groups=("/national",))
    moment = answer["extensions"]["snapshot"]
    assert answer["data"]["whiteSpots"] == {
        "asOf": moment["asOf"],
        "position": moment["position"],
        "exact": True,
        "region": None,
        "spots": [
            {
                "technology": "industrial_robotics",
                "province": "NL-GE",
                "companies": 1,
                "needs": 1,
                "fieldlabsElsewhere": 1,
            }
        ],
    }
    hub = await fresh.client.ask(query, {"region": "oost"}, subject="h", groups=("/hub/oost",))
    assert (hub["data"]["whiteSpots"]["exact"], len(hub["data"]["whiteSpots"]["spots"])) == (True, 1)
    for subject, groups in ((None, ()), ("anna", ()), ("h", ("/hub/zuid",)), ("rob", ("/fieldlab/robohouse",))):
        public = await fresh.client.ask(query, {"region": "oost"}, subject=subject, groups=groups)
        assert (public["data"]["whiteSpots"]["exact"], public["data"]["whiteSpots"]["spots"]) == (False, [])
    wrong = await fresh.client.ask(query, {"region": "nowhere"})
    assert [error["extensions"]["code"] for error in wrong["errors"]] == ["invalid-input"]


async def test_bundles_are_asked_of_matching_by_the_hubs_desk_only(client: Client, owners: dict[str, Owner]) -> None:
    need = {"challengeId": "c1", "text": "een lasrobot"}
    bundle = {"concepts": ["robot_welding"], "words": ["lasrobot"], "companies": 3, "needs": [need]}
    owners["matching"].answer("GET /v1/bundles", {"items": [bundle]})
    query = '{ hubBundles(hub: "oost") { concepts words companies needs { challengeId text } } }'
    for groups in (("/hub/zuid",), ("/national",), ("/fieldlab/robohouse",)):
        refused = await client.ask(query, subject="x", groups=groups)
        assert [error["extensions"]["code"] for error in refused["errors"]] == ["forbidden"]
    assert owners["matching"].requests == []
    answer = await client.ask(query, subject="h", groups=("/hub/oost",))
    assert answer["data"]["hubBundles"] == [bundle]
    assert owners["matching"].paths() == ["GET /v1/bundles?hub=oost"]
