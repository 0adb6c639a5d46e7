"""What an image weighs, layer by layer, which Debian packages it holds, and how long something takes."""

import json
import re
import resource
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOLDS = {
    "var/lib/dpkg/status": "base",
    "opt/schakel/app/": "our own code",
    "opt/schakel/data/": "register",
    "opt/schakel/realm/": "realm",
    "opt/schakel/packages/": "packages",
    "usr/lib/python": "byte code of Python",
    "usr/local/lib/python": "byte code of Python",
}
"""What a layer holds, by the first of these that one of its paths begins with."""
STATUS = "var/lib/dpkg/status"


@dataclass(frozen=True)
class Layer:
    """A layer: its compressed size in bytes, its files, and Debian's database of packages if it is there."""

    size: int
    paths: tuple[str, ...]
    status: str | None


def layers(layout: Path, digest: str) -> list[Layer]:
    """Read the layers of an image in an OCI layout, lowest first."""
    blobs = layout / "blobs"
    manifest = json.loads((blobs / digest.replace(":", "/")).read_text(encoding="utf-8"))
    return [_layer(blobs / each["digest"].replace(":", "/"), each["size"]) for each in manifest["layers"]]


def _layer(blob: Path, size: int) -> Layer:
    paths, status = [], None
    with tarfile.open(blob) as tar:
        for member in tar:
            if not member.isdir():
                paths.append(member.name.removeprefix("./"))
            if paths and paths[-1] == STATUS and (file := tar.extractfile(member)):
                status = file.read().decode()
    return Layer(size, tuple(paths), status)


def weigh(found: Sequence[Layer]) -> Mapping[str, float]:
    """Return the compressed megabytes (10^6 bytes) of layers, by what they hold."""
    sizes: dict[str, int] = {}
    for layer in found:
        sizes[_holds(layer)] = sizes.get(_holds(layer), 0) + layer.size
    return {what: round(size / 1e6, 1) for what, size in sizes.items()}


def _holds(layer: Layer) -> str:
    for start, what in HOLDS.items():
        mine = [path for path in layer.paths if path.startswith(start)]
        if mine:
            bare = what == "packages" and not any(path.endswith(".py") for path in mine)
            return "weights" if bare else what
    return "folders"


def debian_packages(found: Sequence[Layer]) -> Mapping[str, str]:
    """Return the versions of the Debian packages of an image; none where its base is not Debian's."""
    status = next((layer.status for layer in reversed(found) if layer.status), "")
    pairs = (dict(re.findall(r"^(Package|Version): (.*)$", each, re.MULTILINE)) for each in status.split("\n\n"))
    return {pair["Package"]: pair["Version"] for pair in pairs if len(pair) > 1}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a command took, by the clock and of a processor (its children's time)."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    return ended - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
