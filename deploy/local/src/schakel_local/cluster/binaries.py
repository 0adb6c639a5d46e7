"""The programs of the cluster: built once per recipe from pinned Go modules, then taken from the user's cache."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schakel_local.places import cache_directory
from schakel_local.process import tie_to_parent
from schakel_local.teststack import locked

MODULES = Path(__file__).with_name("modules")
"""One Go module per project: `go.mod` pins what is built, `go.sum` the hash of every source it is built from."""

_BUILD_SECONDS = 1800.0
_VERSION_SECONDS = 30.0
_VERSION_OF_KUBERNETES = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Program:
    """A program: the folder of `modules` that pins it, its Go package, and the variable that holds its version."""

    module: str
    package: str
    version_in: str = ""


PROGRAMS: Mapping[str, Program] = {
    "pause": Program("pause", "schakel.local/pause"),
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    **{
        name: Program("kubernetes", f"k8s.io/kubernetes/cmd/{name}", f"{_VERSION_OF_KUBERNETES}.gitVersion")
        for name in ("kubectl", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    },
    "helm": Program("helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4/internal/version.version"),
    "coredns": Program("coredns", "schakel.local/coredns"),
}
"""All programs, in the order in which they are built."""


class BinariesError(Exception):
    """A program cannot be built; the text says which and why."""


def version_of(module: str) -> str:
    """The version that `modules/<module>/go.mod` pins, such as `v1.36.3`; empty for a program of our own."""
    package = next(program.package for program in PROGRAMS.values() if program.module == module)
    for line in (MODULES / module / "go.mod").read_text().splitlines():
        name, _, rest = line.strip().partition(" ")
        if "/" in name and package.startswith(name) and rest.startswith("v"):
            return rest.split()[0]
    return ""


def folder(cache: Path | None = None) -> Path:
    """Where the programs lie: a folder named after the version of Kubernetes and the hash of the whole recipe."""
    digest = hashlib.sha256(repr(sorted(PROGRAMS.items())).encode())
    for file in sorted(MODULES.rglob("*.*")):
        digest.update(f"{file.relative_to(MODULES)}\0".encode() + file.read_bytes())
    return (cache or cache_directory()) / f"kubernetes-{version_of('kubernetes')}-{digest.hexdigest()[:12]}"


def missing(place: Path) -> list[str]:
    """The programs that the folder does not hold yet."""
    return [name for name in PROGRAMS if not (place / name).exists()]


def why_not() -> str:
    """One sentence that says why the programs cannot be had on this machine, or nothing when they can."""
    if not missing(folder()):
        return ""
    go = shutil.which("go")
    if go is None:
        return f"Go {_needed()} or newer is not installed, and the programs of the cluster are not built yet"
    command = [go, "env", "GOVERSION"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_VERSION_SECONDS)  # noqa: S603 - a fixed command
    found = done.stdout.strip().removeprefix("go")
    if _as_numbers(found) < _as_numbers(_needed()):
        return f"Go {_needed()} or newer is needed to build the programs of the cluster, and this is Go {found or '?'}"
    return ""


def obtain(say: Callable[[str], None], cache: Path | None = None) -> Path:
    """Build what is missing and return the folder; others who ask at the same time wait for the same build.

    Each program moves into the folder when it is whole, so a build that was cut off goes on where it stopped.

    Raises:
        BinariesError: a program could not be built.
    """
    place = folder(cache)
    if not missing(place):
        return place
    with locked(place.parent / f"{place.name}.lock"):
        wanted = missing(place)
        place.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(wanted, start=1):
            began = time.monotonic()
            say(f"building {name} ({number} of {len(wanted)})")
            _build(name, place)
            say(f"built {name} in {time.monotonic() - began:.0f} s")
    return place


def build_own(source: Path, target: Path) -> None:
    """Build a program without dependencies from a folder with `go.mod`, or take it from Go's own cache.

    Raises:
        BinariesError: it does not build, or there is no Go.
    """
    _go_build(source, ".", target, "-s -w")


def _build(name: str, place: Path) -> None:
    program = PROGRAMS[name]
    flags = ["-s", "-w"]
    version = version_of(program.module)
    if program.version_in:
        flags += ["-X", f"{program.version_in}={version}"]
    if program.module == "kubernetes":
        major, minor, _ = version.removeprefix("v").split(".")
        for key, value in (("gitMajor", major), ("gitMinor", minor), ("gitTreeState", "clean")):
            flags += ["-X", f"{_VERSION_OF_KUBERNETES}.{key}={value}"]
    with tempfile.TemporaryDirectory(dir=place, prefix="building-") as scratch:
        built = Path(scratch) / name
        _go_build(MODULES / program.module, program.package, built, " ".join(flags))
        built.replace(place / name)


def _go_build(source: Path, package: str, target: Path, flags: str) -> None:
    go = shutil.which("go")
    if go is None:
        raise BinariesError("Go is not installed (Debian: apt install golang, or an archive from the Go project)")
    options = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target))
    command = [go, "build", *options, package]
    surroundings = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command,
            cwd=source,
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_SECONDS,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )
    except subprocess.TimeoutExpired:
        raise BinariesError(f"{target.name} was not built within {_BUILD_SECONDS:.0f} s") from None
    if done.returncode:
        raise BinariesError(f"{target.name} could not be built: {done.stderr.strip()[-2000:]}")


def _needed() -> str:
    """The newest Go that any of the modules asks for."""
    asked = [re.search(r"^go (\S+)$", file.read_text(), re.MULTILINE) for file in MODULES.glob("*/go.mod")]
    return max((found.group(1) for found in asked if found), key=_as_numbers)


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
