"""Figures from the view against a separate plain SQL over its history, and what the public is not shown."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schakel_common.problems import Problem
from schakel_gateway.indicators import LEAVES
from schakel_gateway.ledger.figures import moment_of, network_figures
from schakel_gateway.ledger.steps import Version
from schakel_gateway.projections.apply import Batch, apply
from schakel_gateway.testing import case, company, day, fieldlab, network, referral, version
from schakel_gateway.view.reading import snapshot
from schakel_gateway.view.schema import SCHEMA

pytestmark = pytest.mark.postgres

ORACLE = (Path(__file__).parent / "oracle.sql").read_text()
Project = Callable[[Sequence[Version]], Awaitable[None]]


def by_key(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["key"]: each for each in answer["indicators"]}


async def complete_until(connection: Any, instant: datetime) -> None:
    said = dict.fromkeys(("registry", "matching", "events"), instant)
    await apply(connection, SCHEMA, Batch(moves=(), events=(), complete_until=said))


async def oracle(connection: Any, as_of: datetime, known_at: datetime) -> dict[tuple[str, str, str], int]:
    rows = await connection.fetch(ORACLE, as_of, known_at)
    return {(row["indicator"], row["split"], row["cell"]): row["n"] for row in rows}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_figures_equal_plain_sql_over_the_history_and_add_up(
    connection: Any, pool: Any, project: Project, seed: int
) -> None:
    history = network(seed, companies=14)
    for start in range(0, len(history), 37):
        await project(history[start : start + 37])
    await complete_until(connection, day(1000))
    begins = min(each.recorded_at for each in history)
    seen = 0
    for known_at in (day(12), day(33), day(55), day(99)):
        for as_of in (day(16), day(31.5), day(44), day(70), day(200)):
            if as_of < begins or known_at < begins:
                continue
            expected = await oracle(connection, as_of, known_at)
            async with snapshot(pool, subject="somebody", scopes=()) as reader:
                answer = await network_figures(reader, as_of=as_of.isoformat(), known_at=known_at)
            found = {}
            for key, indicator in by_key(answer).items():
                assert indicator["total"] == sum(indicator["leaves"].values())
                found.update({(key, "leaf", leaf): n for leaf, n in indicator["leaves"].items() if n})
                if indicator["fieldlabs"] is not None:
                    assert indicator["total"] == sum(indicator["fieldlabs"].values()) - indicator["overlap"]
                    found.update({(key, "fieldlab", lab): n for lab, n in indicator["fieldlabs"].items() if n})
            assert found == expected
            seen += sum(expected.values())
    assert seen > 300  # the example says something


async def test_the_figures_of_each_leaf_alone_are_those_of_the_whole(
    connection: Any, pool: Any, project: Project
) -> None:
    await project(network(5))
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        whole = by_key(await network_figures(reader, as_of=day(90).isoformat()))
        for leaf in LEAVES:
            for key, alone in by_key(await network_figures(reader, as_of=day(90).isoformat(), leaf=leaf)).items():
                assert alone["total"] == whole[key]["leaves"][leaf]
                assert alone["leaves"] == {leaf: whole[key]["leaves"][leaf]}


async def test_an_answer_below_the_watermark_never_changes_when_late_facts_arrive(
    connection: Any, pool: Any, project: Project
) -> None:
    history = network(6)
    early = [each for each in history if each.recorded_at < day(30)]
    await project(early)
    await complete_until(connection, day(30))
    questions = [(as_of, known_at) for as_of in (10, 25, 29, 80) for known_at in (12, 20, 29.9)]

    async def ask() -> list[Any]:
        async with snapshot(pool, subject="somebody", scopes=()) as reader:
            return [
                (await network_figures(reader, as_of=day(as_of).isoformat(), known_at=day(known_at)))["indicators"]
                for as_of, known_at in questions
            ]

    before = await ask()
    await project([each for each in history if each.recorded_at >= day(30)])
    await complete_until(connection, day(1000))
    assert await ask() == before


async def test_known_at_is_capped_at_the_watermark_and_unnamed_it_is_everything(
    connection: Any, pool: Any, project: Project
) -> None:
    await project([version(case(1), 1, 1), version(case(2), 1, 2, 9)])
    await complete_until(connection, day(5))
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        capped = await network_figures(reader, as_of=day(20).isoformat(), known_at=day(15))
        unnamed = await network_figures(reader, as_of=day(20).isoformat())
    just_before = day(5) - (datetime.resolution)
    assert (capped["known_at"], by_key(capped)["cases_published"]["total"], capped["settled"]) == (just_before, 1, True)
    assert (unnamed["known_at"], by_key(unnamed)["cases_published"]["total"], unnamed["settled"]) == (
        just_before,
        2,
        False,
    )


async def test_before_history_begins_a_figure_is_unknown_not_zero(pool: Any, project: Project) -> None:
    await project([version(case(1), 1, 1)])
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        before = by_key(await network_figures(reader, as_of=day(0).isoformat()))["cases_published"]
        after = by_key(await network_figures(reader, as_of=day(2).isoformat()))
    assert (before["known"], before["reason"], before["total"]) == (False, "before-history", None)
    assert before["leaves"] == dict.fromkeys(LEAVES)
    assert after["cases_published"]["total"] == 1
    assert after["challenges_submitted"]["total"] == 0


async def test_without_any_heartbeat_nothing_is_known_at_a_named_moment(pool: Any, project: Project) -> None:
    await project([version(case(1), 1, 1)])
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        answer = await network_figures(reader, as_of=day(2).isoformat(), known_at=day(2))
    assert (answer["known_at"], answer["settled"]) == (None, False)
    assert {each["total"] for each in answer["indicators"]} == {None}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 22, 59, 59, 999999, tzinfo=UTC)),
        ("2026-07-31", datetime(2026, 7, 31, 21, 59, 59, 999999, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, 21, 59, 59, 999999, tzinfo=UTC)),  # the day that summer time begins
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_date_is_the_end_of_that_day_in_amsterdam(text: str, moment: datetime) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-01-31T12:00:00", "9999-12-31", "31-01-2026"])
def test_what_is_no_moment_gets_a_problem_at_its_field(text: str) -> None:
    with pytest.raises(Problem) as refused:
        moment_of(text)
    assert (refused.value.slug, refused.value.errors[0].field) == ("invalid-input", "asOf")


async def test_an_unknown_region_gets_a_problem(pool: Any, project: Project) -> None:
    await project([version(case(1), 1, 1)])
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        with pytest.raises(Problem) as refused:
            await network_figures(reader, leaf="atlantis")
    assert (refused.value.slug, refused.value.errors[0].field) == ("invalid-input", "region")


# ---- the public


async def _companies(project: Project, **numbers: int) -> None:
    count = 0
    for hub, number in numbers.items():
        for _ in range(number):
            count += 1
            await project([version(company(count, hub.replace("_", "-")), 1, 1)])
            await project([version(referral(count, count, home_hub="oost"), 1, 2)])


async def test_the_public_sees_no_cell_under_five_nor_its_complement(
    connection: Any, pool: Any, project: Project
) -> None:
    await _companies(project, oost=3, zuid=9, noord=6)
    await project([version(fieldlab("robohouse"), 1, 1)])
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject=None, scopes=()) as reader:
        public = by_key(await network_figures(reader, as_of="2026-01-31"))
    asking = public["companies_asking"]
    assert asking["leaves"] == {**dict.fromkeys(LEAVES, 0), "oost": None, "noord": None, "zuid": 9}
    assert asking["total"] == 18
    assert public["fieldlabs_active"]["fieldlabs"] == {"robohouse": 1}  # a public record: anyone may count it
    async with snapshot(pool, subject="somebody", scopes=()) as reader:
        exact = by_key(await network_figures(reader, as_of="2026-01-31"))
    assert exact["companies_asking"]["leaves"]["oost"] == 3


async def test_a_region_alone_shows_the_public_nothing_that_the_whole_hides(
    connection: Any, pool: Any, project: Project
) -> None:
    await _companies(project, oost=3, zuid=9, noord=6)
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject=None, scopes=()) as reader:
        for leaf, shown in (("oost", None), ("noord", None), ("zuid", 9)):
            asking = by_key(await network_figures(reader, as_of="2026-01-31", leaf=leaf))["companies_asking"]
            assert (asking["total"], asking["fieldlabs"], asking["overlap"]) == (shown, None, None)


async def test_a_total_under_five_is_hidden_too(connection: Any, pool: Any, project: Project) -> None:
    await _companies(project, oost=3)
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject=None, scopes=()) as reader:
        asking = by_key(await network_figures(reader, as_of="2026-01-31"))["companies_asking"]
    assert (asking["total"], asking["leaves"]["oost"], asking["overlap"]) == (None, None, None)
    assert set(asking["fieldlabs"].values()) == {None}


async def test_the_public_gets_figures_about_companies_at_month_ends_only(
    connection: Any, pool: Any, project: Project
) -> None:
    await _companies(project, oost=8)
    await project([version(case(1), 1, 1)])
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject=None, scopes=()) as reader:
        inside = by_key(await network_figures(reader, as_of="2026-01-20"))
        at_end = by_key(await network_figures(reader, as_of="2026-01-31"))
    assert (inside["companies_asking"]["reason"], inside["companies_asking"]["total"]) == ("month-ends-only", None)
    assert inside["cases_published"]["total"] == 1
    assert at_end["companies_asking"]["total"] == 8


async def test_hidden_cells_together_are_never_under_five(connection: Any, pool: Any, project: Project) -> None:
    chance = random.Random(8)
    count = 0
    for leaf in LEAVES:
        for _ in range(chance.choice((0, 1, 2, 4, 5, 6, 11))):
            count += 1
            await project([version(company(count, leaf), 1, 1)])
    await complete_until(connection, day(1000))
    async with snapshot(pool, subject=None, scopes=()) as reader:
        public = by_key(await network_figures(reader, as_of="2026-01-31"))["companies_registered"]
    hidden = [leaf for leaf, n in public["leaves"].items() if n is None]
    assert len(hidden) >= 2
    assert public["total"] - sum(n for n in public["leaves"].values() if n is not None) >= 5
