"""The one cluster that all tests of this folder share, what lies beside it, and the program that they put on it."""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import site_images
from release import Release
from report import Report
from surroundings import NAMESPACE, Surroundings, surroundings

from schakel_local.cluster.cluster import Cluster, running_cluster, standing_cluster
from schakel_local.cluster.requirements import why_not


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the pods said while a test failed: the cluster is gone before anybody can ask them."""
    report = yield
    release = item.funcargs.get("release") if report.failed and report.when == "call" else None
    if isinstance(release, Release):
        report.sections.append(("what the pods said", release.complaints(int(call.duration) + 10)))
    return report


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Kubernetes of one node, started for this run; its state is not in a directory of pytest's.

    One that already runs is taken where SCHAKEL_CLUSTER names its folder (`./schakel cluster up`).
    """
    if standing := os.environ.get("SCHAKEL_CLUSTER"):
        found = standing_cluster(Path(standing))
        assert found is not None, f"no cluster is ready in {standing}"
        yield found
        return
    if reason := why_not():
        pytest.skip(f"no cluster can run here: {reason}")
    with (
        TemporaryDirectory(prefix="schakel-cluster-", dir="/var/tmp", ignore_cleanup_errors=True) as folder,
        running_cluster(Path(folder)) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def report() -> Report:
    """The figures of this run, written down as they come."""
    return Report()


@pytest.fixture(scope="session")
def site(cluster: Cluster) -> Iterator[Surroundings]:
    """Parts beside the cluster, and the namespace with every secret that the chart asks for."""
    with (
        TemporaryDirectory(prefix="schakel-site-", dir="/var/tmp", ignore_cleanup_errors=True) as folder,
        surroundings(cluster, Path(folder)) as found,
    ):
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
        cluster.kubectl("apply", "-f", "-", given=json.dumps(namespace))
        found.make_secrets()
        yield found


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> None:
    """All images, in the node."""
    site_images.bring(cluster)


@pytest.fixture(scope="session")
def release(site: Surroundings, images: None, report: Report) -> Release:
    """The release, installed and tested by Helm once for this run; how long that took is in the report."""
    del images
    made = Release(site)
    report.time("install --wait", lambda: made.install(site.values()))
    report.time("helm test", lambda: made.helm("test", "schakel"))
    made.wait_loaded()
    site.add_demo_users()
    return made
