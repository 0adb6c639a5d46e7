"""Every object that the chart can make, before the API server itself: nothing unknown, nothing refused, no warning."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from charting import ALL, render

from schakel_local.cluster.binaries import version_of
from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.run import ClusterError

pytestmark = pytest.mark.timeout(300)

NAMESPACE: Final = "objects"
OPERATORS: Final = ("monitoring.coreos.com", "gateway.networking.k8s.io", "keda.sh")
"""Groups that this server does not know; their objects are held to their schemas without a cluster."""
RESTRICTED: Final = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that takes restricted pods only, warns of what would make others, and holds what they name.

    A pod is refused as long as its account or its class is not there, also in a dry run.
    """
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}
        for name in ("schakel", "schakel-own")
    ]
    important = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "important"},
        "value": 1000,
    }
    for each in (made, *accounts, important):
        cluster.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(each))
    yield NAMESPACE
    cluster.kubectl("delete", f"namespace/{NAMESPACE}", "priorityclass/important", "--wait=false")


def objects(name: str, namespace: str) -> list[dict[str, Any]]:
    """What the chart makes of one set of values, for this version of Kubernetes, in the namespace of the test."""
    found = render(ALL[name], kube=version_of("kubernetes"))
    known = [each for each in found if each["apiVersion"].split("/")[0] not in OPERATORS]
    return [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in known]


def asked(cluster: Cluster, wanted: list[dict[str, Any]]) -> list[str]:
    """The names of what the server would make, without making it."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-o", "name")
    whole = {"apiVersion": "v1", "kind": "List", "items": wanted}
    return cluster.kubectl(*words, "-f", "-", given=json.dumps(whole)).split()


@pytest.mark.parametrize("name", ALL)
def test_the_server_takes_every_object_without_a_warning(cluster: Cluster, namespace: str, name: str) -> None:
    wanted = objects(name, namespace)
    taken = [line.rpartition("/")[2] for line in asked(cluster, wanted)]
    assert taken == [each["metadata"]["name"] for each in wanted]
    assert len(taken) > len({each["kind"] for each in wanted}) > 1


def test_a_pod_template_with_a_right_too_many_is_a_warning(cluster: Cluster, namespace: str) -> None:
    wrong = next(each for each in objects("least", namespace) if each["kind"] == "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(ClusterError, match=r"would violate PodSecurity[\s\S]*allowPrivilegeEscalation != false"):
        asked(cluster, [wrong])
