"""The chart on an empty cluster: installed by Helm, tested by Helm, walked through by people in a browser."""

import pytest
from facts import PROOF
from main_journey import walk_from_a_need_to_an_outcome
from portal_browser import chromium
from release import RELEASE, Release
from report import Report

INSTALL_SECONDS_MAX = 120
IDLE_MB_MAX = 150
IDLE_MATCHING_MB_MAX = 700

pytestmark = pytest.mark.timeout(900)  # the first test waits for the cluster, the images and the release


def test_it_is_installed_and_tested_in_time(release: Release, report: Report) -> None:
    assert {pod.is_ready for pod in release.pods()} == {True}
    assert report["install --wait (s)"] + report["helm test (s)"] < INSTALL_SECONDS_MAX


def test_an_idle_pod_is_small(release: Release, report: Report) -> None:
    used = release.memory_mb()
    by_component = {pod.component: used[pod.name] for pod in release.pods()}
    report.note("memory of an idle pod (MB)", dict(sorted(by_component.items())))

    too_large = {
        component: megabytes
        for component, megabytes in by_component.items()
        if megabytes > (IDLE_MATCHING_MB_MAX if component.startswith("matching") else IDLE_MB_MAX)
    }
    assert too_large == {}


async def test_people_go_from_a_need_to_an_outcome_through_a_port_of_the_node(release: Release) -> None:
    async with chromium() as browser:
        await walk_from_a_need_to_an_outcome(browser, release.site.portal, release.site.keycloak, scripts=True)


def test_the_scheduled_proof_runs_when_asked_for(release: Release) -> None:
    release.kubectl("create", "job", "proof", f"--from=cronjob/{RELEASE}-verify")
    release.kubectl("wait", "--for=condition=complete", "job/proof", "--timeout=120s")
    assert release.kubectl("logs", "job/proof").strip().splitlines()[-1] == PROOF
    release.kubectl("delete", "job", "proof")
