"""Activities and their seats: what is planned, who gets the last seat, and who gets the one that comes free."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from service_api import Api, Hear, Refusal, refusal

from schakel_common.clock import FixedClock
from schakel_common.consistency import decode_token
from schakel_contracts.companies import CompanyState, Member
from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.topics import COMPANIES, FIELDLABS

pytestmark = pytest.mark.postgres

Calls = tuple[tuple[str, str, object], ...]

HUB = ["/hub/oost"]
ACTIVITY = {
    "organiser": "hub:oost",
    "titleNl": "Lassen met robots",
    "titleEn": "Welding with robots",
    "summaryNl": "Kom kijken.",
    "summaryEn": "Come and see.",
    "startsAt": "2027-02-03T14:00:00+01:00",
    "endsAt": "2027-02-03T17:00:00+01:00",
    "mode": "on_site",
    "postcode": "7521 AB",
    "capacity": 3,
    "themes": ["robot_welding"],
}
CONTACT = {"contact": {"name": "Ann", "email": "ann@slob.example"}}
COMPANY = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
LAB = FieldlabState(
    id=uuid4(),
    slug="lasatelier",
    name="Lasatelier",
    kind="fieldlab",
    hub="zuid",
    status="active",
    recognition=Recognition(status="unknown"),
    published=True,
    description_nl="",
    description_en="",
)


async def planned(api: Api, **different: object) -> str:
    reply = await api.post("/activities", {**ACTIVITY, **different}, sub="hub", groups=HUB)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def seats(api: Api, activity_id: str) -> tuple[int, int]:
    ((taken, waiting),) = await api.rows("SELECT seats_taken, waiting FROM activity WHERE id = :id", id=activity_id)
    return taken, waiting


async def test_a_hub_plans_an_activity(api: Api) -> None:
    reply = await api.post("/activities", ACTIVITY, sub="hub", groups=HUB)
    body = reply.json()
    assert (reply.status_code, body["status"], body["version"]) == (201, "planned", 1)
    assert body["slug"] == f"welding-with-robots-{body['id'][:8]}"
    (said,) = await api.said()
    assert said.what == "activities.planned.v1"
    expected = {
        "organiser": "hub:oost",
        "hub": "oost",
        "starts_at": "2027-02-03T13:00:00Z",
        "ends_at": "2027-02-03T16:00:00Z",
        "date_precision": "instant",
        "place": "Enschede",
        "province": "NL-OV",
        "municipality_code": "GM0153",
        "capacity": 3,
        "seats_taken": 0,
        "waiting": 0,
    }
    assert {name: said.state[name] for name in expected} == expected
    seen = (await api.get(f"/activities/{body['id']}", sub=None)).json()
    assert (seen["titleNl"], seen["seatsTaken"], seen["version"]) == ("Lassen met robots", 0, 1)


WRONG: list[tuple[dict[str, object], list[tuple[str, str]]]] = [
    ({"startsAt": "2027-02-03"}, [("startsAt", "without-offset")]),
    ({"startsAt": "2027-02-03T14:00:00"}, [("startsAt", "without-offset")]),
    ({"startsAt": "2026-11-24T09:29:00Z"}, [("startsAt", "starts-in-the-past")]),
    ({"endsAt": "2027-02-03T14:00:00+01:00"}, [("endsAt", "ends-before-start")]),
    ({"postcode": "1999 AB"}, [("postcode", "postcode-unknown")]),
    ({"postcode": "here"}, [("postcode", "postcode-form")]),
    ({"themes": ["robot_welding", "magic"]}, [("themes.1", "theme-unknown")]),
    ({"fieldlabs": ["nowhere"]}, [("fieldlabs.0", "fieldlab-unknown")]),
    ({"capacity": 0}, [("capacity", "too-small")]),
    ({"titleNl": ""}, [("titleNl", "too-short")]),
    ({"website": "javascript:alert(1)"}, [("website", "wrong-format")]),
]


async def test_a_wrong_field_is_named_and_nothing_is_planned(api: Api) -> None:
    for different, errors in WRONG:
        reply = await api.post("/activities", {**ACTIVITY, **different}, sub="hub", groups=HUB)
        assert refusal(reply) == Refusal(400, "invalid-input", errors)
    assert await api.rows("SELECT count(*) FROM activity") == [(0,)]
    await api.assert_said()


async def test_who_may_change_an_activity(api: Api) -> None:
    activity_id = await planned(api)
    path = f"/activities/{activity_id}"
    calls: Calls = (
        ("POST", "/activities", ACTIVITY),
        ("PATCH", path, {"titleNl": "Anders"}),
        ("POST", f"{path}/cancellation", {}),
    )
    for method, address, body in calls:
        assert refusal(await api.send(method, address, body, sub=None, version=1))[:2] == (401, "not-signed-in")
        for groups in ([], ["/hub/noord"], ["/national"], ["/fieldlab/robohouse"]):
            reply = await api.send(method, address, body, groups=groups, version=1)
            assert refusal(reply)[:2] == (403, "forbidden"), (address, groups)
    await api.assert_said("activities.planned")
    assert refusal(await api.patch(path, {"titleNl": "Anders"}, groups=HUB)).slug == "precondition-required"
    assert refusal(await api.patch(path, {"titleNl": "Anders"}, groups=HUB, version=2)).slug == "stale-version"
    same = await api.patch(path, {"startsAt": "2027-02-03T13:00:00Z"}, groups=HUB, version=1)
    assert same.json()["version"] == 1
    assert (await api.patch(path, {"titleNl": "Anders"}, groups=HUB, version=1)).json()["version"] == 2
    assert (await api.post(f"{path}/cancellation", {}, groups=HUB)).json()["status"] == "cancelled"
    assert refusal(await api.post(f"{path}/cancellation", {}, groups=HUB)).slug == "conflict"
    assert refusal(await api.patch(path, {"titleNl": "Weer"}, groups=HUB, version=3)).slug == "conflict"
    await api.assert_said("activities.planned", "activities.described", "activities.cancelled")


async def test_an_activity_of_a_fieldlab_counts_at_its_hub_as_soon_as_the_fieldlab_is_known(
    api: Api, hear: Hear
) -> None:
    mine = {**ACTIVITY, "organiser": "fieldlab:lasatelier"}
    reply = await api.post("/activities", mine, groups=["/fieldlab/lasatelier"])
    assert refusal(reply)[:2] == (409, "not-yet-known")
    assert reply.headers["Retry-After"] == "1"
    await hear(FIELDLABS, LAB)
    assert (await api.post("/activities", mine, groups=["/fieldlab/lasatelier"])).status_code == 201
    assert [each.state["hub"] for each in await api.said()] == ["zuid"]


async def test_eight_ask_for_three_seats_at_once_three_get_one_and_five_wait(api: Api) -> None:
    activity_id = await planned(api)
    path = f"/activities/{activity_id}/registrations"
    replies = await asyncio.gather(*(api.post(path, CONTACT, sub=f"person-{n}") for n in range(8)))
    assert [reply.status_code for reply in replies] == [201] * 8
    assert sorted(reply.json()["status"] for reply in replies) == ["registered"] * 3 + ["waiting"] * 5
    assert await seats(api, activity_id) == (3, 5)
    assert await api.rows("SELECT array_agg(number ORDER BY number) FROM registration") == [([*range(1, 9)],)]


async def test_the_first_who_waits_gets_the_seat_that_comes_free(api: Api) -> None:
    activity_id = await planned(api, capacity=1)
    path = f"/activities/{activity_id}/registrations"
    ids = [(await api.post(path, CONTACT, sub=sub)).json()["id"] for sub in ("ann", "ben", "eve")]
    for nobody, status in ((None, 401), ("ben", 403)):
        reply = await api.post(f"/registrations/{ids[0]}/cancellation", {}, sub=nobody)
        assert refusal(reply).status == status
    reply = await api.post(f"/registrations/{ids[0]}/cancellation", {})
    assert (reply.status_code, reply.json()["status"]) == (200, "cancelled")
    statuses = "SELECT sub, status, name, email FROM registration ORDER BY number"
    assert await api.rows(statuses) == [
        ("ann", "cancelled", None, None),
        ("ben", "registered", "Ann", "ann@slob.example"),
        ("eve", "waiting", "Ann", "ann@slob.example"),
    ]
    assert await seats(api, activity_id) == (1, 1)
    assert [each.what.removesuffix(".v1") for each in (await api.said())[-3:]] == [
        "registrations.cancelled",
        "registrations.seat-given",
        "activities.seats-changed",
    ]
    assert [each.kind for each in decode_token(reply.json()["token"])] == ["registration", "registration", "activity"]
    assert refusal(await api.post(f"/registrations/{ids[0]}/cancellation", {})).slug == "conflict"
    assert (await api.post(path, CONTACT)).json()["status"] == "waiting"


async def test_seats_that_are_raced_by_cancelling_and_registering_are_never_given_twice(api: Api) -> None:
    activity_id = await planned(api, capacity=2)
    path = f"/activities/{activity_id}/registrations"
    first = [(await api.post(path, CONTACT, sub=f"early-{n}")).json()["id"] for n in range(4)]
    await asyncio.gather(
        *(api.post(f"/registrations/{each}/cancellation", {}, sub=f"early-{n}") for n, each in enumerate(first)),
        *(api.post(path, CONTACT, sub=f"late-{n}") for n in range(4)),
    )
    assert await seats(api, activity_id) == (2, 2)
    counts = "SELECT status, count(*) FROM registration GROUP BY status ORDER BY status"
    assert await api.rows(counts) == [("cancelled", 4), ("registered", 2), ("waiting", 2)]


async def test_more_seats_go_to_who_waits_and_fewer_than_taken_are_refused(api: Api) -> None:
    activity_id = await planned(api, capacity=2)
    for n in range(4):
        await api.post(f"/activities/{activity_id}/registrations", CONTACT, sub=f"person-{n}")
    path = f"/activities/{activity_id}"
    fewer = await api.patch(path, {"capacity": 1}, groups=HUB, version=5)
    assert refusal(fewer) == Refusal(400, "invalid-input", [("capacity", "capacity-below-taken")])
    assert (await api.patch(path, {"capacity": 3}, groups=HUB, version=5)).status_code == 200
    assert await seats(api, activity_id) == (3, 1)
    assert (await api.patch(path, {"capacity": None}, groups=HUB, version=6)).status_code == 200
    assert await seats(api, activity_id) == (4, 0)


async def test_registering_is_refused_clearly(api: Api, clock: FixedClock) -> None:
    activity_id = await planned(api)
    path = f"/activities/{activity_id}/registrations"
    bad = {"contact": {"name": "Ann", "email": "ann at slob"}}
    assert refusal(await api.post(path, bad)).errors == [("contact.email", "email-form")]
    assert refusal(await api.post(path, CONTACT, sub=None)).slug == "not-signed-in"
    assert refusal(await api.post(f"/activities/{uuid4()}/registrations", CONTACT)).slug == "not-found"
    await api.assert_said("activities.planned")
    assert (await api.post(path, CONTACT)).status_code == 201
    assert refusal(await api.post(path, CONTACT)) == Refusal(409, "already-registered", [])
    clock.advance(timedelta(days=100))
    assert refusal(await api.post(path, CONTACT, sub="ben")) == Refusal(409, "activity-closed", [])
    assert await seats(api, activity_id) == (1, 0)


async def test_a_registration_counts_at_the_home_hub_of_a_company_of_which_one_is_a_member(
    api: Api, hear: Hear
) -> None:
    path = f"/activities/{await planned(api)}/registrations"
    mine = {**CONTACT, "companyId": str(COMPANY)}
    assert refusal(await api.post(path, mine))[:2] == (409, "not-yet-known")
    members = [Member("ann", "active"), Member("ben", "asking")]
    await hear(COMPANIES, CompanyState(id=COMPANY, status="unverified", home_hub="zuid", members=members))
    assert refusal(await api.post(path, mine, sub="ben"))[:2] == (403, "forbidden")
    assert (await api.post(path, CONTACT)).status_code == 201
    assert (await api.post(path, CONTACT, sub="ben")).status_code == 201
    made = [each.state for each in await api.said() if each.what == "registrations.made.v1"]
    assert [(each["home_hub"], each["company_id"]) for each in made] == [("zuid", str(COMPANY)), ("unassigned", None)]
    assert made[0]["activity_hub"] == "oost"
    ((journal,),) = await api.rows("SELECT string_agg(encode(value, 'escape'), '') FROM journal")
    assert "slob.example" not in journal


async def test_an_erased_company_takes_its_registrations_with_it_and_the_seat_goes_to_who_waits(
    api: Api, hear: Hear
) -> None:
    await hear(COMPANIES, CompanyState(COMPANY, "verified", "zuid", members=[Member("ann", "active")]))
    activity_id = await planned(api, capacity=1)
    path = f"/activities/{activity_id}/registrations"
    ids = [(await api.post(path, CONTACT, sub=sub)).json()["id"] for sub in ("ann", "ben")]
    for _ in range(2):
        await hear(COMPANIES, CompanyState(COMPANY, "erased", "unassigned"), version=2)
    statuses = "SELECT sub, status, name FROM registration ORDER BY number"
    assert await api.rows(statuses) == [(None, "erased", None), ("ben", "registered", "Ann")]
    assert await seats(api, activity_id) == (1, 0)
    assert [each.what for each in await api.said()].count("registrations.erased.v1") == 1
    items = (await api.post("/private/registrations", {"ids": ids}, groups=HUB)).json()["items"]
    assert items[ids[0]] == {"reason": "erased"}


async def test_who_comes_is_told_to_oneself_and_the_organiser(api: Api) -> None:
    path = f"/activities/{await planned(api)}/registrations"
    one, other = [(await api.post(path, CONTACT, sub=sub)).json()["id"] for sub in ("ann", "ben")]
    nowhere = str(uuid4())
    seen = {**CONTACT, "status": "registered"}
    no = {"reason": "forbidden"}
    ids = {"ids": [one, other, nowhere]}
    assert (await api.post("/private/registrations", ids)).json()["items"] == {one: seen, other: no, nowhere: no}
    mine = await api.post("/private/registrations", ids, sub="hub", groups=HUB)
    assert mine.json()["items"] == {one: seen, other: seen, nowhere: no}
    for groups in ([], ["/national"], ["/hub/noord"]):
        reply = await api.post("/private/registrations", ids, sub="eve", groups=groups)
        assert reply.json()["items"] == {one: no, other: no, nowhere: no}
    assert refusal(await api.post("/private/registrations", ids, sub=None)).slug == "not-signed-in"
