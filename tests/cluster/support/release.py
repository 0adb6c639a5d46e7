"""The release under test: installed, changed and looked at as operators do, with Helm and kubectl."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from running import ROOT, wait_until
from surroundings import NAMESPACE, Surroundings

from schakel_local.cluster.run import ClusterError

RELEASE: Final = "schakel"
CHART: Final = ROOT / "deploy" / "helm" / "schakel"
READY_SECONDS_MAX: Final = 240.0
HELM_SECONDS_MAX: Final = 420.0
SLOW_MS: Final = 2_000.0
SERVER_ERROR: Final = 500
MESSAGE_CHARACTERS: Final = 60


@dataclass(frozen=True)
class Pod:
    """A pod of the release that is there now, with the state of its one container."""

    name: str
    component: str
    uid: str
    is_ready: bool
    is_ending: bool
    container_id: str
    image: str
    restarts: int


@dataclass(frozen=True)
class Release:
    """The chart in a cluster, with its surroundings."""

    site: Surroundings

    def helm(self, *arguments: str, values: str | None = None) -> str:
        """Run Helm in the release's namespace; `values` is a file of values."""
        given = ("--values", "-") if values is not None else ()
        return self.site.cluster.helm(
            *arguments, "--namespace", NAMESPACE, *given, given=values, seconds=HELM_SECONDS_MAX
        )

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl in the release's namespace."""
        return self.site.cluster.kubectl("--namespace", NAMESPACE, *arguments, given=given)

    def install(self, values: str) -> str:
        """`helm install --wait`."""
        return self.helm("install", RELEASE, str(CHART), "--wait", "--timeout", "5m", values=values)

    def upgrade(self, values: str, *, timeout: str = "6m") -> str:
        """`helm upgrade --wait`."""
        return self.helm("upgrade", RELEASE, str(CHART), "--wait", "--timeout", timeout, values=values)

    def rollback(self, revision: int) -> str:
        """`helm rollback --wait`; the revision is named, because the one before may be an upgrade that failed."""
        return self.helm("rollback", RELEASE, str(revision), "--wait", "--timeout", "6m")

    def revision(self) -> int:
        """The number of the revision that is deployed."""
        history = json.loads(self.helm("history", RELEASE, "--output", "json"))
        return next(int(each["revision"]) for each in reversed(history) if each["status"] == "deployed")

    def pods(self) -> list[Pod]:
        """The pods of the deployments, ending ones included."""
        items = json.loads(self.kubectl("get", "pods", "--output", "json"))["items"]
        return [_pod(each) for each in items if any(o["kind"] == "ReplicaSet" for o in _owners(each))]

    def components(self) -> list[str]:
        """What runs here, each once."""
        return sorted({pod.component for pod in self.pods()})

    def ready(self, component: str) -> list[Pod]:
        """The pods of a component that serve and are to stay."""
        return [pod for pod in self.pods() if pod.component == component and pod.is_ready and not pod.is_ending]

    def wait_ready(self) -> None:
        """Wait until each deployment has all its pods, of its newest template, and no other is left."""
        for name in self.kubectl("get", "deployments", "--output", "name").split():
            self.kubectl("rollout", "status", name, f"--timeout={READY_SECONDS_MAX:.0f}s")
        wait_until(
            lambda: all(pod.is_ready and not pod.is_ending for pod in self.pods()),
            what="every pod ready and none ending",
            timeout_seconds=READY_SECONDS_MAX,
        )

    def wait_loaded(self) -> None:
        """Wait until the jobs of the release are done and matching knows every fieldlab of the register."""
        self.kubectl("wait", "--for=condition=complete", "job", "--all", f"--timeout={READY_SECONDS_MAX:.0f}s")
        stack = self.site.stack()
        ((loaded,),) = stack.rows("registry", "SELECT count(*) FROM fieldlab")
        known = "SELECT count(*) FROM replica WHERE kind = 'fieldlab'"
        wait_until(
            lambda: stack.rows("matching", known) == [(loaded,)],
            what=f"{loaded} fieldlabs in matching",
            timeout_seconds=READY_SECONDS_MAX,
        )

    def restart(self, *deployments: str) -> None:
        """Replace the pods of deployments one by one, and wait until that is done."""
        names = [f"deployment/{RELEASE}-{each}" for each in deployments]
        self.kubectl("rollout", "restart", *names)
        self.wait_ready()

    def evict(self, pod: Pod) -> bool:
        """Ask for the end of a pod as `kubectl drain` does; False while its budget forbids it."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.name}/eviction"
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": NAMESPACE}}
        try:
            self.site.cluster.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(body))
        except ClusterError as error:
            if "disruption budget" in str(error):
                return False
            raise
        return True

    def kill_process(self, pod: Pod) -> None:
        """SIGKILL the program of a pod's container, as the kernel does when memory is short."""
        pids = processes_of(pod)
        assert pids, f"no process of {pod.name}"
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def memory_mb(self) -> dict[str, float]:
        """Memory that each pod works with, as the kubelet reads it from its control group (working set, 10^6 bytes)."""
        path = f"/api/v1/nodes/{self.site.cluster.node_name}/proxy/stats/summary"
        summary: dict[str, Any] = json.loads(self.site.cluster.kubectl("get", "--raw", path))
        return {
            pod["podRef"]["name"]: round(container["memory"]["workingSetBytes"] / 1e6, 1)
            for pod in summary["pods"]
            if pod["podRef"]["namespace"] == NAMESPACE
            for container in pod.get("containers", [])
        }

    def complaints(self, seconds: int) -> str:
        """What the pods warned of in the last seconds, and the requests that failed or took long; each kind once."""
        found: dict[tuple[str, str], str] = {}
        for pod in self.pods():
            for line in self.kubectl("logs", pod.name, f"--since={seconds}s").splitlines():
                if (what := _complaint(line)) is not None:
                    found.setdefault((pod.name, what), f"{pod.name} ({pod.restarts} restarts): {line[:1500]}")
        return "\n".join(found.values())

    def logs_of_job(self, component: str) -> str:
        """What the newest job of a component said."""
        selector = f"app.kubernetes.io/component={component}"
        return self.kubectl("logs", "--selector", selector, "--tail=40", "--prefix=false")


def processes_of(pod: Pod) -> list[int]:
    """The processes of a pod's container, found by the control group that bears its id."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if pod.container_id in (folder / "cgroup").read_text():
                found.append(int(folder.name))
    return found


def seconds_of(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 1)


def _complaint(line: str) -> str | None:
    """Return which kind of trouble a line tells of, None when it tells of none."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    slow = float(record.get("duration_ms", 0)) > SLOW_MS or int(record.get("status", 0)) >= SERVER_ERROR
    if record.get("level") in {"INFO", "DEBUG"} and not slow:
        return None
    message = re.sub(r"\d+", "#", str(record.get("message")))[:MESSAGE_CHARACTERS]
    return " ".join(str(record.get(key, "")) for key in ("logger", "route", "status", "error")) + message


def _owners(item: dict[str, Any]) -> list[dict[str, Any]]:
    owners: list[dict[str, Any]] = item["metadata"].get("ownerReferences", [])
    return owners


def _pod(item: dict[str, Any]) -> Pod:
    status = (item["status"].get("containerStatuses") or [{}])[0]
    return Pod(
        name=item["metadata"]["name"],
        component=item["metadata"]["labels"]["app.kubernetes.io/component"],
        uid=item["metadata"]["uid"],
        is_ready=bool(status.get("ready")),
        is_ending="deletionTimestamp" in item["metadata"],
        container_id=status.get("containerID", "").rpartition("/")[2] or "none",
        image=item["spec"]["containers"][0]["image"],
        restarts=int(status.get("restartCount", 0)),
    )
