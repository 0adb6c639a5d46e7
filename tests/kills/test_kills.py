"""Any one process dies at any step: nothing is lost, nothing is doubled.

A step is taken in a thread of its own and tried again with the same idempotency key, as a client would; meanwhile a
process is killed at a named line (`schakel_common.barriers`), or a part of the platform is killed between two steps. At
the end each fact stands exactly once in its journal, in the view and in the figures.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import pytest
from barriers import Death, armed, kill_at
from running import RunningStack, wait_until
from steps import Journey, figures

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

WALKS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "describe_the_need": "outbox.before_commit",
        "register": "relay.before_send",
        "submit": "projector.before_apply",
        "request": "outbox.after_commit",
        "verify": "consumer.before_handle",
        "question": "relay.after_send_before_ack",
        "answer": "projector.before_write",
        "accept": "relay.after_ack_before_delete",
        "outcome": "projector.after_commit",
    },
    {
        "register": "consumer.before_commit",
        "submit": "outbox.before_commit",
        "request": "relay.after_delete",
        "verify": "consumer.after_commit_before_ack",
        "question": "outbox.after_commit",
        "answer": "relay.before_send",
        "accept": "consumer.after_ack",
        "outcome": "relay.after_send_before_ack",
    },
)
"""Per walk: a step, and the line at which whoever comes there is killed while the step is under way."""

BETWEEN_STEPS: Final[Mapping[str, str]] = {
    "describe_the_need": "portal",
    "register": "kafka",
    "submit": "postgres",
    "request": "keycloak",
    "verify": "gateway",
    "question": "matching",
    "answer": "registry",
    "accept": "events",
}
"""A step, and the part that is killed right after it, while nobody waits for it to be back."""

ADDED_BY_A_JOURNEY: Final = {
    "companies_registered": 1,
    "challenges_submitted": 1,
    "referrals_requested": 1,
    "referrals_accepted": 1,
    "outcomes_recorded": 1,
    "companies_asking": 1,
    "companies_served": 1,
    "companies_with_outcome": 1,
}


def totals(found: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {key: found[key]["total"] for key in ADDED_BY_A_JOURNEY}


def journal_lines(stack: RunningStack, service: str, aggregate_id: str) -> list[int]:
    """Return the versions that stand in a service's journal for an aggregate."""
    sql = "SELECT version FROM journal WHERE aggregate_id = $1::uuid ORDER BY seq"
    return [row[0] for row in stack.rows(service, sql, UUID(aggregate_id))]


def walk(stack: RunningStack, hurt: Callable[[Journey, str], Death | None]) -> tuple[Journey, list[Death]]:
    journey = Journey(stack)
    deaths = [death for step in journey.steps() if (death := hurt(journey, step)) is not None]
    return journey, deaths


def assert_each_fact_once(stack: RunningStack, journey: Journey, before: dict[str, int]) -> None:
    expected = {key: count + ADDED_BY_A_JOURNEY[key] for key, count in before.items()}

    def settled() -> bool:
        return totals(figures(stack, read_after=journey.token)[0]) == expected

    wait_until(settled, what=f"figures {expected}", timeout_seconds=60)
    assert journal_lines(stack, "registry", journey.company_id) == [1, 2]
    assert journal_lines(stack, "matching", journey.challenge_id) == [1]
    assert journal_lines(stack, "matching", journey.referral_id) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("lines", WALKS, ids=["first walk", "second walk"])
def test_a_process_killed_at_a_named_line_loses_and_doubles_nothing(
    running_stack: RunningStack, lines: Mapping[str, str]
) -> None:
    before = totals(figures(running_stack)[0])

    def hurt(journey: Journey, step: str) -> Death | None:
        if step not in lines:
            getattr(journey, step)()
            return None
        with ThreadPoolExecutor(1) as beside, armed(running_stack, lines[step]):
            taken = beside.submit(getattr(journey, step))
            death = kill_at(running_stack, lines[step])
            running_stack.wait_back(death.part, dead_pid=death.pid)
            taken.result(timeout=120)
        return death

    journey, deaths = walk(running_stack, hurt)

    assert [death.barrier for death in deaths] == [lines[step] for step in journey.steps() if step in lines]
    assert_each_fact_once(running_stack, journey, before)


def test_a_part_killed_between_two_steps_loses_and_doubles_nothing(running_stack: RunningStack) -> None:
    before = totals(figures(running_stack)[0])

    def hurt(journey: Journey, step: str) -> Death | None:
        getattr(journey, step)()
        if step not in BETWEEN_STEPS:
            return None
        part = BETWEEN_STEPS[step]
        death = Death(part, running_stack.pid(part), f"after {step}")
        running_stack.kill(part)
        return death

    journey, deaths = walk(running_stack, hurt)

    for death in deaths:
        running_stack.wait_back(death.part, dead_pid=death.pid)
    assert [death.part for death in deaths] == list(BETWEEN_STEPS.values())
    assert_each_fact_once(running_stack, journey, before)


def test_enough_deaths_were_died() -> None:
    assert sum(len(lines) for lines in WALKS) + len(BETWEEN_STEPS) >= 20
