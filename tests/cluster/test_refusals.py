"""What cannot work is refused by Helm with one sentence that says what to do, and what runs goes on as it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from release import CHART, RELEASE, Release
from surroundings import Surroundings

from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.run import ClusterError

pytestmark = pytest.mark.timeout(900)

ELSEWHERE = "elsewhere"


def uids(release: Release) -> set[str]:
    return {pod.uid for pod in release.pods()}


@pytest.fixture
def elsewhere(cluster: Cluster) -> Iterator[str]:
    """A namespace without any secret."""
    cluster.kubectl("create", "namespace", ELSEWHERE)
    yield ELSEWHERE
    cluster.kubectl("delete", "namespace", ELSEWHERE, "--timeout=60s")


def test_a_missing_secret_and_a_missing_key_are_named_with_the_line_that_makes_them(
    cluster: Cluster, site: Surroundings, elsewhere: str
) -> None:
    command = ("install", RELEASE, str(CHART), "--namespace", elsewhere, "--values", "-")
    with pytest.raises(ClusterError) as missing:
        cluster.helm(*command, given=site.values())
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "schakel-registry-database"}}
    cluster.kubectl("-n", elsewhere, "create", "-f", "-", given=json.dumps(secret | {"stringData": {"url": "x"}}))
    with pytest.raises(ClusterError) as keyless:
        cluster.helm(*command, given=site.values())

    line = f"kubectl -n {elsewhere} create secret generic schakel-registry-database --from-literal=uri="
    assert "secret schakel-registry-database (registry.database.existingSecret) does not exist: make it: " in str(
        missing.value
    )
    assert "secret schakel-registry-database has no key uri: make it anew: " in str(keyless.value)
    assert all(line in str(each.value) for each in (missing, keyless))
    assert json.loads(cluster.kubectl("-n", elsewhere, "get", "pods,jobs", "-o", "json"))["items"] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"logLevel": "LOUD"}, "at '/logLevel': value must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
        ({"replicaz": 3}, "additional properties 'replicaz' not allowed"),
        (
            {"portal": {"api": {"replicas": 3, "autoscaling": {"enabled": True}}}},
            "so set replicas equal to autoscaling.min or switch autoscaling off.",
        ),
        ({"registry": {"worker": {"replicas": 13}}}, "a topic has 12 partitions: set it to 12 or less"),
        ({"publicUrl": ""}, "publicUrl is empty: set it to the address that browsers see"),
    ],
    ids=["wrong value", "unknown key", "replicas with an autoscaler", "more consumers than partitions", "no address"],
)
def test_an_upgrade_that_cannot_work_changes_nothing(release: Release, wrong: dict[str, Any], says: str) -> None:
    before, pods = release.revision(), uids(release)
    with pytest.raises(ClusterError) as refused:
        release.upgrade(release.site.values(**wrong))

    assert says in str(refused.value)
    assert (release.revision(), uids(release)) == (before, pods)


def test_an_old_cluster_is_refused(release: Release) -> None:
    with pytest.raises(ClusterError, match=r"kubeVersion: >=1\.31\.0-0 which is incompatible with Kubernetes v1\.30"):
        release.helm("template", RELEASE, str(CHART), "--kube-version", "1.30.0", values=release.site.values())


def test_a_database_that_cannot_be_reached_stops_the_upgrade_before_it_begins(release: Release) -> None:
    host = release.site.cluster.host_address
    release.site.make_secret("registry-away", uri=f"postgresql://schakel_registry:secret@{host}:1/schakel_registry")
    pods = uids(release)
    with pytest.raises(ClusterError) as refused:
        release.upgrade(release.site.values(registry={"database": {"existingSecret": "registry-away"}}))

    assert f"{host}:1/schakel_registry does not answer (ConnectionRefusedError): check SCHAKEL_DATABASE_URL" in str(
        refused.value
    )
    assert "secret@" not in str(refused.value)
    assert uids(release) == pods
    assert {pod.is_ready for pod in release.pods()} == {True}
