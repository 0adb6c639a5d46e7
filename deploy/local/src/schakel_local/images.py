"""``./schakel images``: builds the images of deploy/images with buildah, and measures them."""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from schakel_local import measuring
from schakel_local.places import CHECKOUT

TARGETS = ("registry", "matching", "events", "gateway", "portal", "keycloak")
TOOLS = ("buildah", "runc", "skopeo")
LOCAL_BASE, LOCAL_BUILD = "localhost/schakel-base", "localhost/schakel-build"
CUT = CHECKOUT / "deploy" / "images" / "cut_base.py"
OUT = CHECKOUT / "build" / "images"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BAR_MB = 120
"""What an image may weigh, compressed and without the weights of encoders: docs/operations-images.md."""
_BUILD = (
    "buildah",
    "build",
    "--isolation",
    "chroot",
    "--network",
    "host",
    "--timestamp",
    "0",
    "--quiet",
)
_FILES = ("-f", "deploy/images/Containerfile", "--ignorefile", ".containerignore")
_DOCS = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
_MADE = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--include=python3,python3-venv,ca-certificates,tzdata",
    *_DOCS,
    "bookworm",
)


class ImagesError(Exception):
    """An image cannot be built; the text says what to do."""


@dataclass(frozen=True)
class Built:
    """An image: its name, the digest of its manifest, what its layers weigh, and how it starts.

    ``layers_mb`` are compressed megabytes (10^6 bytes) by what a layer holds; ``weights_mb`` is the part that encoders
    brought. ``help_seconds`` is the median time until ``--help`` has ended, which imports everything;
    ``import_cpu_seconds`` is the processor time of that, less that of a Python which does nothing.
    """

    name: str
    digest: str
    compressed_mb: float
    weights_mb: float
    layers_mb: Mapping[str, float]
    help_seconds: float
    import_cpu_seconds: float


def images(targets: Sequence[str], base: str, version: str, *, twice: bool) -> int:
    """Build images, write their SBOM and report; return the exit code."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise ImagesError(f"install {', '.join(missing)} first (Debian: apt install {' '.join(missing)})")
    OUT.mkdir(parents=True, exist_ok=True)
    bases = (base, base) if base else local_base()
    report = []
    for target in targets or TARGETS:
        first = _digest(make(target, bases, version, "--no-cache")) if twice else ""
        built = build(target, bases, version, *(("--no-cache",) if twice else ()))
        if twice and first != built.digest:
            raise ImagesError(f"two builds of {target} differ: {first} and {built.digest}")
        report.append(built)
        print(  # noqa: T201 - a command speaks to its user
            f"{built.name:34} {built.compressed_mb:7.1f} MB compressed, of which {built.weights_mb:.1f} MB weights; "
            f"--help in {built.help_seconds:.2f} s, imports {built.import_cpu_seconds:.2f} s of a processor; "
            f"{built.digest}{' (twice)' if twice else ''}",
            flush=True,
        )
        if refusal := above_bar(built):
            raise ImagesError(refusal)
    (OUT / "report.json").write_text(json.dumps([asdict(each) for each in report], indent=2), encoding="utf-8")
    return 0


def above_bar(built: Built) -> str:
    """Return what to say of an image that weighs too much; empty if it does not."""
    if built.compressed_mb - built.weights_mb <= BAR_MB:
        return ""
    most = max(built.layers_mb.items(), key=lambda layer: layer[1] if layer[0] != "weights" else 0)
    weight = f"{built.compressed_mb - built.weights_mb:.1f} MB without weights"
    return f"{built.name} has {weight}, the bar is {BAR_MB}: make its {most[0]} smaller, now {most[1]} MB"


def local_base() -> tuple[str, str]:
    """Return an image to build in and one to run on, of Debian's own Python; made here when they are not there yet.

    Their tag is a hash of the recipe, so that a changed recipe makes them anew. Production names an image instead.
    """
    tag = hashlib.sha256(CUT.read_bytes() + "".join(_MADE).encode()).hexdigest()[:12]
    wanted = (f"{LOCAL_BUILD}:{tag}", f"{LOCAL_BASE}:{tag}")
    if set(wanted) <= set(_run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").split("\n")):
        return wanted
    if shutil.which("mmdebstrap") is None:
        raise ImagesError("name a base with --base, or install mmdebstrap (Debian) to have one made here")
    with tempfile.TemporaryDirectory() as folder:
        root, cut = f"{folder}/root.tar", f"{folder}/cut.tar"
        _run(*_MADE, root)
        _run("python3", str(CUT), root, cut)
        for tar, name in zip((root, cut), wanted, strict=True):
            container = _run("buildah", "from", "scratch")
            _run("buildah", "add", "--quiet", container, tar, "/")
            _run("buildah", "commit", "--quiet", "--rm", "--timestamp", "0", container, name)
    return wanted


def make(target: str, bases: tuple[str, str], version: str, *more: str) -> Path:
    """Build one image, on (where to build, where to run), and lay it down as a registry would hold it."""
    name = f"localhost/schakel/{target}:{version}"
    certificate = ("--build-arg", f"PIP_CERT={CERTIFICATES}") if CERTIFICATES.exists() else ()
    mounted = ("--volume", f"{CERTIFICATES.parent}:{CERTIFICATES.parent}:ro") if certificate else ()
    on = ("--build-arg", f"BUILD={bases[0]}", "--build-arg", f"BASE={bases[1]}")
    arguments = (*on, "--build-arg", f"VERSION={version}", *certificate, *mounted)
    _run(*_BUILD, "--layers", *more, *arguments, "--target", target, *_FILES, "-t", name, ".")
    layout = OUT / target
    shutil.rmtree(layout, ignore_errors=True)
    _run("skopeo", "copy", "--quiet", f"containers-storage:{name}", f"oci:{layout}:{version}")
    return layout


def build(target: str, bases: tuple[str, str], version: str, *more: str) -> Built:
    """Build one image, write its SBOM and measure it."""
    layout = make(target, bases, version, *more)
    layers = measuring.layers(layout, _digest(layout))
    write_sbom(target, measuring.debian_packages(layers))
    weighed = measuring.weigh(layers)
    name = f"localhost/schakel/{target}:{version}"
    seconds, cpu = starts(name)
    total, weights = round(sum(weighed.values()), 1), weighed.get("weights", 0.0)
    return Built(name, _digest(layout), total, weights, weighed, seconds, cpu)


def starts(image: str) -> tuple[float, float]:
    """Return the median time of an image's ``--help`` as uid 10001, and the processor time of its imports."""
    container = _run("buildah", "from", "--pull-never", image)
    try:
        entry = json.loads(_run("buildah", "inspect", "--type", "image", image))["OCIv1"]["config"]["Entrypoint"]
        inside = ("buildah", "run", "--isolation", "chroot", "--user", "10001:10001", container, "--")
        helps = [measuring.timed(lambda: _run(*inside, *entry, "--help")) for _ in range(3)]
        idle = measuring.timed(lambda: _run(*inside, "python3", "-c", ""))
    finally:
        _run("buildah", "rm", container)
    wall, cpu = (statistics.median(figures) for figures in zip(*helps, strict=True))
    return round(wall, 2), round(cpu - idle[1], 2)


def write_sbom(target: str, debian: Mapping[str, str]) -> None:
    """Write a CycloneDX document of an image's packages: Python's of its part of the lock, and Debian's of its base."""
    chosen = _run("python3", "deploy/images/requirements.py", "requirements.lock", f"schakel-{target}")
    pins = [pin.split(" ")[0].split("==") for pin in chosen.split("\n") if "==" in pin and not pin.startswith(" ")]
    purls = [(name.split("[")[0], version, "pkg:pypi") for name, version in pins]
    purls += [(name, version, "pkg:deb/debian") for name, version in sorted(debian.items())]
    components = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "bom-ref": f"{kind}/{name}@{version}",
            "purl": f"{kind}/{name}@{version}",
        }
        for name, version, kind in purls
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": f"schakel-{target}"}},
        "components": components,
    }
    (OUT / f"{target}.cdx.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _digest(layout: Path) -> str:
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    return str(index["manifests"][0]["digest"])


def _run(*command: str) -> str:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - fixed programs
    if done.returncode:
        raise ImagesError(f"{command[0]} {command[1]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
