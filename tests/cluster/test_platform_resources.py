"""Kafka, its users and PostgreSQL of the examples, before the API server with the definitions of their operators.

The operators themselves cannot run here: what they make of a resource is not shown, only that they would be given it.
"""

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.run import ClusterError
from schakel_local.places import CHECKOUT

pytestmark = pytest.mark.timeout(300)

EXAMPLES: Final = CHECKOUT / "deploy" / "helm" / "examples" / "platform"
FOLDER: Final = "crd"
DEFINED: Final = {
    "Kafka",
    "KafkaNodePool",
    "KafkaUser",
    "Cluster",
    "Database",
    "ScheduledBackup",
}
"""Kinds that the folder of standards defines; the others are checked by their schemas, without a cluster."""


def resources() -> list[dict[str, Any]]:
    """Every resource of the examples whose kind the server is taught here."""
    found = [
        each
        for file in sorted(EXAMPLES.glob("*.yaml"))
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if each
    ]
    return [each for each in found if each["kind"] in DEFINED]


@pytest.fixture(scope="module")
def taught(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, knowing the resources of Strimzi and CloudNativePG."""
    standards = os.environ.get("SCHAKEL_STANDARDS")
    if not standards:
        pytest.skip(f"set SCHAKEL_STANDARDS to a folder with {FOLDER}/: the definitions of Strimzi and CloudNativePG")
    names = []
    for file in sorted((Path(standards) / FOLDER).glob("*.yaml")):
        plain = "\n".join(line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("{{"))
        made = cluster.kubectl("apply", "--server-side", "-o", "name", "-f", "-", given=plain)
        names += made.split()
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    yield cluster
    cluster.kubectl("delete", *names, "--wait=false")


def asked(cluster: Cluster, resource: dict[str, Any]) -> str:
    """What the server says to a resource, without keeping it."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-")
    return cluster.kubectl(
        *words, given=json.dumps({**resource, "metadata": {**resource["metadata"], "namespace": "default"}})
    )


def one(kind: str) -> dict[str, Any]:
    """A copy of the first resource of a kind."""
    return deepcopy(next(each for each in resources() if each["kind"] == kind))


def test_every_kind_that_is_defined_is_used() -> None:
    assert {each["kind"] for each in resources()} == DEFINED


def test_the_server_takes_every_resource_of_the_examples(taught: Cluster) -> None:
    for each in resources():
        said = asked(taught, each).strip()
        assert said.endswith(f"/{each['metadata']['name']}"), said


def test_the_old_version_of_strimzi_is_refused(taught: Cluster) -> None:
    with pytest.raises(ClusterError, match=r'no matches for kind "Kafka" in version "kafka\.strimzi\.io/v1beta2"'):
        asked(taught, {**one("Kafka"), "apiVersion": "kafka.strimzi.io/v1beta2"})


def test_an_unknown_field_is_refused_with_its_path(taught: Cluster) -> None:
    wrong = one("KafkaNodePool")
    wrong["spec"]["replica"] = 3
    with pytest.raises(ClusterError, match=r"\.spec\.replica"):
        asked(taught, wrong)


def test_a_wrong_value_is_refused_with_its_path(taught: Cluster) -> None:
    wrong = one("Cluster")
    wrong["spec"]["instances"] = 0
    with pytest.raises(ClusterError, match=r"spec\.instances: Invalid value: 0"):
        asked(taught, wrong)
