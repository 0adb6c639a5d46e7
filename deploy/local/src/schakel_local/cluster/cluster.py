"""The whole cluster: what it consists of, its life, and what a test or a developer does with it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from schakel_local import runfile
from schakel_local.cluster import binaries, containerd
from schakel_local.cluster.access import write_access
from schakel_local.cluster.containerd import containerd_part, pause_job
from schakel_local.cluster.control_plane import control_plane
from schakel_local.cluster.namespaces import first_process, init_part
from schakel_local.cluster.network import cable_job, names_part, write_pod_network
from schakel_local.cluster.node import make_cgroup, node_job, node_parts, remove_cgroup
from schakel_local.cluster.requirements import why_not
from schakel_local.cluster.run import ClusterError, output_of
from schakel_local.cluster.site import NODE, NoSiteError, Site, reserved
from schakel_local.process import last_lines, tie_to_parent
from schakel_local.supervisor import RunEnded, State, Supervisor, as_json
from schakel_local.up import tell

_READY_SECONDS = 300.0
_STOP_SECONDS = 60.0
_COMMAND_SECONDS = 300.0
_POLL_SECONDS = 0.05
_KEPT = {"run.lock", "run.json", "up.log", "logs"}


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    site: Site

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way in, for clients of your own."""
        return self.site.kubeconfig

    @property
    def host_address(self) -> str:
        """The address of this machine as pods see it; inside they may also say `host.cluster.internal`."""
        return self.site.host_address

    @property
    def node_address(self) -> str:
        """The address at which NodePorts answer on this machine."""
        return self.site.node_address

    @property
    def node_name(self) -> str:
        """The name of the only node."""
        return NODE

    @property
    def pods(self) -> str:
        """The range of addresses from which pods come."""
        return self.site.pods

    def kubectl(self, *arguments: str, given: str | None = None, seconds: float = _COMMAND_SECONDS) -> str:
        """Run kubectl as administrator and return what it wrote; `given` goes to its standard input.

        Raises:
            ClusterError: it failed, with what it said, or took longer than `seconds`.
        """
        command = [self.site.program("kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        return output_of(command, given=given, seconds=seconds)

    def helm(self, *arguments: str, given: str | None = None, seconds: float = _COMMAND_SECONDS) -> str:
        """Run Helm as administrator and return what it wrote.

        Raises:
            ClusterError: it failed, with what it said, or took longer than `seconds`.
        """
        command = [self.site.program("helm"), "--kubeconfig", str(self.kubeconfig), *arguments]
        return output_of(command, given=given, seconds=seconds)

    def import_image(self, layout: Path, name: str) -> str:
        """Bring an image (an OCI layout) into the node under a full name, and return its digest.

        Use it with `imagePullPolicy: IfNotPresent` or `Never`, by its name or as `<name without tag>@<digest>`.
        """
        return containerd.import_image(self.site, layout, name)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster whose state lies in `folder`, and stop it at the end, whatever happens inside.

    It runs under a process of its own that ends with this one, however that ends: call it on the main thread.

    Raises:
        ClusterError: it cannot be had here, or did not become ready; the text says why.
    """
    if reason := why_not():
        raise ClusterError(f"there is no cluster on this machine: {reason}")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "up.log"
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "schakel_local", "cluster", "up", "--folder", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tie_to_parent(signal.SIGTERM),  # noqa: PLW1509 - it only calls the kernel
        )
    try:
        yield _await_ready(child, folder, log)
    finally:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()  # the kernel ends the node with it
            child.wait(_STOP_SECONDS)


def standing_cluster(folder: Path) -> Cluster | None:
    """Return the cluster that is ready in a folder, such as one of `./schakel cluster up`; None when there is none."""
    record = runfile.read(folder)
    if not record or not record.get("ready"):
        return None
    return Cluster(Site(folder.resolve(), Path(record["programs"]), int(record["number"])))


def _await_ready(child: subprocess.Popen[bytes], folder: Path, log: Path) -> Cluster:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if (cluster := standing_cluster(folder)) is not None:
            return cluster
        if child.poll() is not None:
            break
        threading.Event().wait(_POLL_SECONDS)
    said = "\n".join(last_lines(log, 30))
    raise ClusterError(f"the cluster did not become ready:\n{said}")


def up(folder: Path) -> int:
    """Run a cluster until Ctrl-C, `down` or SIGTERM; returns the exit code."""
    if reason := why_not():
        tell(f"schakel: there is no cluster on this machine: {reason}")
        return 1
    try:
        with runfile.only_run(folder):
            programs = binaries.obtain(tell)
            with reserved(folder.resolve(), programs) as site:
                return asyncio.run(_run(site))
    except KeyboardInterrupt:  # while the programs were built; later it is an orderly end
        tell("stopped")
        return 130
    except (runfile.AlreadyRunsError, binaries.BinariesError, NoSiteError) as error:
        tell(f"schakel: {error}")
        return 1


async def _run(site: Site) -> int:
    began = time.monotonic()
    _start_over(site)
    facts = {"pid": os.getpid(), "address": site.api, "programs": str(site.programs), "number": site.number}
    is_ready = False

    def changed(states: dict[str, State]) -> None:
        runfile.write(site.folder, {**facts, "ready": is_ready, "parts": as_json(states)})

    def ready() -> None:
        nonlocal is_ready
        is_ready = True
        changed(supervisor.states)
        tell(f"\n  export KUBECONFIG={site.kubeconfig}\n  {site.program('kubectl')}\n")
        tell(f"ready ({time.monotonic() - began:.1f} s)")

    def first() -> int:
        return first_process(supervisor.states)

    parts = [
        init_part(site),
        *control_plane(site, first),
        names_part(site, first),
        containerd_part(site, first),
        *node_parts(site, first),
    ]
    supervisor = Supervisor(
        parts,
        [cable_job(site, first), pause_job(site), node_job(site)],
        logs=site.folder / "logs",
        say=lambda name, text: tell(f"  {name:<24} {text}"),
        changed=changed,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    tell(f"a cluster starts in {site.folder} (Ctrl-C stops it)")
    try:
        await supervisor.run(ready)
    except RunEnded as ended:
        tell(f"schakel: {ended}")
        return 1
    finally:
        _clean(site)
    tell("stopped")
    return 0


def _start_over(site: Site) -> None:
    """Begin with nothing: a cluster does not outlive its run, so what is there was left by one that was killed."""
    _clean(site)
    shutil.rmtree(site.folder / "logs", ignore_errors=True)
    make_cgroup(site)
    write_access(site)
    write_pod_network(site)


def _clean(site: Site) -> None:
    """Remove everything but the logs; the kernel has taken away mounts, addresses and rules with the node."""
    remove_cgroup(site)
    for entry in site.folder.iterdir():
        if entry.name in _KEPT:
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.unlink()
