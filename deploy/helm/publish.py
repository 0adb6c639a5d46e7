"""Packages the chart with its SBOM, and pushes it: ``publish.py FOLDER [oci://HOST/PATH]``.

The SBOM names the images that the chart runs, as its defaults have them; each image has one of its own, made by
``./schakel images``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parent / "schakel"
IMAGES = ("registry", "matching", "events", "gateway", "portal", "keycloak")


def package(folder: Path) -> Path:
    """Write the chart's archive and, beside it, its SBOM; return the archive's path."""
    archive = Path(helm_python.package(str(CHART), destination=str(folder)))
    archive.with_suffix(".cdx.json").write_text(json.dumps(sbom(), indent=2) + "\n", encoding="utf-8")
    return archive


def sbom() -> dict[str, Any]:
    """Return a CycloneDX document of the chart and the images that it runs."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    image = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["image"]
    tag = image["tag"] or chart["appVersion"]
    own = {"type": "application", "name": chart["name"], "version": chart["version"]}
    components = [
        {
            "type": "container",
            "name": f"{image['repository']}/{name}",
            "version": tag,
            "purl": f"pkg:oci/{name}?repository_url={image['registry']}/{image['repository']}/{name}&tag={tag}",
        }
        for name in IMAGES
    ]
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    return {**head, "metadata": {"component": own}, "components": components}


def push(archive: Path, remote: str, *, plain_http: bool = False) -> str:
    """Push an archive and return the digest that the registry then has for it.

    Raises:
        helm_python.HelmRegistryError: the registry cannot be reached, or refuses.
    """
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"]
    with helm_python.RegistryClient(plain_http=plain_http) as client:
        client.push(str(archive), remote)
        return str(client.resolve(f"{remote}/schakel:{version}")["digest"])


if __name__ == "__main__":
    made = package(Path(sys.argv[1]))
    sys.stdout.write(f"{made}\n")
    if sys.argv[2:]:
        sys.stdout.write(f"{push(made, sys.argv[2])}\n")
