"""A need typed without an account, and somebody who wants to be called."""

from datetime import timedelta
from uuid import uuid4

import pytest
from matching_world import Json, World

from schakel_common.testing import idempotency_key
from schakel_matching.commands.drafts import delete_old_drafts
from schakel_matching.queries import sha256_of

pytestmark = pytest.mark.postgres

NEED = {"text": "Wij zoeken een lasrobot voor kleine series.", "language": "nl", "postcode": "2628 CN", "sbi": "25.62"}


async def test_a_draft_needs_no_account_and_is_matched_at_once(world: World) -> None:
    await world.fieldlab()

    reply = await world.post("/v1/drafts", NEED)

    assert reply.status_code == 201
    draft = reply.json()
    assert reply.headers["location"] == f"/v1/drafts/{draft['id']}"
    assert len(draft["secret"]) == 43
    assert (draft["postcode"], draft["sbi"], draft["noFit"], draft["hub"]) == ("2628", "25", False, "zuid-holland")
    assert draft["concepts"] == ["robot_welding", "small_series"]
    match = draft["matches"][0]
    assert (match["slug"], match["rank"], match["ended"]) == ("lasfabriek", 1, None)
    assert match["score"] == pytest.approx(sum(part["value"] for part in match["parts"]), abs=1e-9)
    assert [part["name"] for part in match["parts"]] == [
        "text",
        "technology",
        "sector",
        "transformation",
        "service",
        "trl",
        "size",
        "distance",
        "language",
        "capacity",
        "status",
        "freshness",
    ]
    assert match["unknown"] == [
        "fieldlab_sector",
        "fieldlab_transformation",
        "company_service",
        "company_trl",
        "company_size",
        "fieldlab_language",
        "capacity",
        "confirmation",
    ]
    need = draft["needs"][0]
    assert (need["id"], need["quote"], need["fits"]) == ("n1", NEED["text"], True)
    assert need["technologies"] == draft["concepts"]
    (served,) = need["fieldlabs"]
    assert (served["slug"], served["name"], served["score"]) == ("lasfabriek", "Lasfabriek", match["score"])
    assert served["parts"] == match["parts"]
    assert match["needs"] == ["n1"]
    assert await world.counts() == (0, 0)


async def test_a_draft_is_read_with_its_secret_only_and_shows_the_matches_of_the_moment(world: World) -> None:
    draft = (await world.post("/v1/drafts", NEED)).json()
    assert draft["noFit"] is True
    await world.fieldlab()

    path = f"/v1/drafts/{draft['id']}"
    read = await world.client.get(path, headers={"Draft-Secret": draft["secret"]})
    assert read.status_code == 200
    assert read.json()["text"] == NEED["text"]
    assert [match["slug"] for match in read.json()["matches"]] == ["lasfabriek"]

    for headers, slug in (({"Draft-Secret": "wrong"}, "not-found"), ({}, "invalid-input")):
        refused = await world.client.get(path, headers=headers)
        assert refused.json()["type"].endswith(slug)
        assert NEED["text"] not in refused.text
    unknown = await world.client.get(f"/v1/drafts/{uuid4()}", headers={"Draft-Secret": draft["secret"]})
    assert unknown.status_code == 404


async def test_a_repeat_gets_the_same_draft_and_secret_and_the_database_holds_the_secret_nowhere(world: World) -> None:
    key = idempotency_key()
    first = await world.post("/v1/drafts", NEED, headers=key)
    again = await world.post("/v1/drafts", NEED, headers=key)

    assert first.json() == again.json()
    secret = first.json()["secret"]
    assert await world.rows("SELECT secret_sha256 FROM draft") == [(sha256_of(secret),)]
    stored = await world.rows("SELECT convert_from(body, 'UTF8') FROM idempotency")
    assert len(stored) == 1
    assert secret not in stored[0][0]
    assert "lasrobot" not in stored[0][0]


async def test_bad_input_gets_a_message_at_the_field_and_keeps_nothing(world: World) -> None:
    cases: list[tuple[Json, str, str]] = [
        ({"text": "las"}, "text", "too-short"),
        ({"text": "         las        "}, "text", "too-short"),
        ({"text": "x" * 30_000}, "text", "too-long"),
        ({"postcode": "1998"}, "postcode", "postcode-unknown"),
        ({"postcode": "abc"}, "postcode", "postcode-unknown"),
        ({"sbi": "00"}, "sbi", "sbi-unknown"),
        ({"language": "fr"}, "language", "not-one-of"),
        ({"extra": 1}, "extra", "unknown-field"),
    ]
    for change, field, code in cases:
        reply = await world.post("/v1/drafts", {**NEED, **change})
        assert reply.status_code == 400
        assert reply.json()["type"].endswith("/invalid-input")
        assert [(error["field"], error["code"]) for error in reply.json()["errors"]] == [(field, code)]
    assert await world.rows("SELECT 1 FROM draft") == []
    assert await world.rows("SELECT 1 FROM idempotency") == []


async def test_the_shortest_and_the_longest_text_are_taken(world: World) -> None:
    for text in ("lasrobots!", "x" * 5000):
        assert (await world.post("/v1/drafts", {**NEED, "text": text})).status_code == 201


async def test_a_short_key_is_refused_because_the_secret_comes_from_it(world: World) -> None:
    headers = {"Idempotency-Key": "12345678", **world.user("anna")}
    reply = await world.post("/v1/drafts", NEED, headers=headers)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_drafts_and_call_backs_are_deleted_after_thirty_days(world: World) -> None:
    draft = (await world.post("/v1/drafts", NEED)).json()
    call = {"name": "Anna", "phone": "06 12345678", "when": "dinsdag", "draftId": draft["id"]}
    await world.post("/v1/call-backs", {**call, "draftSecret": draft["secret"]})

    world.clock.advance(timedelta(days=30))
    async with world.database.unit_of_work() as session:
        assert await delete_old_drafts(session, world.clock) == 0
    world.clock.advance(timedelta(seconds=1))
    async with world.database.unit_of_work() as session:
        assert await delete_old_drafts(session, world.clock) == 2
    assert await world.rows("SELECT 1 FROM draft UNION ALL SELECT 1 FROM call_back") == []


async def test_a_call_back_reaches_the_desk_of_the_hub_of_the_postcode_and_no_other(world: World) -> None:
    draft = (await world.post("/v1/drafts", NEED)).json()
    body = {
        "name": "Anna",
        "phone": "06 12345678",
        "when": "dinsdag na 14 uur",
        "draftId": draft["id"],
        "draftSecret": draft["secret"],
    }
    reply = await world.post("/v1/call-backs", body)
    assert (reply.status_code, reply.json()) == (202, {"accepted": True, "token": None})
    assert await world.counts() == (0, 0)

    desk = world.user("hub", "/hub/zuid-holland")
    items = (await world.client.get("/v1/call-backs?hub=zuid-holland", headers=desk)).json()["items"]
    assert [(item["name"], item["phone"], item["when"], item["postcode"], item["text"]) for item in items] == [
        ("Anna", "06 12345678", "dinsdag na 14 uur", "2628", NEED["text"])
    ]
    for other in (world.user("x"), world.user("x", "/hub/oost"), world.user("x", "/national")):
        refused = await world.client.get("/v1/call-backs?hub=zuid-holland", headers=other)
        assert refused.json()["type"].endswith("/forbidden")
    nobody = await world.client.get("/v1/call-backs?hub=zuid-holland")
    assert nobody.json()["type"].endswith("/not-signed-in")

    path = f"/v1/call-backs/{items[0]['id']}/done"
    assert (await world.post(path, {}, headers=world.user("x", "/hub/oost"))).status_code == 404
    assert (await world.post(path, {}, headers=desk)).json()["accepted"] is True
    assert (await world.post(path, {}, headers=desk)).json()["type"].endswith("/already-answered")
    assert (await world.client.get("/v1/call-backs?hub=zuid-holland", headers=desk)).json() == {"items": []}


async def test_a_call_back_without_a_postcode_goes_to_the_programme_office(world: World) -> None:
    await world.post("/v1/call-backs", {"name": "Anna", "phone": "0612345678", "when": "morgen"})
    office = world.user("x", "/national")
    items = (await world.client.get("/v1/call-backs?hub=national", headers=office)).json()["items"]
    assert [item["name"] for item in items] == ["Anna"]


async def test_a_bad_call_back_is_refused_at_its_field(world: World) -> None:
    cases: list[tuple[Json, str, str]] = [
        ({"phone": "bel maar"}, "phone", "wrong-format"),
        ({"name": ""}, "name", "too-short"),
        ({"postcode": "1998"}, "postcode", "postcode-unknown"),
        ({"draftId": str(uuid4())}, "draftSecret", "required"),
    ]
    for change, field, code in cases:
        reply = await world.post("/v1/call-backs", {"name": "Anna", "phone": "0612345678", "when": "nu", **change})
        assert [(error["field"], error["code"]) for error in reply.json()["errors"]] == [(field, code)]
    assert await world.rows("SELECT 1 FROM call_back") == []
