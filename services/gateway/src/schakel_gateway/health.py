"""How the view is, as every process of the gateway measures it: where it stands, and how long ago it was proven."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from schakel_common.database import DIRECT_FAILURES
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

_logger = logging.getLogger(__name__)


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
