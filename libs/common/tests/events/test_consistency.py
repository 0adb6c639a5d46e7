import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from schakel_common.consistency import decode_token, encode_token, wait_until_known
from schakel_common.database import Database
from schakel_common.problems import Problem
from schakel_contracts.envelope import Reference

Publish = Any


def test_a_token_comes_back_as_the_references_it_was_made_of() -> None:
    references = [Reference("hub", uuid4(), 1, 7), Reference("company", uuid4(), 2, 1)]

    token = encode_token(references)

    assert decode_token(token) == references
    assert token.replace("-", "").replace("_", "").isalnum()
    assert decode_token(encode_token([])) == []


@pytest.mark.parametrize(
    "token",
    [
        "not a token",
        "é",
        "eyJhIjoxfQ",  # an object
        encode_token([Reference("dragon", UUID(int=1), 1, 1)]),
        encode_token([Reference("hub", UUID(int=1), 1, 0)]),
        encode_token([Reference("hub", UUID(int=1), 1, 2**40)]),
        encode_token([Reference("hub", UUID(int=1), 1, 1)] * 21),
    ],
)
def test_what_is_not_a_token_of_ours_is_invalid_input(token: str) -> None:
    with pytest.raises(Problem) as raised:
        decode_token(token)

    assert raised.value.slug == "invalid-input"
    assert [each.field for each in raised.value.errors] == ["Read-After"]


@pytest.mark.postgres
async def test_waiting_ends_when_the_last_reference_arrives(database: Database, publish: Publish) -> None:
    own = await publish()
    foreign = Reference("company", uuid4(), 1, 2)
    waiting = asyncio.create_task(wait_until_known(database, [own, foreign], wait_seconds=10))

    async with database.unit_of_work() as session:
        await session.execute(text("INSERT INTO replica VALUES ('company', :id, 1, 3, '{}')"), {"id": foreign.id})

    await asyncio.wait_for(waiting, 5)


@pytest.mark.postgres
async def test_waiting_is_bounded_and_says_how_many_are_missing(database: Database, publish: Publish) -> None:
    own = await publish()
    ahead = Reference("hub", own.id, 1, 2)

    with pytest.raises(Problem) as raised:
        await wait_until_known(database, [own, ahead], wait_seconds=0.05)

    assert raised.value.slug == "not-yet-known"
    assert raised.value.retry_after_seconds == 1
    assert "1 of 2 versions" in raised.value.detail


@pytest.mark.postgres
async def test_no_connection_is_held_while_waiting(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    waiting = [
        asyncio.create_task(wait_until_known(database, [Reference("hub", uuid4(), 1, 1)], wait_seconds=0.3))
        for _ in range(5)
    ]

    async with asyncio.timeout(5), database.reading() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1

    results = await asyncio.gather(*waiting, return_exceptions=True)
    await database.close()
    assert [str(result)[:13] for result in results] == ["not-yet-known"] * 5
