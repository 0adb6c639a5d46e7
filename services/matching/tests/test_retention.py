"""The hourly job of the running service deletes what may not be kept longer, and nothing else."""

import asyncio
from datetime import timedelta

import pytest
from matching_world import World
from sqlalchemy import text

from schakel_matching.app import cleaning

pytestmark = pytest.mark.postgres


async def count(world: World, table: str) -> int:
    async with world.database.reading() as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_one_turn_of_the_job_deletes_what_is_too_old_and_keeps_the_rest(world: World) -> None:
    async with world.database.unit_of_work() as session:
        for name, age in (("old", timedelta(days=30, seconds=1)), ("young", timedelta(days=29, hours=23))):
            at = world.clock.now() - age
            await session.execute(
                text(
                    "INSERT INTO draft (id, secret_sha256, text, language, created_at)"
                    " VALUES (gen_random_uuid(), :name, 'lassen', 'nl', :at)"
                ),
                {"name": name, "at": at},
            )
            await session.execute(
                text(
                    'INSERT INTO call_back (id, name, phone, "when", hub, created_at)'
                    " VALUES (gen_random_uuid(), :name, '0', 'nu', 'oost', :at)"
                ),
                {"name": name, "at": at},
            )
            await session.execute(
                text(
                    "INSERT INTO idempotency (owner, key, request_digest, status, headers, body, created_at)"
                    " VALUES ('o', :name, 'd', 200, '{}', '', clock_timestamp() - CAST(:age AS interval))"
                ),
                {"name": name, "age": timedelta(hours=25 if name == "old" else 23)},
            )
    stop = asyncio.Event()
    job = asyncio.ensure_future(cleaning(world.database, world.clock)(stop))

    async with asyncio.timeout(20):
        while await count(world, "idempotency") > 1:  # noqa: ASYNC110 - the last of the three deletions tells nobody
            await asyncio.sleep(0.02)
    stop.set()
    await job

    async with world.database.reading() as session:
        assert (await session.execute(text("SELECT secret_sha256 FROM draft"))).scalars().all() == ["young"]
        assert (await session.execute(text("SELECT name FROM call_back"))).scalars().all() == ["young"]
        assert (await session.execute(text("SELECT key FROM idempotency"))).scalars().all() == ["young"]
