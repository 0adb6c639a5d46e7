"""One snapshot per operation, and reading one's own writes."""

import asyncio
from typing import Any

import asyncpg
import pytest
from gateway_world import Fresh, an_id, fieldlab, referral

from schakel_common.consistency import encode_token
from schakel_contracts.envelope import Reference
from schakel_gateway.operation import Operation
from schakel_gateway.positions import Positions

pytestmark = pytest.mark.postgres


def token(version: int, name: str = "intro", kind: str = "referral") -> dict[str, str]:
    return {"Read-After": encode_token([Reference(kind, an_id(name), 1, version)])}


MINE = "{ myReferrals { version status } }"


async def test_an_answer_with_a_token_waits_for_the_view_and_holds_no_connection(fresh: Fresh) -> None:
    asked = [asyncio.create_task(fresh.client.ask(MINE, subject="anna", headers=token(2))) for _ in range(6)]
    free = await fresh.client.ask("{ hubs { slug } }")  # the pool has 3 connections
    assert free["extensions"]["snapshot"]["stale"] is False
    await fresh.rows.put("referrals", referral("intro", "need", "bakker", status="accepted"), version=2)
    for answer in await asyncio.gather(*asked):
        assert answer["data"]["myReferrals"] == [{"version": 2, "status": "ACCEPTED"}]
        assert answer["extensions"]["snapshot"]["stale"] is False


async def test_what_does_not_come_in_time_makes_the_answer_stale(fresh: Fresh) -> None:
    answer = await fresh.client.ask(MINE, subject="anna", headers=token(7))
    assert answer["data"]["myReferrals"] == [{"version": 1, "status": "REQUESTED"}]
    assert answer["extensions"]["snapshot"]["stale"] is True


async def test_a_token_tells_nothing_about_rows_of_others(fresh: Fresh) -> None:
    for name in ("intro", "never-existed"):
        answer = await fresh.client.ask(MINE, subject="bob", headers=token(1, name))
        assert answer["data"]["myReferrals"] == []


async def test_a_later_epoch_or_version_will_do(fresh: Fresh) -> None:
    await fresh.rows.put("referrals", referral("intro", "need", "bakker"), version=5)
    answer = await fresh.client.ask(MINE, subject="anna", headers=token(2))
    assert answer["extensions"]["snapshot"]["stale"] is False


async def test_a_lost_listener_costs_time_and_no_answer(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Positions, "_wake", lambda *_: None)
    asked = asyncio.create_task(fresh.client.ask(MINE, subject="anna", headers=token(2)))
    await asyncio.sleep(0)
    await fresh.rows.put("referrals", referral("intro", "need", "bakker", status="accepted"), version=2)
    assert (await asked)["extensions"]["snapshot"]["stale"] is False


async def test_all_root_fields_of_an_answer_are_of_one_moment(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """A competing write after the first statement is in none of the later ones: one transaction, one after another."""
    real = Operation._run
    running = 0
    written = False

    async def interfering(self: Operation, work: Any) -> Any:
        async def watched(connection: "asyncpg.Connection[asyncpg.Record]") -> Any:
            nonlocal running, written
            running += 1
            assert running == 1, "two statements of one operation ran at once"
            try:
                return await work(connection)
            finally:
                running -= 1
                if not written:
                    written = True
                    await fresh.rows.put("fieldlabs", fieldlab("newlab"))

        return await real(self, watched)

    monkeypatch.setattr(Operation, "_run", interfering)
    query = "{ a: fieldlabs { totalCount } b: fieldlabs { totalCount } c: fieldlabs { totalCount } hubs { slug } }"
    before = await fresh.client.ask(query)
    assert written
    assert before["data"] == {
        "a": {"totalCount": 2},
        "b": {"totalCount": 2},
        "c": {"totalCount": 2},
        "hubs": [{"slug": "oost"}],
    }
    after = await fresh.client.ask(query)
    assert after["data"]["a"] == {"totalCount": 3}
    moments = [answer["extensions"]["snapshot"]["position"] for answer in (before, after)]
    assert moments[1] == moments[0] + 1


async def test_an_answer_says_its_moment(fresh: Fresh) -> None:
    snapshot = (await fresh.client.ask("{ hubs { slug } }"))["extensions"]["snapshot"]
    position = await fresh.rows.connection.fetchval("SELECT position FROM view_1.view_position")
    assert snapshot["position"] == position
    assert snapshot["knownAt"] is None
    assert snapshot["asOf"].endswith("Z")
    await fresh.rows.connection.execute(
        "INSERT INTO view_1.heartbeat SELECT service, '2026-11-24T10:00:00Z'"
        " FROM unnest(ARRAY['registry', 'matching', 'events']) AS service"
    )
    snapshot = (await fresh.client.ask("{ hubs { slug } }"))["extensions"]["snapshot"]
    assert snapshot["knownAt"] == "2026-11-24T09:59:59.999999Z"


async def test_an_answer_without_the_view_has_no_moment(fresh: Fresh) -> None:
    assert "extensions" not in await fresh.client.ask("{ me { subject } }")


async def test_a_connection_carries_nothing_over_to_the_next_person(fresh: Fresh) -> None:
    for _ in range(4):
        assert len((await fresh.client.ask(MINE, subject="anna"))["data"]["myReferrals"]) == 1
        assert (await fresh.client.ask(MINE, subject="bob"))["data"]["myReferrals"] == []
        hidden = await fresh.client.ask('{ fieldlab(slug: "secretlab") { slug } }')
        assert hidden["data"] == {"fieldlab": None}
        seen = await fresh.client.ask('{ fieldlab(slug: "secretlab") { slug } }', subject="n", groups=("/national",))
        assert seen["data"] == {"fieldlab": {"slug": "secretlab"}}


async def test_one_field_that_fails_does_not_hold_the_snapshot(fresh: Fresh) -> None:
    query = '{ a: fieldlabs(after: "bad") { totalCount } hubs { slug } }'
    for _ in range(5):  # more than the pool has
        answer = await fresh.client.ask(query)
        assert answer["errors"][0]["extensions"]["code"] == "invalid-input"
    assert (await fresh.client.ask("{ hubs { slug } }"))["data"] == {"hubs": [{"slug": "oost"}]}
