"""How the view is, as every process of the gateway measures it: where it stands, and how long ago it was proven."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from schakel_common.database import DIRECT_FAILURES
from schakel_common.problems import Problem
from schakel_common.telemetry import measure
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Pool, Record

REPORT_SECONDS: Final = 5.0

_HEALTH: Final = f"""
    SELECT position, (SELECT count(*) FROM {SCHEMA}.dead) AS dead,
        extract(epoch FROM clock_timestamp() - coalesce({SCHEMA}.watermark(), 'epoch'))::float8 AS watermark_age,
        extract(epoch FROM clock_timestamp() - coalesce(proven_at, 'epoch'))::float8 AS proof_age
    FROM {SCHEMA}.view_position
"""  # noqa: S608 - the view's own name

_CAUGHT_UP: Final = f"SELECT caught_up_at FROM {SCHEMA}.view_position"  # noqa: S608 - the view's own name

_logger = logging.getLogger(__name__)


async def demand_caught_up(pool: "Pool[Record]") -> None:
    """Check that the view has had everything once, so that its answers are those of a whole network.

    It asks the view's own tables only: neither Kafka, nor the projector, nor a service must be there. A view that has
    caught up and falls behind stays in use, and says in each answer how old it is.

    Raises:
        Problem: ``unavailable`` while the view is filled for the first time.
        asyncpg.PostgresError: the view is not there, or not as this program needs it.
    """
    if await pool.fetchval(_CAUGHT_UP) is None:
        raise Problem("unavailable", "The view is being filled and has not caught up with the topics yet.")


async def report_health(pool: "Pool[Record]") -> None:
    """Measure the view until cancelled; from its tables, so that it is right whoever projects, and when nobody does."""
    while True:
        try:
            row = await pool.fetchrow(_HEALTH)
        except DIRECT_FAILURES as error:
            _logger.warning("the view cannot be measured: %s", type(error).__name__)
        else:
            assert row is not None  # noqa: S101 - the table has one row from its migration on
            measure("view.position", row["position"], view=SCHEMA)
            measure("view.watermark.age", row["watermark_age"], view=SCHEMA)
            measure("verify.proof.age", row["proof_age"], view=SCHEMA)
            measure("dead_letter.waiting.count", row["dead"], consumer="gateway")
        await asyncio.sleep(REPORT_SECONDS)
