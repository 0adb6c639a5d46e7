"""However a cluster ends, nothing of it is left on this machine but its logs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic

import psutil
import pytest

from schakel_local.cluster.cluster import Cluster, standing_cluster
from schakel_local.cluster.site import NODE

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="schakel-ends-", dir="/var/tmp", ignore_cleanup_errors=True) as place:
        yield Path(place)


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something comes to hold in time."""
    deadline = monotonic() + seconds
    while not holds():
        if monotonic() > deadline:
            return False
        Event().wait(0.05)
    return True


def started(folder: Path) -> tuple["subprocess.Popen[bytes]", Cluster]:
    """A cluster of the test's own, with one pod that would run for ever."""
    program = [sys.executable, "-m", "schakel_local", "cluster", "up", "--folder", str(folder)]
    child = subprocess.Popen(program, stdout=subprocess.DEVNULL, start_new_session=True)
    assert eventually(lambda: standing_cluster(folder) is not None or child.poll() is not None, 150)
    cluster = standing_cluster(folder)
    assert cluster is not None
    cluster.kubectl("run", "pause", "--image=localhost/schakel-pause:1", "--image-pull-policy=Never")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/pause", "--timeout=60s")
    return child, cluster


def left_by(cluster: Cluster) -> list[str]:
    """What is still there of a cluster: processes, mounts, addresses, control groups."""
    place, site = str(cluster.site.folder), cluster.site
    found = [
        f"process {each.pid} {each.info['name']}"
        for each in psutil.process_iter(["name", "cmdline"])
        if any(place in word for word in each.info["cmdline"] or ()) and each.pid != os.getpid()
    ]
    found += [line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if place in line]
    found += [str(path) for path in Path("/sys/class/net").glob(site.link)]
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    return found + [line for line in rules.splitlines() if "KUBE-" in line or site.node_address in line]


def control_groups(cluster: Cluster) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [*root.glob(cluster.site.cgroup), *root.glob(f"*/{cluster.site.cgroup}")]


def test_a_stopped_cluster_leaves_its_logs_only(folder: Path) -> None:
    child, cluster = started(folder)
    assert left_by(cluster)
    assert control_groups(cluster)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0
    assert left_by(cluster) == []
    assert control_groups(cluster) == []
    assert {path.name for path in folder.iterdir()} == {"logs", "run.lock"}


def test_a_killed_cluster_takes_everything_that_runs_with_it(folder: Path) -> None:
    child, cluster = started(folder)
    assert cluster.kubectl("get", "nodes", "-o", "name").strip() == f"node/{NODE}"
    child.kill()
    child.wait(10)
    assert eventually(lambda: left_by(cluster) == [], 20), left_by(cluster)
