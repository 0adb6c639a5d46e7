"""What users notice while operators and accidents disturb an installation: failed requests, silence, lost facts.

A planned disturbance fails no request. An accident may: what was on its way to a process that is killed is gone; it is
counted. In all of them every accepted write is there exactly once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytest
from facts import PROOF, count_facts, verify
from release import RELEASE, Pod, Release
from report import Report
from running import wait_until
from site_images import HALF_WAY, NEXT, THIS
from steady_load import Count, steady_load
from surroundings import NAMESPACE

from schakel_local.cluster.run import ClusterError

pytestmark = pytest.mark.timeout(900)

APIS = ("registry", "matching", "events", "gateway", "portal")
QUIET_SECONDS_MAX = 30.0
"""Of one kind of request. Nine programs that start at once take both cores of a small machine for a while."""
WRITES_BEFORE_AND_AFTER = 4


@contextmanager
def under_load(release: Release, report: Report, name: str) -> Iterator[Count]:
    """Disturb in the block, while users read and write before, during and after it; count, and look for each fact."""
    stack = release.site.stack()

    def more_writes(count: Count) -> None:
        goal = len(count.written) + WRITES_BEFORE_AND_AFTER
        wait_until(lambda: len(count.written) >= goal, what=f"{goal} accepted writes", timeout_seconds=60)

    try:
        with steady_load(stack) as count:
            more_writes(count)
            yield count
            more_writes(count)
        facts = count_facts(stack, count.written)
        report.note(name, {**count.report(), **asdict(facts), "verify": verify(release.site.cluster, NAMESPACE)})
    finally:
        stack.close()
    assert (facts.lost, facts.doubled) == (0, 0)
    assert report[name]["verify"] == PROOF


def assert_unnoticed(count: Count) -> None:
    """No request failed, and no kind of request went unanswered for long."""
    assert count.failed == []
    assert count.quiet_seconds < QUIET_SECONDS_MAX


def tags(release: Release) -> set[str]:
    return {pod.image.rpartition(":")[2] for pod in release.pods()}


def has_table(release: Release, service: str, table: str) -> bool:
    stack = release.site.stack()
    (found,) = stack.rows(service, "SELECT to_regclass($1) IS NOT NULL", table)
    return bool(found[0])


def test_an_upgrade_with_a_migration_and_a_rollback_are_not_noticed(release: Release, report: Report) -> None:
    before = release.revision()
    with under_load(release, report, "rolling upgrade") as upgrading:
        release.upgrade(release.site.values(image={"tag": NEXT}))
        release.wait_ready()
        assert tags(release) == {NEXT}
    assert has_table(release, "registry", "next_version")
    assert has_table(release, "gateway", "next_version")

    with under_load(release, report, "rollback") as rolling_back:
        release.rollback(before)
        release.wait_ready()
        assert tags(release) == {THIS}
    assert has_table(release, "registry", "next_version")
    # Only now: an upgrade that is noticed must not leave the next version to the tests that follow.
    assert_unnoticed(upgrading)
    assert_unnoticed(rolling_back)


def test_a_migration_that_fails_half_way_leaves_the_old_version_serving(release: Release, report: Report) -> None:
    before = release.revision()
    with under_load(release, report, "failing migration") as count:
        with pytest.raises(ClusterError):
            release.upgrade(release.site.values(image={"tag": HALF_WAY}), timeout="60s")
        said = release.logs_of_job("migrate-registry")
        assert tags(release) == {THIS, HALF_WAY}, "the version before is still there beside the one that waits"
        release.rollback(before)
        release.wait_ready()
        assert tags(release) == {THIS}
    assert "The migration failed, nothing was changed and the version before goes on: mend the cause" in said
    assert not has_table(release, "registry", "half_way")
    assert_unnoticed(count)


def test_pods_that_die_cost_requests_on_their_way_and_no_fact(release: Release, report: Report) -> None:
    def replaced(component: str, dead: Pod) -> bool:
        now = [pod for pod in release.ready(component) if (pod.uid, pod.restarts) != (dead.uid, dead.restarts)]
        return bool(now) and len(release.ready(component)) == pods[component]

    pods = {component: len(release.ready(component)) for component in release.components()}
    with under_load(release, report, "each program killed (SIGKILL)") as count:
        for component in pods:
            dead = release.ready(component)[0]
            release.kill_process(dead)
            wait_until(lambda: replaced(component, dead), what=f"{component} back", timeout_seconds=120)  # noqa: B023 - called within the turn
    assert count.quiet_seconds < QUIET_SECONDS_MAX
    with under_load(release, report, "each pod deleted by force") as count:
        for component in pods:
            dead = release.ready(component)[-1]
            release.kubectl("delete", "pod", dead.name, "--force", "--grace-period=0")
            wait_until(lambda: replaced(component, dead), what=f"{component} back", timeout_seconds=120)  # noqa: B023 - as above
    assert count.quiet_seconds < QUIET_SECONDS_MAX


def test_a_drain_of_the_node_respects_the_budgets_and_is_not_noticed(release: Release, report: Report) -> None:
    refused = 0
    fewest = dict.fromkeys(APIS, 2)
    with under_load(release, report, "every pod evicted") as count:
        waiting = [pod for pod in release.pods() if not pod.is_ending]

        def all_evicted() -> bool:
            nonlocal refused, waiting
            left = [pod for pod in waiting if not release.evict(pod)]
            refused += len(left)
            waiting = left
            for component in APIS:
                fewest[component] = min(fewest[component], len(release.ready(component)))
            return not left

        wait_until(all_evicted, what="every pod evicted", timeout_seconds=300)
        release.wait_ready()
    report.note("evictions that a budget held back", refused)
    assert refused > 0
    assert min(fewest.values()) >= 1
    assert_unnoticed(count)


def test_one_replica_becomes_three_and_one_again_unnoticed(release: Release, report: Report) -> None:
    deployments = [f"deployment/{RELEASE}-{component}" for component in APIS]
    with under_load(release, report, "scaled to 1, to 3 and to 1") as count:
        for replicas in (1, 3, 1, 2):
            release.kubectl("scale", *deployments, f"--replicas={replicas}")
            release.wait_ready()
            assert {len(release.ready(component)) for component in APIS} == {replicas}
    assert_unnoticed(count)


def test_a_new_password_of_a_database_is_taken_up_unnoticed(release: Release, report: Report) -> None:
    with under_load(release, report, "a database's password changed") as count:
        release.site.change_password("registry")
        release.restart("registry", "registry-worker")
    assert_unnoticed(count)
