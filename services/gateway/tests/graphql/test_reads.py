"""Each root field's statement on a view with rows: the exact JSON."""

import pytest
from gateway_world import Client, Fresh, activity, an_id, company, referral

pytestmark = pytest.mark.postgres


async def test_fieldlabs_are_paged_by_name_and_hide_what_is_not_published(client: Client) -> None:
    query = """query Labs($after: String) {
        fieldlabs(first: 1, after: $after) { totalCount
            nodes { slug version recognition { status on } confirmed { on } }
            pageInfo { hasNextPage endCursor } } }"""
    first = await client.ask(query)
    assert first["data"]["fieldlabs"]["totalCount"] == 2
    assert first["data"]["fieldlabs"]["nodes"] == [
        {"slug": "dronelab", "version": 1, "recognition": {"status": "RECOGNISED", "on": "2016"}, "confirmed": None}
    ]
    assert first["data"]["fieldlabs"]["pageInfo"]["hasNextPage"] is True
    second = await client.ask(query, {"after": first["data"]["fieldlabs"]["pageInfo"]["endCursor"]})
    assert [node["slug"] for node in second["data"]["fieldlabs"]["nodes"]] == ["robohouse"]
    assert second["data"]["fieldlabs"]["pageInfo"]["hasNextPage"] is False


async def test_a_filter_narrows_and_its_words_are_no_pattern(client: Client) -> None:
    query = "query Labs($filter: FieldlabFilter) { fieldlabs(filter: $filter) { totalCount nodes { slug } } }"
    for where, slugs in (
        ({"hub": "oost"}, ["dronelab"]),
        ({"theme": "industrial_robotics"}, ["robohouse"]),
        ({"status": "UNKNOWN"}, ["dronelab"]),
        ({"recognised": False}, []),
        ({"province": "NL-ZH", "kind": "fieldlab"}, ["dronelab", "robohouse"]),
        ({"text": "robots delft"}, ["dronelab", "robohouse"]),
        ({"text": "robots rotterdam"}, []),
        ({"text": "DELFT"}, ["dronelab", "robohouse"]),
        ({"text": "%"}, []),
    ):
        answer = await client.ask(query, {"filter": where})
        assert [node["slug"] for node in answer["data"]["fieldlabs"]["nodes"]] == slugs, where
        assert answer["data"]["fieldlabs"]["totalCount"] == len(slugs)


async def test_an_unpublished_fieldlab_is_seen_by_the_national_team_only(client: Client) -> None:
    query = '{ fieldlab(slug: "secretlab") { slug published } }'
    assert (await client.ask(query))["data"] == {"fieldlab": None}
    assert (await client.ask(query, subject="hetty", groups=("/hub/zuid-holland",)))["data"] == {"fieldlab": None}
    seen = await client.ask(query, subject="nora", groups=("/national",))
    assert seen["data"] == {"fieldlab": {"slug": "secretlab", "published": False}}


async def test_hubs_figures_and_cases_are_open(client: Client) -> None:
    query = """{
        hubs { slug nameNl provinces version }
        figures(level: NATIONAL) { key value source asOf }
        cases { totalCount nodes { slug effect { textNl measured } } }
        case(slug: "story") { slug status date }
    }"""
    assert (await client.ask(query))["data"] == {
        "hubs": [{"slug": "oost", "nameNl": "Oost", "provinces": ["NL-OV", "NL-GE"], "version": 1}],
        "figures": [
            {"key": "fieldlabs_first_call_2014", "value": 10.0, "source": "https://example.org", "asOf": "2014"}
        ],
        "cases": {
            "totalCount": 1,
            "nodes": [{"slug": "story", "effect": {"textNl": "Sneller", "measured": True}}],
        },
        "case": {"slug": "story", "status": "PUBLISHED", "date": "2025-03"},
    }


async def test_the_vocabulary_counts_fieldlabs_that_have_not_ended(client: Client) -> None:
    answer = await client.ask("{ technologies { key nameNl fieldlabs } }")
    counted = {each["key"]: each["fieldlabs"] for each in answer["data"]["technologies"]}
    assert len(counted) == 50
    assert {key: count for key, count in counted.items() if count} == {"industrial_robotics": 1}


async def test_me_is_null_without_a_token_and_has_my_companies_with_one(client: Client) -> None:
    query = "{ me { subject scopes companies { id status homeHub members { sub status } } } }"
    assert (await client.ask(query))["data"] == {"me": None}
    assert (await client.ask(query, subject="anna", groups=("/hub/oost",)))["data"] == {
        "me": {
            "subject": "anna",
            "scopes": ["hub:oost"],
            "companies": [
                {
                    "id": str(an_id("bakker")),
                    "status": "UNVERIFIED",
                    "homeHub": "oost",
                    "members": [{"sub": "anna", "status": "ACTIVE"}],
                }
            ],
        }
    }


async def test_my_company_is_mine_only(client: Client) -> None:
    query = "query Mine($id: ID) { myCompany(id: $id) { id } }"
    mine = {"myCompany": {"id": str(an_id("bakker"))}}
    assert (await client.ask(query, subject="anna"))["data"] == mine
    assert (await client.ask(query, {"id": str(an_id("bakker"))}, subject="anna"))["data"] == mine
    for other in (str(an_id("smid")), "no id at all", ""):
        assert (await client.ask(query, {"id": other}, subject="anna"))["data"] == {"myCompany": None}


async def test_a_challenge_has_its_company_and_its_referrals_and_they_point_back(client: Client) -> None:
    query = """{ myChallenges { id status slate { fieldlab rank score } company { id }
        referrals { id fieldlabSlug fieldlab { name } challenge { id } company { id } } } }"""
    answer = await client.ask(query, subject="anna")
    assert answer["data"]["myChallenges"] == [
        {
            "id": str(an_id("need")),
            "status": "OPEN",
            "slate": [{"fieldlab": "robohouse", "rank": 1, "score": 0.75}],
            "company": {"id": str(an_id("bakker"))},
            "referrals": [
                {
                    "id": str(an_id("intro")),
                    "fieldlabSlug": "robohouse",
                    "fieldlab": {"name": "Robohouse"},
                    "challenge": {"id": str(an_id("need"))},
                    "company": {"id": str(an_id("bakker"))},
                }
            ],
        }
    ]
    assert (await client.ask(query, subject="bob"))["data"] == {"myChallenges": []}


ONE = """query One($challenge: ID!, $referral: ID!) {
    challenge(id: $challenge) { id } referral(id: $referral) { id waitingOn dueOn requestedAt } }"""


@pytest.mark.parametrize(
    ("subject", "groups", "seen"),
    [
        ("anna", (), True),
        ("hetty", ("/hub/oost",), True),
        ("rob", ("/fieldlab/robohouse",), True),
        ("bob", (), False),
        ("hank", ("/hub/zuid",), False),
        ("dirk", ("/fieldlab/dronelab",), False),
        ("nora", ("/national",), False),
    ],
)
async def test_an_introduction_is_seen_by_its_company_its_hub_and_its_fieldlab(
    client: Client, subject: str, groups: tuple[str, ...], *, seen: bool
) -> None:
    ids = {"challenge": str(an_id("need")), "referral": str(an_id("intro"))}
    found = {
        "challenge": {"id": ids["challenge"]},
        "referral": {
            "id": ids["referral"],
            "waitingOn": "FIELDLAB",
            "dueOn": "2026-11-28",
            "requestedAt": "2026-11-21T10:00:00.000000Z",
        },
    }
    answer = await client.ask(ONE, ids, subject=subject, groups=groups)
    assert answer["data"] == (found if seen else {"challenge": None, "referral": None})


async def test_a_hub_has_one_desk(fresh: Fresh) -> None:
    client, rows = fresh.client, fresh.rows
    await rows.put("companies", company("verified", "cees", status="verified"))
    await rows.put(
        "referrals",
        referral("late", "need", "bakker", to="dronelab", due_on="2020-01-01", requested_at="2019-12-01T00:00:00Z"),
    )
    await rows.put("referrals", referral("gone", "need", "bakker", status="erased", waiting_on=None))
    query = """query Desk($after: String) { hubDesk(hub: "oost", first: 1, after: $after) {
        hub counts { open waitingOnFieldlab overdue completed companiesToVerify } companiesToVerify { id }
        requests { totalCount pageInfo { hasNextPage endCursor } nodes { id company { id } challenge { id } } } } }"""
    answer = await client.ask(query, subject="hetty", groups=("/hub/oost",))
    desk = answer["data"]["hubDesk"]
    cursor = desk["requests"]["pageInfo"].pop("endCursor")
    assert desk == {
        "hub": "oost",
        "counts": {"open": 2, "waitingOnFieldlab": 2, "overdue": 1, "completed": 0, "companiesToVerify": 1},
        "companiesToVerify": [{"id": str(an_id("bakker"))}],
        "requests": {
            "totalCount": 2,
            "pageInfo": {"hasNextPage": True},
            "nodes": [
                {
                    "id": str(an_id("intro")),
                    "company": {"id": str(an_id("bakker"))},
                    "challenge": {"id": str(an_id("need"))},
                }
            ],
        },
    }
    more = await client.ask(query, {"after": cursor}, subject="hetty", groups=("/hub/oost",))
    assert [node["id"] for node in more["data"]["hubDesk"]["requests"]["nodes"]] == [str(an_id("late"))]
    assert more["data"]["hubDesk"]["requests"]["pageInfo"]["hasNextPage"] is False


async def test_a_fieldlab_has_its_inbox(client: Client) -> None:
    query = '{ fieldlabInbox(fieldlab: "robohouse") { totalCount nodes { id status routedHub fieldlab { slug } } } }'
    answer = await client.ask(query, subject="rob", groups=("/fieldlab/robohouse",))
    assert answer["data"]["fieldlabInbox"] == {
        "totalCount": 1,
        "nodes": [
            {
                "id": str(an_id("intro")),
                "status": "REQUESTED",
                "routedHub": "oost",
                "fieldlab": {"slug": "robohouse"},
            }
        ],
    }


async def test_registrations_are_seen_by_oneself_and_the_organiser(client: Client) -> None:
    query = '{ activity(slug: "open-day") { status myRegistration { id status } registrations { id } } }'
    seat = {"id": str(an_id("seat"))}
    for subject, groups, mine, all_of_them in (
        ("anna", (), {**seat, "status": "REGISTERED"}, [seat]),
        ("hetty", ("/hub/oost",), None, [seat]),
        ("hank", ("/hub/zuid",), None, []),
        (None, (), None, []),
    ):
        answer = await client.ask(query, subject=subject, groups=groups)
        assert answer["data"]["activity"] == {
            "status": "PLANNED",
            "myRegistration": mine,
            "registrations": all_of_them,
        }


async def test_activities_come_soonest_first_and_then_the_past_latest_first(fresh: Fresh) -> None:
    client, rows = fresh.client, fresh.rows
    for slug, day, precision in (
        ("past-old", "2019-03", "month"),
        ("past-new", "2024-06-01", "day"),
        ("sooner", "2098-01-01", "day"),
    ):
        await rows.put("activities", activity(slug, starts_at=day, date_precision=precision, status="held"))
    query = """query All($first: Int!, $after: String, $filter: ActivityFilter) {
        activities(first: $first, after: $after, filter: $filter) {
            totalCount nodes { slug } pageInfo { hasNextPage endCursor } } }"""
    slugs: list[str] = []
    after = None
    for _ in range(4):
        answer = await client.ask(query, {"first": 1, "after": after})
        page = answer["data"]["activities"]
        assert page["totalCount"] == 4
        slugs += [node["slug"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert slugs == ["sooner", "open-day", "past-new", "past-old"]
    assert page["pageInfo"]["hasNextPage"] is False
    past = await client.ask(query, {"first": 10, "filter": {"upcoming": False}})
    assert [node["slug"] for node in past["data"]["activities"]["nodes"]] == ["past-new", "past-old"]


async def test_a_forged_cursor_is_invalid_input(client: Client) -> None:
    for after in ("nonsense", "W10=", "WyJhIiwiYiJd", "é"):
        answer = await client.ask("query P($a: String) { fieldlabs(after: $a) { totalCount } }", {"a": after})
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["code"] == "invalid-input"
        assert answer["errors"][0]["extensions"]["errors"][0]["field"] == "after"


async def test_network_asks_for_a_region_at_its_level_only(client: Client) -> None:
    query = "query N($level: Level!, $region: String) { network(level: $level, region: $region) { position } }"
    for level, region in (("NATIONAL", "oost"), ("HUB", None), ("FIELDLAB", None)):
        answer = await client.ask(query, {"level": level, "region": region})
        assert answer["errors"][0]["extensions"]["errors"][0]["field"] == "region"
    answer = await client.ask(query, {"level": "HUB", "region": "oost"})
    assert "errors" not in answer, answer
    assert answer["data"]["network"]["position"] == answer["extensions"]["snapshot"]["position"]


async def test_a_day_that_is_none_is_refused_at_the_field(client: Client) -> None:
    answer = await client.ask('{ network(asOf: "2026-13-01") { position } }')
    assert answer["errors"][0]["extensions"]["code"] == "invalid-input"
    assert answer["errors"][0]["extensions"]["errors"][0]["field"] == "asOf"
    answer = await client.ask('{ network(knownAt: "2026-01-01T00:00:00") { position } }')
    assert answer["errors"][0]["extensions"]["code"] == "invalid-query"
    assert "has no offset" in answer["errors"][0]["message"]
