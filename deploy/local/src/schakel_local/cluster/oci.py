"""Container images without a builder: one static program in one layer, and the name that pods ask for."""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def write_image(layout: Path, program: Path, *, user: str = "10001:10001", architecture: str) -> None:
    """Write an OCI layout of an image of one static program; the same program gives the same digest."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as layer:
        entry = tarfile.TarInfo(program.name)
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as file:
            layer.addfile(entry, file)
    compressed = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"User": user, "Entrypoint": [f"/{program.name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(layout, _CONFIG, json.dumps(config).encode()),
        "layers": [_blob(layout, _LAYER, compressed)],
    }
    index = {"schemaVersion": 2, "manifests": [_blob(layout, _MANIFEST, json.dumps(manifest).encode())]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps(index))


def add_files(source: Path, layout: Path, files: Mapping[str, bytes]) -> None:
    """Write an OCI layout of the image in `source` with one more layer, that holds files (path to content)."""
    (entry,) = json.loads((source / "index.json").read_text())["manifests"]
    manifest: dict[str, Any] = json.loads((source / "blobs" / entry["digest"].replace(":", "/")).read_text())
    config: dict[str, Any] = json.loads((source / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_text())
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as layer:
        for path, content in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), 0o644
            layer.addfile(member, io.BytesIO(content))
    shutil.copytree(source / "blobs", layout / "blobs", copy_function=os.link)
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}")
    manifest["layers"].append(_blob(layout, _LAYER, gzip.compress(plain.getvalue(), mtime=0)))
    manifest["config"] = _blob(layout, _CONFIG, json.dumps(config).encode())
    index = {"schemaVersion": 2, "manifests": [_blob(layout, _MANIFEST, json.dumps(manifest).encode())]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps(index))


def pack_as(layout: Path, name: str, archive: Path) -> str:
    """Pack the one image of an OCI layout as an archive under a full name, and return the digest of its manifest.

    Raises:
        ValueError: the layout holds no image, or several.
    """
    index: dict[str, Any] = json.loads((layout / "index.json").read_text())
    if len(index["manifests"]) != 1:
        raise ValueError(f"{layout} holds {len(index['manifests'])} images; one was expected")
    entry = index["manifests"][0]
    entry["annotations"] = {"io.containerd.image.name": name}
    text = json.dumps(index).encode()
    with tarfile.open(archive, "w") as packed:
        for path in ("oci-layout", "blobs"):
            packed.add(layout / path, path)
        member = tarfile.TarInfo("index.json")
        member.size = len(text)
        packed.addfile(member, io.BytesIO(text))
    digest: str = entry["digest"]
    return digest


def _blob(layout: Path, media_type: str, content: bytes) -> Mapping[str, str | int]:
    digest = hashlib.sha256(content).hexdigest()
    path = layout / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
