"""``./schakel images``: builds the images of deploy/images with buildah, and measures them."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from schakel_local.places import CHECKOUT

TARGETS = ("registry", "matching", "events", "gateway", "portal", "keycloak")
TOOLS = ("buildah", "runc", "skopeo")
LOCAL_BASE = "localhost/schakel-base"
OUT = CHECKOUT / "build" / "images"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_BUILD = (
    "buildah",
    "build",
    "--isolation",
    "chroot",
    "--network",
    "host",
    "--timestamp",
    "0",
    "--omit-history",
    "--quiet",
)
_FILES = ("-f", "deploy/images/Containerfile", "--ignorefile", ".containerignore")
_DOCS = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
_PACKAGES = "--include=python3,python3-venv,ca-certificates"


class ImagesError(Exception):
    """An image cannot be built; the text says what to do."""


@dataclass(frozen=True)
class Built:
    """An image: its name, the digest of its manifest, its compressed size and the time until ``--help`` has ended."""

    name: str
    digest: str
    compressed_mb: float
    help_seconds: float


def images(targets: Sequence[str], base: str, version: str, *, twice: bool) -> int:
    """Build images, write their SBOM and report; return the exit code."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise ImagesError(f"install {', '.join(missing)} first (Debian: apt install {' '.join(missing)})")
    OUT.mkdir(parents=True, exist_ok=True)
    base = base or local_base()
    report = []
    for target in targets or TARGETS:
        more = ("--no-cache",) if twice else ()
        built = build(target, base, version, *more)
        if twice and (again := build(target, base, version, *more)).digest != built.digest:
            raise ImagesError(f"two builds of {target} differ: {built.digest} and {again.digest}")
        write_sbom(target)
        report.append(built)
        print(  # noqa: T201 - a command speaks to its user
            f"{built.name:34} {built.compressed_mb:7.1f} MB compressed, --help in {built.help_seconds:.2f} s, "
            f"{built.digest}{' (twice)' if twice else ''}",
            flush=True,
        )
    (OUT / "report.json").write_text(json.dumps([asdict(each) for each in report], indent=2), encoding="utf-8")
    return 0


def local_base() -> str:
    """Return a base of Debian's own Python, made here when it is not there yet; production names an image."""
    if LOCAL_BASE in _run("buildah", "images", "--format", "{{.Name}}").split("\n"):
        return LOCAL_BASE
    if shutil.which("mmdebstrap") is None:
        raise ImagesError("name a base with --base, or install mmdebstrap (Debian) to have one made here")
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/root.tar"
        _run("mmdebstrap", "--quiet", "--variant=minbase", _PACKAGES, *_DOCS, "bookworm", root)
        container = _run("buildah", "from", "scratch")
        _run("buildah", "add", "--quiet", container, root, "/")
        _run("buildah", "commit", "--quiet", "--rm", "--timestamp", "0", container, LOCAL_BASE)
    return LOCAL_BASE


def build(target: str, base: str, version: str, *more: str) -> Built:
    """Build one image and measure it as a registry would hold it."""
    name = f"localhost/schakel/{target}:{version}"
    certificate = ("--build-arg", f"PIP_CERT={CERTIFICATES}") if CERTIFICATES.exists() else ()
    mounted = ("--volume", f"{CERTIFICATES.parent}:{CERTIFICATES.parent}:ro") if certificate else ()
    arguments = ("--build-arg", f"BASE={base}", "--build-arg", f"VERSION={version}", *certificate, *mounted)
    _run(*_BUILD, "--layers", *more, *arguments, "--target", target, *_FILES, "-t", name, ".")
    layout = OUT / target
    shutil.rmtree(layout, ignore_errors=True)
    _run("skopeo", "copy", "--quiet", f"containers-storage:{name}", f"oci:{layout}:{version}")
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    digest = index["manifests"][0]["digest"]
    manifest = json.loads((layout / "blobs" / digest.replace(":", "/")).read_text(encoding="utf-8"))
    size = sum(layer["size"] for layer in manifest["layers"])
    return Built(name, digest, round(size / 1e6, 1), round(help_seconds(name), 2))


def help_seconds(image: str) -> float:
    """Return how long the image's own program takes to import everything and say its help, as uid 10001."""
    container = _run("buildah", "from", "--pull-never", image)
    try:
        entry = json.loads(_run("buildah", "inspect", "--type", "image", image))["OCIv1"]["config"]["Entrypoint"]
        began = time.monotonic()
        _run("buildah", "run", "--isolation", "chroot", "--user", "10001:10001", container, "--", *entry, "--help")
        return time.monotonic() - began
    finally:
        _run("buildah", "rm", container)


def write_sbom(target: str) -> None:
    """Write a CycloneDX document of the packages that the image's part of the lock names."""
    chosen = _run("python3", "deploy/images/requirements.py", "requirements.lock", f"schakel-{target}")
    components = []
    for pin in chosen.split("\n"):
        if pin.startswith(" ") or "==" not in pin:
            continue
        name, version = pin.split(" ")[0].split("==")
        name = name.split("[")[0]
        purl = f"pkg:pypi/{name}@{version}"
        components.append({"type": "library", "name": name, "version": version, "bom-ref": purl, "purl": purl})
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": f"schakel-{target}"}},
        "components": components,
    }
    (OUT / f"{target}.cdx.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _run(*command: str) -> str:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - fixed programs
    if done.returncode:
        raise ImagesError(f"{command[0]} {command[1]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
