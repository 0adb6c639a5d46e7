"""Companies over HTTP: what is registered, what is refused, and what leaves the service."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from service_api import Api, Refusal, refusal

from schakel_common.clock import FixedClock
from schakel_common.consistency import decode_token

pytestmark = pytest.mark.postgres

COMPANY = {
    "kvkNumber": "01234567",
    "name": "Slob Staal",
    "postcode": "3356 LK",
    "houseNumber": "12",
    "sizeClass": "small",
    "sbi": ["25.11", "2562"],
    "contact": {"name": "Ann", "phone": "078 123 4567"},
}
HUB = ["/hub/zuid-holland"]


async def registered(api: Api, by: str = "ann", **different: object) -> str:
    reply = await api.post("/companies", {**COMPANY, **different}, sub=by)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def test_a_company_is_registered_with_its_first_member_and_stays_unverified(api: Api) -> None:
    reply = await api.post("/companies", COMPANY)
    assert reply.status_code == 201
    company_id = reply.json()["id"]
    assert reply.json() == {
        "id": company_id,
        "status": "unverified",
        "homeHub": "zuid-holland",
        "version": 1,
        "token": reply.headers["Consistency-Token"],
    }
    (reference,) = decode_token(reply.json()["token"])
    assert (reference.kind, str(reference.id), reference.epoch, reference.version) == ("company", company_id, 1, 1)
    (said,) = await api.said()
    (establishment,) = said.state.pop("establishments")
    assert (said.what, said.state) == (
        "companies.registered.v1",
        {
            "id": company_id,
            "status": "unverified",
            "home_hub": "zuid-holland",
            "size_class": "small",
            "province": "NL-ZH",
            "municipality_code": "GM0590",
            "postcode4": "3356",
            "sbi": ["2511", "2562"],
            "members": [{"sub": "ann", "status": "active"}],
            "merged_into": None,
        },
    )
    assert establishment["postcode4"] == "3356"


@pytest.mark.parametrize("small", [{"sizeClass": "micro"}, {"soleTrader": True}, {"sizeClass": "unknown"}])
async def test_of_a_small_firm_only_municipality_and_division_leave_the_service(
    api: Api, small: dict[str, object]
) -> None:
    await api.post("/companies", {**COMPANY, **small})
    (said,) = await api.said()
    assert (said.state["postcode4"], said.state["municipality_code"], said.state["sbi"]) == (None, "GM0590", ["25"])
    assert said.state["establishments"][0]["postcode4"] is None


async def test_nothing_that_identifies_leaves_the_service(api: Api) -> None:
    await registered(api)
    ((value, reply),) = await api.rows("SELECT value, body FROM journal, idempotency")
    for secret in (b"01234567", b"Slob", b"LK", b"Ann", b"078 123"):
        assert secret not in value
        assert secret not in reply


WRONG: list[tuple[dict[str, object], list[tuple[str, str]]]] = [
    ({"kvkNumber": "1234567"}, [("kvkNumber", "kvk-number-digits")]),
    ({"kvkNumber": "123456789"}, [("kvkNumber", "kvk-number-digits")]),
    ({"kvkNumber": "1234567x"}, [("kvkNumber", "kvk-number-digits")]),
    ({"postcode": "0999"}, [("postcode", "postcode-form")]),
    ({"postcode": "3356 SS"}, [("postcode", "postcode-form")]),
    ({"postcode": "1999 ZZ"}, [("postcode", "postcode-unknown")]),
    ({"postcode": "1000 AA"}, [("postcode", "postcode-po-box")]),
    ({"sbi": ["2511", "99999"]}, [("sbi.1", "sbi-unknown")]),
    ({"sbi": ["C"]}, [("sbi.0", "sbi-unknown")]),
    ({"kvkNumber": "1", "postcode": "12"}, [("kvkNumber", "kvk-number-digits"), ("postcode", "postcode-form")]),
    ({"name": "   "}, [("name", "too-short")]),
    ({"sizeClass": "huge"}, [("sizeClass", "not-one-of")]),
    ({"contact": {"name": "Ann", "phone": "call me"}}, [("contact.phone", "wrong-format")]),
    ({"website": "x"}, [("website", "unknown-field")]),
]


async def test_a_wrong_field_is_named_and_nothing_changes(api: Api) -> None:
    for different, errors in WRONG:
        reply = await api.post("/companies", {**COMPANY, **different})
        assert refusal(reply) == Refusal(400, "invalid-input", errors)
    assert await api.rows("SELECT count(*) FROM company") == [(0,)]
    await api.assert_said()


async def test_a_known_number_is_refused_and_nothing_is_shown(api: Api) -> None:
    company_id = await registered(api)
    reply = await api.post("/companies", {**COMPANY, "name": "Other"}, sub="ben")
    assert refusal(reply) == Refusal(409, "company-already-registered", [])
    assert company_id not in reply.text
    assert "Slob" not in reply.text
    await api.assert_said("companies.registered")


async def test_of_eight_that_register_the_same_number_at_once_one_succeeds(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/companies", COMPANY, sub=f"person-{n}") for n in range(8)))
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
    await api.assert_said("companies.registered")


async def test_a_double_submit_registers_once_and_gets_the_same_reply(api: Api) -> None:
    first, second = [await api.post("/companies", COMPANY, key="the-same-key") for _ in range(2)]
    assert (second.status_code, second.json()) == (201, first.json())
    await api.assert_said("companies.registered")


async def test_asking_to_join_tells_nobody_whether_a_company_is_known(api: Api) -> None:
    await registered(api)
    ask = {"contact": {"name": "Ben"}}
    known = await api.post("/company-join-requests", {**ask, "kvkNumber": "01234567"}, sub="ben")
    unknown = await api.post("/company-join-requests", {**ask, "kvkNumber": "76543210"}, sub="ben")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert known.json() == {"status": "received", "token": None}
    assert {name.lower() for name in known.headers} == {name.lower() for name in unknown.headers}
    await api.assert_said("companies.registered", "companies.membership-asked")
    reply = await api.post("/company-join-requests", {**ask, "kvkNumber": "0123456"}, sub="ben")
    assert refusal(reply) == Refusal(400, "invalid-input", [("kvkNumber", "kvk-number-digits")])


async def test_who_asked_is_let_in_by_a_member_and_may_speak_from_then_on(api: Api) -> None:
    company_id = await registered(api)
    await api.post("/company-join-requests", {"kvkNumber": "01234567", "contact": {"name": "Ben"}}, sub="ben")
    assert refusal(await api.get(f"/companies/{company_id}", sub="ben")).slug == "forbidden"
    accept = f"/companies/{company_id}/members/ben/acceptance"
    assert refusal(await api.post(accept, {}, sub="ben")).slug == "forbidden"
    assert (await api.post(accept, {})).status_code == 200
    assert refusal(await api.post(accept, {})) == Refusal(409, "conflict", [])
    seen = (await api.get(f"/companies/{company_id}", sub="ben")).json()
    assert [contact["name"] for contact in seen["contacts"]] == ["Ann", "Ben"]
    assert (await api.said())[-1].state["members"] == [
        {"sub": "ann", "status": "active"},
        {"sub": "ben", "status": "active"},
    ]
    assert refusal(await api.post(f"/companies/{company_id}/members/eve/acceptance", {})).slug == "not-found"


async def test_who_is_removed_is_forgotten_and_may_not_speak(api: Api) -> None:
    company_id = await registered(api)
    assert (
        await api.post(f"/companies/{company_id}/members/ann/removal", {}, groups=HUB, sub="hub")
    ).status_code == 200
    assert await api.rows("SELECT name, phone, status FROM member") == [("", None, "removed")]
    assert refusal(await api.get(f"/companies/{company_id}")).slug == "forbidden"


async def test_a_hub_confirms_a_company_once_and_a_stale_form_is_refused(api: Api) -> None:
    company_id = await registered(api)
    path = f"/companies/{company_id}/verification"
    assert refusal(await api.post(path, {}, sub="hub", groups=HUB, version=7)) == Refusal(412, "stale-version", [])
    reply = await api.post(path, {}, sub="hub", groups=HUB, version=1)
    assert (reply.json()["status"], reply.headers["ETag"]) == ("verified", '"2"')
    assert refusal(await api.post(path, {}, sub="hub", groups=HUB)) == Refusal(409, "conflict", [])
    await api.assert_said("companies.registered", "companies.verified")


async def test_a_change_needs_the_version_it_builds_on_and_no_difference_is_no_event(api: Api) -> None:
    company_id = await registered(api)
    path = f"/companies/{company_id}"
    assert refusal(await api.patch(path, {"name": "Slob"})) == Refusal(428, "precondition-required", [])
    assert refusal(await api.patch(path, {"name": "Slob"}, version=3)) == Refusal(412, "stale-version", [])
    same = await api.patch(path, {"name": "Slob Staal", "sbi": ["2511", "25.62"]}, version=1)
    assert (same.status_code, same.json()["version"]) == (200, 1)
    await api.assert_said("companies.registered")
    assert (await api.patch(path, {"sizeClass": "micro"}, version=1)).json()["version"] == 2
    assert (await api.said())[-1].state["sbi"] == ["25"]


async def test_a_move_in_the_past_is_so_from_that_day_and_takes_the_company_to_another_hub(
    api: Api, clock: FixedClock
) -> None:
    company_id = await registered(api)
    clock.advance(timedelta(days=30))
    move = {"postcode": "7511", "effectiveOn": "2026-12-01"}
    reply = await api.post(f"/companies/{company_id}/move", move)
    assert (reply.status_code, reply.json()["homeHub"]) == (200, "oost")
    assert await api.rows("SELECT type, effective_at FROM journal WHERE version = 2") == [
        ("nl.smartindustry.companies.moved.v1", datetime(2026, 11, 30, 23, tzinfo=UTC))
    ]
    for day, code in (("2026-11-23", "effective-on-before-registration"), ("2026-12-25", "effective-on-future")):
        reply = await api.post(f"/companies/{company_id}/move", {**move, "effectiveOn": day})
        assert refusal(reply) == Refusal(400, "invalid-input", [("effectiveOn", code)])
    reply = await api.post(f"/companies/{company_id}/move", {**move, "postcode": "1999"})
    assert refusal(reply) == Refusal(400, "invalid-input", [("postcode", "postcode-unknown")])
    await api.assert_said("companies.registered", "companies.moved")


async def test_a_move_on_the_day_of_registration_is_not_before_it(api: Api, clock: FixedClock) -> None:
    company_id = await registered(api)
    assert (
        await api.post(f"/companies/{company_id}/move", {"postcode": "7511", "effectiveOn": "2026-11-24"})
    ).is_success
    assert await api.rows("SELECT effective_at FROM journal WHERE version = 2") == [(clock.now(),)]


async def test_an_establishment_elsewhere_gives_its_hub_a_sight_of_the_company(api: Api) -> None:
    company_id = await registered(api)
    oost = ["/hub/oost"]
    assert refusal(await api.get(f"/companies/{company_id}", sub="hub", groups=oost)).slug == "forbidden"
    reply = await api.post(f"/companies/{company_id}/establishments", {"postcode": "7511 AB"})
    assert reply.json()["homeHub"] == "zuid-holland"
    seen = (await api.get(f"/companies/{company_id}", sub="hub", groups=oost)).json()
    assert seen["name"] == "Slob Staal"
    assert "members" not in seen


async def test_a_merged_company_goes_on_with_its_people_and_its_number_stays_known(api: Api) -> None:
    old = await registered(api)
    new = await registered(api, "ben", kvkNumber="76543210", name="Slob Groep", contact={"name": "Ben"})
    reply = await api.post(f"/companies/{old}/merge", {"into": new}, sub="office", groups=["/national"])
    assert reply.status_code == 200, reply.text
    assert (reply.json()["status"], reply.json()["mergedInto"]) == ("merged", new)
    assert sorted((each.kind, each.version) for each in decode_token(reply.json()["token"])) == [("company", 2)] * 2
    *_, grown, merged = await api.said()
    assert (grown.what, [each["sub"] for each in grown.state["members"]]) == ("companies.described.v1", ["ann", "ben"])
    assert [each["primary"] for each in grown.state["establishments"]].count(True) == 1
    assert (merged.what, merged.state["merged_into"], merged.state["members"]) == ("companies.merged.v1", new, [])
    assert refusal(await api.post("/companies", COMPANY, sub="eve")).slug == "company-already-registered"
    ask = {"kvkNumber": "01234567", "contact": {"name": "Eve"}}
    assert (await api.post("/company-join-requests", ask, sub="eve")).status_code == 202
    assert {"sub": "eve", "status": "asking"} in (await api.said())[-1].state["members"]
    private = (await api.post("/private/companies", {"ids": [old]})).json()["items"][old]
    assert (private["name"], [each["name"] for each in private["contacts"]]) == ("Slob Staal", ["Ann", "Ben"])
    again = await api.post(f"/companies/{old}/merge", {"into": new}, sub="office", groups=["/national"])
    assert refusal(again) == Refusal(409, "conflict", [])


async def test_a_hub_may_not_merge_into_a_company_that_is_not_its_own(api: Api) -> None:
    old = await registered(api)
    new = await registered(api, "ben", kvkNumber="76543210", postcode="7511")
    assert refusal(await api.post(f"/companies/{old}/merge", {"into": new}, sub="hub", groups=HUB)).slug == "forbidden"
    itself = await api.post(f"/companies/{old}/merge", {"into": old}, sub="hub", groups=HUB)
    assert refusal(itself) == Refusal(400, "invalid-input", [("into", "into-itself")])
    nowhere = await api.post(f"/companies/{old}/merge", {"into": str(uuid4())}, sub="hub", groups=HUB)
    assert refusal(nowhere).slug == "not-found"
    await api.assert_said("companies.registered", "companies.registered")


async def test_an_erased_company_leaves_an_event_without_content_and_no_row_about_a_person(api: Api) -> None:
    first = await registered(api, kvkNumber="76543210", name="Old Slob")
    company_id = await registered(api)
    await api.post(f"/companies/{first}/merge", {"into": company_id}, sub="office", groups=["/national"])
    reply = await api.post(f"/companies/{company_id}/erasure", {})
    assert reply.json()["status"] == "erased"
    erased = [each for each in await api.said() if each.what == "companies.erased.v1"]
    assert {each.state["id"] for each in erased} == {first, company_id}
    assert erased[0].state == {
        "id": company_id,
        "status": "erased",
        "home_hub": "unassigned",
        "size_class": "unknown",
        "province": None,
        "municipality_code": None,
        "postcode4": None,
        "sbi": [],
        "establishments": [],
        "members": [],
        "merged_into": None,
    }
    counts = "SELECT (SELECT count(*) FROM member), (SELECT count(*) FROM establishment)"
    assert await api.rows(counts) == [(0, 0)]
    assert await api.rows("SELECT DISTINCT kvk_number, name FROM company") == [(None, None)]
    assert await api.rows("SELECT sub FROM account_to_delete") == [("ann",)], "whose account goes too"
    items = (await api.post("/private/companies", {"ids": [company_id]})).json()["items"]
    assert items == {company_id: {"reason": "erased"}}
    assert (await api.post("/companies", COMPANY, sub="ben")).status_code == 201


async def test_eight_at_once_on_one_company_make_versions_without_gap_or_double(api: Api) -> None:
    company_id = await registered(api)
    moves = [{"postcode": postcode, "effectiveOn": "2026-11-24"} for postcode in ("7511", "9711", "5611", "3511") * 2]
    replies = await asyncio.gather(*(api.post(f"/companies/{company_id}/move", move) for move in moves))
    assert [reply.status_code for reply in replies] == [200] * 8
    assert sorted(reply.json()["version"] for reply in replies) == list(range(2, 10))
    assert await api.rows("SELECT version FROM company") == [(9,)]
