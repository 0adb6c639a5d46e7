"""The cluster itself: pods under the restricted rules run, are found by name, and answer inside and outside."""

import json
import platform
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from running import wait_until

from schakel_local.cluster.binaries import build_own
from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.containerd import ARCHITECTURES
from schakel_local.cluster.oci import write_image
from schakel_local.cluster.run import ClusterError

pytestmark = pytest.mark.timeout(300)  # the first test waits for the cluster

IMAGE = "localhost/schakel-hello:1"
NAMESPACE = "hello"
REPLICAS = 2
UID = 10001
PORT = 8080


@pytest.fixture(scope="module")
def image(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a static program of our own, brought into the node."""
    place = tmp_path_factory.mktemp("hello")
    build_own(Path(__file__).with_name("hello"), place / "hello")
    write_image(place / "layout", place / "hello", architecture=ARCHITECTURES[platform.machine()])
    return cluster.import_image(place / "layout", IMAGE)


@pytest.fixture(scope="module")
def service(cluster: Cluster, image: str) -> Iterator[dict[str, Any]]:
    """The Service of a Deployment of two pods, in a namespace that refuses all but restricted pods."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    objects = [namespace, deployment(f"{IMAGE.split(':', maxsplit=1)[0]}@{image}"), exposed()]
    for each in objects:
        cluster.kubectl("apply", "-f", "-", given=json.dumps(each))
    cluster.kubectl("rollout", "status", "deployment/hello", "-n", NAMESPACE, "--timeout=60s")
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "service", "hello", "-n", NAMESPACE, "-o", "json"))
    yield found
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def deployment(image: str) -> dict[str, Any]:
    """Two pods with no right that a program does not need."""
    container = {
        "name": "hello",
        "image": image,
        "imagePullPolicy": "Never",
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": UID, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hello", "namespace": NAMESPACE},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {"metadata": {"labels": {"app": "hello"}}, "spec": pod},
        },
    }


def exposed() -> dict[str, Any]:
    """The pods under one name, and at a port of the node."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": NAMESPACE},
        "spec": {"type": "NodePort", "selector": {"app": "hello"}, "ports": [{"port": 80, "targetPort": PORT}]},
    }


def pods(cluster: Cluster) -> list[dict[str, Any]]:
    """The pods of the Deployment."""
    found: list[dict[str, Any]] = json.loads(cluster.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json"))["items"]
    return found


def in_pod(cluster: Cluster, pod: str, *arguments: str) -> str:
    """What our program says inside a pod."""
    return cluster.kubectl("exec", pod, "-n", NAMESPACE, "--", "/hello", *arguments, seconds=30).strip()


def answers_of(ask: Callable[[], str], wanted: set[str]) -> set[str]:
    """Ask until all that are wanted have answered: the node's rules come a moment after the pods."""
    heard: set[str] = set()

    def all_heard() -> bool:
        with suppress(OSError, ClusterError):
            heard.add(ask())
        return heard >= wanted

    wait_until(all_heard, what=f"answers of {sorted(wanted)}", timeout_seconds=30)
    return heard


def test_two_restricted_pods_run_as_the_user_they_ask_for_and_cannot_write(
    cluster: Cluster, service: dict[str, Any]
) -> None:
    found = pods(cluster)
    assert service["spec"]["type"] == "NodePort"
    assert [pod["status"]["phase"] for pod in found] == ["Running"] * REPLICAS
    said = [in_pod(cluster, pod["metadata"]["name"], "who") for pod in found]
    assert said == [f"{UID} open /written: read-only file system"] * REPLICAS


def test_the_service_answers_from_both_pods_inside_and_at_the_port_of_the_node(
    cluster: Cluster, service: dict[str, Any]
) -> None:
    names = {pod["metadata"]["name"] for pod in pods(cluster)}
    port = service["spec"]["ports"][0]["nodePort"]
    asker = min(names)

    def outside() -> str:
        with urlopen(f"http://{cluster.node_address}:{port}/", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    assert answers_of(outside, names) == names
    assert answers_of(lambda: in_pod(cluster, asker, "get", "http://hello.hello.svc.cluster.local/"), names) == names


def test_names_of_services_and_of_this_machine_resolve_and_no_others(cluster: Cluster, service: dict[str, Any]) -> None:
    pod = pods(cluster)[0]["metadata"]["name"]
    assert in_pod(cluster, pod, "find", "hello") == service["spec"]["clusterIP"]
    assert in_pod(cluster, pod, "find", "host.cluster.internal") == cluster.host_address
    with pytest.raises(ClusterError, match="no such host"):
        in_pod(cluster, pod, "find", "schakel.example")


def test_a_pod_reaches_what_listens_on_this_machine(cluster: Cluster, service: dict[str, Any]) -> None:
    assert service
    asked_by: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_by.append(self.client_address[0])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_: object) -> None:
            pass

    pod = pods(cluster)[0]
    with ThreadingHTTPServer((cluster.host_address, 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        said = in_pod(cluster, pod["metadata"]["name"], "get", f"http://host.cluster.internal:{server.server_port}/")
        server.shutdown()
    assert said == "here"
    assert asked_by == [pod["status"]["podIP"]]


def test_a_pod_that_asks_for_root_is_refused_with_the_reason(cluster: Cluster, service: dict[str, Any]) -> None:
    assert service
    rooted = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "root", "image": IMAGE}]},
    }
    with pytest.raises(ClusterError, match="violates PodSecurity") as refused:
        cluster.kubectl("apply", "-f", "-", given=json.dumps(rooted))
    assert "runAsNonRoot != true" in str(refused.value)
    assert "root" not in {pod["metadata"]["name"] for pod in pods(cluster)}


@pytest.mark.parametrize(("port", "path", "status"), [(10250, "/pods", 401), (6443, "/api/v1/secrets", 403)])
def test_who_brings_nothing_reads_nothing(cluster: Cluster, port: int, path: str, status: int) -> None:
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(HTTPError) as refused:
        urlopen(f"https://{cluster.node_address}:{port}{path}", timeout=10, context=blind)
    assert refused.value.code == status
    refused.value.close()
