"""The figures that the gateway answers are those that plain SQL finds in the journals of the services.

The SQL (`services/gateway/tests/view/oracle.sql`) was written from the definitions and shares no code with the ledger;
the journals are read past the services, Kafka and the view.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from running import ROOT, RunningStack
from steps import Journey, figures

from schakel_local.fixtures import PostgresServer

pytestmark = [pytest.mark.journey, pytest.mark.postgres, pytest.mark.timeout(300)]

ORACLE = ROOT / "services/gateway/tests/view/oracle.sql"
JOURNAL = """
SELECT kind, aggregate_id, epoch, version, effective_at, recorded_at, convert_from(value, 'UTF8'),
    convert_from(value, 'UTF8')::jsonb ->> 'company_id'
FROM journal
"""
SCRATCH = """
CREATE SCHEMA view_1;
CREATE TABLE view_1.history (
    kind text, id uuid, epoch int, version int, effective_at timestamptz, recorded_at timestamptz, state jsonb,
    company_id uuid
);
"""

Cells = dict[tuple[str, str, str], int]


async def found_in_journals(url: str, lines: list[tuple[Any, ...]], as_of: datetime, known_at: datetime) -> Cells:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS view_1 CASCADE; {SCRATCH}")
        await connection.executemany(
            "INSERT INTO view_1.history VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)",
            [(*line[:7], UUID(line[7]) if line[7] else None) for line in lines],
        )
        rows = await connection.fetch(ORACLE.read_text(encoding="utf-8"), as_of, known_at)
        return {(row["indicator"], row["split"], row["cell"]): row["n"] for row in rows if row["n"]}
    finally:
        await connection.close()


def answered(indicators: dict[str, dict[str, Any]]) -> Cells:
    cells: Cells = defaultdict(int)
    for key, indicator in indicators.items():
        cells[key, "leaf", "national"] += indicator["national"] or 0
        cells[key, "leaf", "unassigned"] += indicator["unassigned"] or 0
        for leaf in indicator["regions"]:
            cells[key, "leaf", leaf["hub"]] += leaf["count"] or 0
        for lab in indicator["fieldlabs"]:
            cells[key, "fieldlab", lab["fieldlab"]] += lab["count"] or 0
    return {cell: number for cell, number in cells.items() if number}


async def test_every_figure_is_the_one_that_the_journals_hold(
    running_stack: RunningStack, postgres_server: PostgresServer
) -> None:
    _, before = figures(running_stack)
    journey = Journey(running_stack)
    for step in journey.steps():
        getattr(journey, step)()
    _, after = figures(running_stack, read_after=journey.token)
    watermarks = (before["watermark"], after["watermark"])
    answers = {
        (as_of, known_at): figures(running_stack, asOf=as_of, knownAt=known_at)
        for as_of in watermarks
        for known_at in watermarks
    }
    lines = [
        line for service in ("registry", "matching", "events") for line in await running_stack.fetch(service, JOURNAL)
    ]
    url = postgres_server.create_database("journals_side_by_side")
    try:
        for (as_of, known_at), (indicators, answer) in answers.items():
            expected = await found_in_journals(
                url, lines, datetime.fromisoformat(as_of), datetime.fromisoformat(known_at)
            )
            assert answer["settled"] is True
            assert all(indicator["known"] for indicator in indicators.values())
            assert answered(indicators) == expected, (as_of, known_at)
    finally:
        postgres_server.drop_database("journals_side_by_side")
