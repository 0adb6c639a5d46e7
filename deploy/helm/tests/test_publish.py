"""The chart as it is published: an archive with an SBOM, the same after a registry has had it."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import helm_python
import httpx
import publish
import pytest
import yaml
from charting import LEAST, render
from service_kafka import eventually

from schakel_local import probe
from schakel_local.ports import any_free


@pytest.fixture(scope="module")
async def oci(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A registry on the loopback address, as Debian packages it."""
    if shutil.which("docker-registry") is None:
        if os.environ.get("CI"):
            pytest.fail("docker-registry is missing: apt install docker-registry")
        pytest.skip("install docker-registry (Debian) to push the chart to a registry")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{any_free()}"
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        serve = ("docker-registry", "serve", str(folder / "config.yml"))
        running = await asyncio.create_subprocess_exec(*serve, stdout=log, stderr=log)
    try:
        await eventually(lambda: probe.answers(f"http://{address}/v2/"))
        yield address
    finally:
        running.terminate()
        await running.wait()


def test_the_chart_that_is_pulled_is_the_one_that_was_pushed(oci: str, tmp_path: Path) -> None:
    archive = publish.package(tmp_path)
    digest = publish.push(archive, f"oci://{oci}/charts", plain_http=True)
    pulled = tmp_path / "pulled"
    pulled.mkdir()
    with helm_python.RegistryClient(plain_http=True) as client:
        assert client.tags(f"oci://{oci}/charts/schakel") == ["1.0.0"]
        client.pull(f"oci://{oci}/charts/schakel", version="1.0.0", destination=str(pulled))
        assert client.resolve(f"oci://{oci}/charts/schakel:1.0.0")["digest"] == digest

    (again,) = pulled.glob("*.tgz")
    assert sha256(again.read_bytes()).digest() == sha256(archive.read_bytes()).digest()
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    manifest = httpx.get(f"http://{oci}/v2/charts/schakel/manifests/{digest}", headers=accept)
    assert f"sha256:{sha256(manifest.content).hexdigest()}" == digest
    layers = [layer["digest"] for layer in manifest.json()["layers"]]
    assert f"sha256:{sha256(archive.read_bytes()).hexdigest()}" in layers
    assert render(LEAST, chart=again) == render(LEAST)


def test_a_registry_that_is_not_there_is_named(tmp_path: Path) -> None:
    address = f"127.0.0.1:{any_free()}"
    with pytest.raises(helm_python.HelmError, match=address):
        publish.push(publish.package(tmp_path), f"oci://{address}/charts", plain_http=True)


def test_the_sbom_beside_the_archive_names_each_image_that_the_chart_runs(tmp_path: Path) -> None:
    archive = publish.package(tmp_path)
    document = json.loads((tmp_path / "schakel-1.0.0.cdx.json").read_text(encoding="utf-8"))
    assert archive.name == "schakel-1.0.0.tgz"
    named = {f"ghcr.io/{each['name']}:{each['version']}" for each in document["components"]}
    text = json.dumps(render(LEAST))
    assert named == {each.split('"')[0] for each in text.split('"image": "')[1:]}
    assert document["metadata"]["component"] == {"type": "application", "name": "schakel", "version": "1.0.0"}
