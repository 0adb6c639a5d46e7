"""The pieces of the cluster that need no root: images, the recipe of its programs, what is said where it cannot run."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from schakel_local.cluster import binaries, oci, requirements
from schakel_local.cluster.site import Site, reserved


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Something that looks like a program."""
    path = tmp_path / "hello"
    path.write_bytes(b"\x7fELF hello")
    return path


def test_the_same_program_gives_the_same_image_and_another_a_different_one(tmp_path: Path, program: Path) -> None:
    names = ("one", "two", "other")
    for name in names:
        if name == "other":
            program.write_bytes(b"\x7fELF other")
        oci.write_image(tmp_path / name, program, architecture="amd64")
    one, two, other = (oci.pack_as(tmp_path / name, "localhost/hello:1", tmp_path / f"{name}.tar") for name in names)
    assert one == two
    assert one != other


def test_an_image_runs_its_program_as_an_ordinary_user_and_carries_its_full_name(tmp_path: Path, program: Path) -> None:
    oci.write_image(tmp_path / "layout", program, architecture="arm64")
    digest = oci.pack_as(tmp_path / "layout", "localhost/hello:1", tmp_path / "hello.tar")
    with tarfile.open(tmp_path / "hello.tar") as archive:
        archive.extract("index.json", tmp_path, filter="data")
    index = json.loads((tmp_path / "index.json").read_text())
    assert index["manifests"][0]["digest"] == digest
    assert index["manifests"][0]["annotations"] == {"io.containerd.image.name": "localhost/hello:1"}
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    manifest = json.loads((blobs / digest.removeprefix("sha256:")).read_text())
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["architecture"] == "arm64"
    assert config["config"] == {"User": "10001:10001", "Entrypoint": ["/hello"]}


def test_a_folder_that_does_not_hold_one_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"manifests": []}))
    with pytest.raises(ValueError, match="holds 0 images; one was expected"):
        oci.pack_as(tmp_path, "localhost/hello:1", tmp_path / "hello.tar")


def test_the_folder_of_the_programs_follows_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = binaries.folder(tmp_path)
    assert before.name.startswith("kubernetes-v1.36.3-")
    assert binaries.folder(tmp_path) == before
    pinned = tmp_path / "modules"
    for file in binaries.MODULES.rglob("*.*"):
        copy = pinned / file.relative_to(binaries.MODULES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(binaries, "MODULES", pinned)
    assert binaries.folder(tmp_path) == before
    (pinned / "helm" / "go.sum").write_text("")
    assert binaries.folder(tmp_path) != before


@pytest.mark.parametrize(
    ("module", "version"),
    [("kubernetes", "v1.36.3"), ("etcd", "v3.6.5"), ("helm", "v4.3.1")],
)
def test_each_version_is_what_its_module_pins(module: str, version: str) -> None:
    assert binaries.version_of(module) == version


def test_programs_that_are_there_need_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Go 1.26.0 or newer is not installed" in binaries.why_not()
    binaries.folder().mkdir()
    for name in binaries.PROGRAMS:
        (binaries.folder() / name).touch()
    assert binaries.why_not() == ""
    said: list[str] = []
    assert binaries.obtain(said.append) == binaries.folder()
    assert said == []


def test_an_old_go_is_named_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_CACHE", str(tmp_path / "cache"))
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert binaries.why_not() == (
        "Go 1.26.0 or newer is needed to build the programs of the cluster, and this is Go 1.19.8"
    )


def test_a_program_that_does_not_build_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    source = tmp_path / "broken"
    source.mkdir()
    (source / "go.mod").write_text("module broken\n\ngo 1.26.0\n")
    (source / "main.go").write_text("package main\n\nfunc main() { nothing() }\n")
    with pytest.raises(binaries.BinariesError, match=r"program could not be built: [\s\S]*undefined: nothing"):
        binaries.build_own(source, tmp_path / "program")
    assert not (tmp_path / "program").exists()


def test_what_is_missing_is_said_with_debians_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "PLUGINS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    packages = (
        *("conntrack", "containerd", "containernetworking-plugins", "iproute2"),
        *("iptables", "mount", "runc", "util-linux"),
    )
    assert requirements.why_not() == f"install {', '.join(packages)} (Debian: apt install {' '.join(packages)})"


def test_without_root_there_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert requirements.why_not() == "it needs root, to give the node a network and mounts of its own"


def test_two_clusters_hold_different_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_CACHE", str(tmp_path))
    with reserved(tmp_path, tmp_path) as one, reserved(tmp_path, tmp_path) as two:
        assert (one.number, two.number) == (210, 211)
        assert one.host_address == "10.210.0.1"
        assert two.node_address == "10.211.0.2"
    with reserved(tmp_path, tmp_path) as again:
        assert again == Site(tmp_path, tmp_path, 210)
