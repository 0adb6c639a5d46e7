"""The introduction through the API: who may, what follows what, and what happens when two do it at once."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import httpx
import pytest
from matching_world import Json, World

from schakel_matching.model import AMSTERDAM

pytestmark = pytest.mark.postgres

LAB = "/fieldlab/lasfabriek"


async def _asked(world: World) -> tuple[str, str]:
    """Return a challenge of anna's company, and the introduction it asks of the welding fieldlab."""
    await world.fieldlab()
    challenge_id = await world.challenge(await world.company("anna"), "anna")
    return challenge_id, await world.referral(challenge_id, "anna", message="Kunnen we langskomen?")


def slug_of(reply: httpx.Response) -> str:
    return str(reply.json()["type"]).rpartition("/")[2]


async def test_a_request_says_whose_turn_it_is_until_when_and_where_it_counts(world: World) -> None:
    challenge_id, referral_id = await _asked(world)

    state = await world.state(referral_id)
    known = {name: state[name] for name in ("status", "fieldlab", "fieldlab_hub", "home_hub", "routed_hub", "province")}
    assert known == {
        "status": "requested",
        "fieldlab": "lasfabriek",
        "fieldlab_hub": "oost",
        "home_hub": "zuid-holland",
        "routed_hub": "zuid-holland",
        "province": "NL-ZH",
    }
    assert (state["waiting_on"], state["due_on"]) == ("fieldlab", "2026-12-01")
    assert (state["challenge_id"], state["requested_at"]) == (challenge_id, "2026-11-24T10:00:00.000000Z")
    assert await world.journal() == [("challenges.submitted", 1), ("referrals.requested", 1)]


async def test_ask_answer_accept_outcome(world: World) -> None:
    _, referral_id = await _asked(world)
    lab, anna = world.user("lab", LAB), world.user("anna")
    path = f"/v1/referrals/{referral_id}"
    steps: list[tuple[str, Json, dict[str, str], str, str | None, str | None]] = [
        ("question", {"message": "Welk materiaal?"}, lab, "question", "company", "2026-12-01"),
        ("answer", {"message": "RVS."}, anna, "requested", "fieldlab", "2026-12-01"),
        ("acceptance", {"message": "Kom maar langs."}, lab, "accepted", None, None),
        ("outcome", {"outcome": "visited", "on": "2026-11-24"}, anna, "completed", None, None),
    ]
    for version, (step, body, who, status, turn, due) in enumerate(steps, start=2):
        reply = await world.post(f"{path}/{step}", body, headers={**who, "If-Match": f'"{version - 1}"'})
        assert reply.status_code == 200, reply.text
        assert (reply.json()["version"], reply.json()["status"]) == (version, status)
        state = await world.state(referral_id)
        assert (state["status"], state["waiting_on"], state["due_on"]) == (status, turn, due)
    assert (await world.journal())[1:] == [
        ("referrals.requested", 1),
        ("referrals.question-asked", 2),
        ("referrals.question-answered", 3),
        ("referrals.accepted", 4),
        ("referrals.outcome-recorded", 5),
    ]
    whole = (await world.client.get(path, headers=lab)).json()
    assert [(message["by"], message["text"]) for message in whole["messages"]] == [
        ("company", "Kunnen we langskomen?"),
        ("fieldlab", "Welk materiaal?"),
        ("company", "RVS."),
        ("fieldlab", "Kom maar langs."),
    ]
    assert (whole["answeredAt"], whole["outcomeOn"]) == ("2026-11-24T10:00:00.000000Z", "2026-11-24")
    for words in ("Welk materiaal", "RVS", "langs"):
        assert (
            await world.rows(
                "SELECT 1 FROM journal WHERE position(:words IN convert_from(value, 'UTF8')) > 0", words=words
            )
            == []
        )


async def test_decline_carries_its_reason(world: World) -> None:
    _, referral_id = await _asked(world)
    path = f"/v1/referrals/{referral_id}/decline"
    bad = await world.post(path, {"reason": "no"}, headers=world.user("lab", LAB))
    assert [(e["field"], e["code"]) for e in bad.json()["errors"]] == [("reason", "not-one-of")]
    await world.post(path, {"reason": "no_capacity"}, headers=world.user("lab", LAB))
    state = await world.state(referral_id)
    assert (state["status"], state["decline_reason"], state["answered_at"]) == (
        "declined",
        "no_capacity",
        "2026-11-24T10:00:00.000000Z",
    )


async def test_answering_by_another_fieldlab_is_forbidden_and_changes_nothing(world: World) -> None:
    _, referral_id = await _asked(world)
    before = await world.counts()
    others = [
        world.user("x", "/fieldlab/other"),
        world.user("anna"),
        world.user("x", "/hub/oost"),
        world.user("x", "/national"),
    ]
    for who in others:
        for step, body in (
            ("acceptance", {}),
            ("decline", {"reason": "other"}),
            ("question", {"message": "?"}),
        ):
            reply = await world.post(f"/v1/referrals/{referral_id}/{step}", body, headers=who)
            assert (reply.status_code, slug_of(reply)) == (403, "forbidden")
    for step, body in (("answer", {"message": "x"}), ("withdrawal", {})):
        reply = await world.post(f"/v1/referrals/{referral_id}/{step}", body, headers=world.user("lab", LAB))
        assert slug_of(reply) == "forbidden"
    assert await world.counts() == before
    assert await world.rows("SELECT count(*) FROM message") == [(1,)]


async def test_answering_twice_is_refused(world: World) -> None:
    _, referral_id = await _asked(world)
    lab = world.user("lab", LAB)
    path = f"/v1/referrals/{referral_id}"
    assert (
        slug_of(await world.post(f"{path}/answer", {"message": "x"}, headers=world.user("anna"))) == "already-answered"
    )
    await world.post(f"{path}/acceptance", {}, headers=lab)
    before = await world.counts()
    for step, body in (("acceptance", {}), ("decline", {"reason": "other"}), ("question", {"message": "?"})):
        reply = await world.post(f"{path}/{step}", body, headers=lab)
        assert (reply.status_code, slug_of(reply)) == (409, "already-answered")
    assert slug_of(await world.post(f"{path}/withdrawal", {}, headers=world.user("anna"))) == "already-answered"
    stale = await world.post(
        f"{path}/outcome", {"outcome": "tested", "on": "2026-11-24"}, headers={**lab, "If-Match": '"1"'}
    )
    assert (stale.status_code, slug_of(stale)) == (412, "stale-version")
    assert await world.counts() == before


async def test_the_same_fieldlab_is_asked_once_but_again_after_a_withdrawal(world: World) -> None:
    challenge_id, referral_id = await _asked(world)
    body = {"challengeId": challenge_id, "fieldlab": "lasfabriek"}
    before = await world.counts()
    reply = await world.post("/v1/referrals", body, headers=world.user("anna"))
    assert (reply.status_code, slug_of(reply)) == (409, "already-asked")
    assert await world.counts() == before

    await world.post(f"/v1/referrals/{referral_id}/withdrawal", {}, headers=world.user("anna"))
    again = await world.post("/v1/referrals", body, headers=world.user("anna"))
    assert again.status_code == 201
    assert again.json()["id"] != referral_id


async def test_an_unknown_unpublished_or_ended_fieldlab_cannot_be_asked(world: World) -> None:
    challenge_id, _ = await _asked(world)
    await world.fieldlab("geheim", published=False)
    await world.fieldlab("klaar", status="ended", ended="2024", succeeded_by="lasfabriek")
    before = await world.counts()
    expected = {"bestaat-niet": (404, "not-found"), "geheim": (404, "not-found"), "klaar": (409, "fieldlab-ended")}
    for fieldlab, answer in expected.items():
        body = {"challengeId": challenge_id, "fieldlab": fieldlab}
        reply = await world.post("/v1/referrals", body, headers=world.user("anna"))
        assert (reply.status_code, slug_of(reply)) == answer
        if fieldlab == "klaar":
            assert reply.json()["successor"] == "lasfabriek"
    stranger = await world.post(
        "/v1/referrals", {"challengeId": challenge_id, "fieldlab": "lasfabriek"}, headers=world.user("bob")
    )
    assert slug_of(stranger) == "forbidden"
    assert await world.counts() == before


async def test_an_outcome_holds_from_its_own_day_and_can_be_corrected(world: World) -> None:
    _, referral_id = await _asked(world)
    lab = world.user("lab", LAB)
    path = f"/v1/referrals/{referral_id}/outcome"
    early = await world.post(path, {"outcome": "visited", "on": "2026-11-24"}, headers=lab)
    assert slug_of(early) == "conflict"
    await world.post(f"/v1/referrals/{referral_id}/acceptance", {}, headers=lab)
    world.clock.advance(timedelta(days=20))

    before = await world.counts()
    for on, code in (("2026-12-15", "outcome-on-future"), ("2026-11-23", "outcome-on-before-request")):
        reply = await world.post(path, {"outcome": "visited", "on": on}, headers=lab)
        assert [(e["field"], e["code"]) for e in reply.json()["errors"]] == [("on", code)]
    assert await world.counts() == before

    await world.post(path, {"outcome": "visited", "on": "2026-12-01"}, headers=world.user("h", "/hub/zuid-holland"))
    same = await world.post(path, {"outcome": "visited", "on": "2026-12-01"}, headers=lab)
    assert slug_of(same) == "already-answered"
    corrected = await world.post(path, {"outcome": "tested", "on": "2026-12-02"}, headers=world.user("anna"))
    assert corrected.json()["version"] == 4
    rows = await world.rows("SELECT effective_at FROM journal WHERE type LIKE '%outcome-recorded%' ORDER BY version")
    assert [row[0].astimezone(AMSTERDAM).isoformat() for row in rows] == [
        "2026-12-01T00:00:00+01:00",
        "2026-12-02T00:00:00+01:00",
    ]
    state = await world.state(referral_id)
    assert (state["outcome"], state["outcome_on"]) == ("tested", "2026-12-02")


async def test_messages_are_read_per_introduction_by_those_who_may(world: World) -> None:
    _, referral_id = await _asked(world)

    async def read(who: dict[str, str]) -> Json:
        reply = await world.client.post("/v1/private/referrals", json={"ids": [referral_id]}, headers=who)
        found: Json = reply.json()["items"][referral_id]
        return found

    for who in (world.user("anna"), world.user("lab", LAB), world.user("h", "/hub/zuid-holland")):
        assert [message["text"] for message in (await read(who))["messages"]] == ["Kunnen we langskomen?"]
    for who in (
        world.user("x"),
        world.user("x", "/fieldlab/other"),
        world.user("x", "/hub/oost"),
        world.user("x", "/national"),
    ):
        assert await read(who) == {"reason": "forbidden"}


async def _together(*replies: Awaitable[httpx.Response]) -> list[httpx.Response]:
    return list(await asyncio.gather(*replies))


async def test_eight_requests_at_once_make_one_introduction(world: World) -> None:
    await world.fieldlab()
    challenge_id = await world.challenge(await world.company("anna"), "anna")
    body = {"challengeId": challenge_id, "fieldlab": "lasfabriek", "message": "Hallo"}

    replies = await _together(*(world.post("/v1/referrals", body, headers=world.user("anna")) for _ in range(8)))

    assert sorted(reply.status_code for reply in replies) == [201, *[409] * 7]
    assert {slug_of(reply) for reply in replies if reply.status_code == 409} == {"already-asked"}
    assert await world.rows("SELECT count(*) FROM referral") == [(1,)]
    assert await world.rows("SELECT count(*) FROM message") == [(1,)]
    assert await world.counts() == (2, 2)


async def test_of_accepting_and_withdrawing_at_once_exactly_one_wins(world: World) -> None:
    await world.fieldlab()
    company = await world.company("anna")
    for attempt in range(6):
        referral_id = await world.referral(await world.challenge(company, "anna"), "anna")
        before, _ = await world.counts()
        path = f"/v1/referrals/{referral_id}"
        accept = world.post(f"{path}/acceptance", {}, headers=world.user("lab", LAB))
        withdraw = world.post(f"{path}/withdrawal", {}, headers=world.user("anna"))

        replies = await _together(*((accept, withdraw) if attempt % 2 else (withdraw, accept)))

        assert sorted(reply.status_code for reply in replies) == [200, 409]
        lost = next(reply for reply in replies if reply.status_code == 409)
        state = await world.state(referral_id)
        assert (state["status"], slug_of(lost)) in {("accepted", "already-answered"), ("withdrawn", "conflict")}
        assert (await world.counts())[0] == before + 1


async def test_a_double_submit_has_one_effect_and_one_answer(world: World) -> None:
    _, referral_id = await _asked(world)
    headers = {**world.user("lab", LAB), "Idempotency-Key": "the-same-key-twice"}
    path = f"/v1/referrals/{referral_id}/acceptance"
    first = await world.post(path, {"message": "Ja"}, headers=headers)
    again = await world.post(path, {"message": "Ja"}, headers=headers)
    assert first.json() == again.json()
    reused = await world.post(path, {"message": "Nee"}, headers=headers)
    assert slug_of(reused) == "idempotency-key-reused"
    assert await world.counts() == (3, 3)
