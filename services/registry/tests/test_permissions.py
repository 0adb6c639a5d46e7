"""The permission table, row by row over HTTP: nobody, a stranger, somebody of another region, and the right ones."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from service_api import Api, refusal

from schakel_common.consumers import Event
from schakel_common.database import Database
from schakel_contracts.envelope import Envelope
from schakel_contracts.referrals import ReferralState, ReferralStatus
from schakel_contracts.topics import REFERRALS
from schakel_registry.consumers import keep_copy_on_referral_changed
from schakel_registry.permissions import MAY

pytestmark = pytest.mark.postgres

FIELDLAB = {"slug": "lasatelier", "name": "Lasatelier", "hub": "zuid-holland", "status": "active"}
COMPANY = {
    "kvkNumber": "01234567",
    "name": "Slob Staal",
    "postcode": "3356 LK",
    "sizeClass": "small",
    "contact": {"name": "Ann"},
}


class Caller(NamedTuple):
    sub: str | None
    groups: tuple[str, ...] = ()


NOBODY = Caller(None)
STRANGER = Caller("eve")
MEMBER = Caller("ann")
ITS_HUB = Caller("hub", ("/hub/zuid-holland",))
OTHER_HUB = Caller("hub2", ("/hub/noord",))
NATIONAL = Caller("office", ("/national",))
ITS_FIELDLAB = Caller("lab", ("/fieldlab/lasatelier",))
OTHER_FIELDLAB = Caller("lab2", ("/fieldlab/robohouse",))
EVERYBODY = (NOBODY, STRANGER, MEMBER, ITS_HUB, OTHER_HUB, NATIONAL, ITS_FIELDLAB, OTHER_FIELDLAB)

ASKED = {"kvkNumber": "01234567", "contact": {"name": "Ben"}}
MOVE = {"postcode": "3011", "effectiveOn": "2026-11-24"}
FIGURE = {
    "key": "reached",
    "level": "national",
    "subject": "national",
    "labelNl": "Bereikt",
    "labelEn": "Reached",
    "value": 550,
    "unit": "companies",
    "qualifier": "exact",
    "kind": "output",
    "source": "a letter",
}
TABLE: dict[str, tuple[str, str, object, set[Caller]]] = {
    "verify": ("POST", "/companies/{id}/verification", {}, {ITS_HUB}),
    "accept": ("POST", "/companies/{id}/members/ben/acceptance", {}, {MEMBER, ITS_HUB}),
    "remove": ("POST", "/companies/{id}/members/ben/removal", {}, {MEMBER, ITS_HUB}),
    "change": ("PATCH", "/companies/{id}", {"name": "Slob"}, {MEMBER}),
    "establish": ("POST", "/companies/{id}/establishments", {"postcode": "7511"}, {MEMBER}),
    "move": ("POST", "/companies/{id}/move", MOVE, {MEMBER}),
    "erase": ("POST", "/companies/{id}/erasure", {}, {MEMBER, ITS_HUB}),
    "read": ("GET", "/companies/{id}", None, {MEMBER, ITS_HUB}),
    "register fieldlab": ("POST", "/fieldlabs", {**FIELDLAB, "slug": "next"}, {NATIONAL}),
    "describe": ("PATCH", "/fieldlabs/lasatelier", {"name": "Las"}, {ITS_FIELDLAB, ITS_HUB, NATIONAL}),
    "capacity": ("PATCH", "/fieldlabs/lasatelier", {"capacity": "full"}, {ITS_FIELDLAB, ITS_HUB, NATIONAL}),
    "hide": ("PATCH", "/fieldlabs/lasatelier", {"published": False}, {NATIONAL}),
    "confirm": ("POST", "/fieldlabs/lasatelier/confirmation", {}, {ITS_FIELDLAB, ITS_HUB, NATIONAL}),
    "recognise": ("POST", "/fieldlabs/lasatelier/recognition", {}, {NATIONAL}),
    "pause": ("POST", "/fieldlabs/lasatelier/pause", {}, {ITS_FIELDLAB, ITS_HUB, NATIONAL}),
    "end": ("POST", "/fieldlabs/lasatelier/ending", {}, {ITS_FIELDLAB, ITS_HUB, NATIONAL}),
    "figure": ("POST", "/figures", FIGURE, {NATIONAL}),
}


@pytest.fixture
async def company_id(api: Api) -> str:
    assert (await api.post("/fieldlabs", FIELDLAB, sub="office", groups=["/national"])).status_code == 201
    reply = await api.post("/companies", COMPANY)
    await api.post("/company-join-requests", ASKED, sub="ben")
    return str(reply.json()["id"])


async def call(api: Api, row: str, company_id: str, caller: Caller, version: int | None) -> httpx.Response:
    method, path, body, _ = TABLE[row]
    path = path.format(id=company_id)
    if method == "GET":
        return await api.get(path, sub=caller.sub, groups=caller.groups)
    return await api.send(method, path, body, sub=caller.sub, groups=caller.groups, version=version)


async def test_nobody_may_but_who_is_in_the_table(api: Api, company_id: str) -> None:
    before = await api.rows("SELECT count(*) FROM journal")
    for row in TABLE:
        for caller in EVERYBODY:
            if caller not in TABLE[row][3]:
                expected = (401, "not-signed-in") if caller is NOBODY else (403, "forbidden")
                assert refusal(await call(api, row, company_id, caller, 1))[:2] == expected, (row, caller)
    assert await api.rows("SELECT count(*) FROM journal") == before


async def test_each_of_those_who_may_can(api: Api, company_id: str) -> None:
    for row, (method, _, _, allowed) in TABLE.items():
        for caller in allowed:
            reply = await call(api, row, company_id, caller, 99)
            if method == "GET" or row in ("register fieldlab", "figure"):
                assert reply.is_success, (row, caller, reply.text)
            else:
                assert refusal(reply)[:2] == (412, "stale-version"), (row, caller)


CHANGES = ("verify", "accept", "remove", "change", "establish", "move", "erase", "describe", "hide", "pause", "end")


async def test_each_command_of_the_table_does_something_for_one_who_may(api: Api, company_id: str) -> None:
    version = {"companies": 2, "fieldlabs": 1}
    for row in CHANGES:
        kind = TABLE[row][1].split("/")[1]
        reply = await call(api, row, company_id, next(iter(TABLE[row][3])), version[kind])
        assert reply.is_success, (row, reply.text)
        version[kind] += 1


async def referred(database: Database, company_id: str, status: ReferralStatus, *, version: int) -> None:
    """Let the consumer hear of a referral of this company to Lasatelier."""
    referral = ReferralState(
        id=REFERRAL,
        challenge_id=uuid4(),
        company_id=UUID(company_id),
        fieldlab_id=uuid4(),
        fieldlab="lasatelier",
        fieldlab_hub="zuid-holland",
        home_hub="zuid-holland",
        routed_hub="zuid-holland",
        status=status,
        requested_at="2026-11-24T09:00:00Z",
    )
    async with database.unit_of_work() as session:
        await keep_copy_on_referral_changed(session, Event(REFERRALS, envelope(version), referral))


REFERRAL = uuid4()


def envelope(version: int) -> Envelope:
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)
    return Envelope(
        id=uuid4(),
        source="urn:test",
        type=REFERRALS.type_of("requested"),
        subject=REFERRAL,
        epoch=1,
        version=version,
        effective_at=now,
        recorded_at=now,
        dataschema=REFERRALS.dataschema,
        digest="",
    )


async def test_a_fieldlab_sees_who_asks_it_until_the_request_is_withdrawn(
    api: Api, database: Database, company_id: str
) -> None:
    async def seen(caller: Caller) -> Any:
        reply = await api.post("/private/companies", {"ids": [company_id]}, sub=caller.sub, groups=caller.groups)
        return reply.json()["items"][company_id]

    assert await seen(ITS_FIELDLAB) == {"reason": "forbidden"}
    await referred(database, company_id, "requested", version=1)
    assert (await seen(ITS_FIELDLAB))["name"] == "Slob Staal"
    assert "members" not in await seen(ITS_FIELDLAB)
    assert await seen(OTHER_FIELDLAB) == {"reason": "forbidden"}
    await referred(database, company_id, "withdrawn", version=2)
    assert await seen(ITS_FIELDLAB) == {"reason": "forbidden"}
    await referred(database, company_id, "requested", version=1)
    assert await seen(ITS_FIELDLAB) == {"reason": "forbidden"}


async def test_private_fields_are_decided_item_by_item(api: Api, company_id: str) -> None:
    other = (await api.post("/companies", {**COMPANY, "kvkNumber": "76543210"}, sub="ben")).json()["id"]
    nowhere = str(uuid4())
    reply = await api.post("/private/companies", {"ids": [company_id, other, nowhere]})
    items = reply.json()["items"]
    assert items[company_id]["kvkNumber"] == "01234567"
    assert items[company_id]["members"] == [
        {"sub": "ann", "status": "active", "name": "Ann"},
        {"sub": "ben", "status": "asking", "name": "Ben"},
    ]
    assert (items[other], items[nowhere]) == ({"reason": "forbidden"}, {"reason": "forbidden"})
    too_many = await api.post("/private/companies", {"ids": [str(uuid4()) for _ in range(201)]})
    assert refusal(too_many).errors == [("ids", "too-many")]
    anonymous = await api.post("/private/companies", {"ids": []}, sub=None)
    assert refusal(anonymous).slug == "not-signed-in"


async def test_a_service_account_is_no_person(api: Api) -> None:
    headers = api.issuer.authorization("robot", client_id="schakel-verify")
    reply = await api.client.post(
        "/v1/companies", json=COMPANY, headers={**headers, "Idempotency-Key": "a-key-of-its-own"}
    )
    assert refusal(reply)[:2] == (403, "forbidden")


async def test_no_token_makes_a_loader(api: Api) -> None:
    for groups in (["/service/schakel-load"], ["service:schakel-load"], ["/service:schakel-load"]):
        headers = api.issuer.authorization("robot", groups, client_id="schakel-load")
        reply = await api.client.post(
            "/v1/fieldlabs", json=FIELDLAB, headers={**headers, "Idempotency-Key": "a-key-of-its-own"}
        )
        assert refusal(reply)[:2] == (403, "forbidden")


def test_every_action_of_the_table_has_somebody_who_may() -> None:
    assert [action for action, roles in MAY.items() if not roles] == []
