"""Renders the chart as Helm does, without a cluster."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

HERE = Path(__file__).parent
CHART = HERE.parent / "schakel"
EXAMPLES = HERE.parent / "examples"
OLDEST, NEWEST = "v1.31.0", "v1.37.0"
EVERY_API = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1", "keda.sh/v1alpha1")
SERVICES = ("registry", "matching", "events", "gateway", "portal")

Manifest = dict[str, Any]

LEAST: Manifest = {
    "publicUrl": "https://schakel.example.nl",
    "issuer": "https://sso.example.nl/realms/schakel",
    "kafka": {"bootstrap": "schakel-kafka-bootstrap:9093"},
}
"""What nobody can leave out."""


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> Manifest:
    """Return values with others laid over them, as Helm does with several files."""
    result = deepcopy(dict(base))
    for key, value in more.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else deepcopy(value)
    return result


def render_texts(
    values: Mapping[str, Any], *, kube: str = NEWEST, apis: Sequence[str] = EVERY_API, chart: Path = CHART
) -> dict[str, str]:
    """Return the text of each template."""
    options = {"name": "schakel", "namespace": "schakel", "api_versions": list(apis), "kube_version": kube}
    return _rendered(chart, json.dumps(values), json.dumps(options))


@cache
def _rendered(chart: Path, values: str, options: str) -> dict[str, str]:
    with helm_python.Chart.load(str(chart)) as loaded:
        texts = json.loads(_native.call_string("helm_render", loaded._raw(), values, options))
    return {name: text for name, text in sorted(texts.items()) if not name.endswith("NOTES.txt")}


def render(values: Mapping[str, Any] = LEAST, **options: Any) -> list[Manifest]:
    """Return every object of a release."""
    texts = render_texts(values, **options)
    return [each for text in texts.values() for each in yaml.load_all(text, yaml.CSafeLoader) if each]


def of_kind(objects: Sequence[Manifest], *kinds: str) -> dict[str, Manifest]:
    """Return the objects of some kinds by name."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] in kinds}


def pods(objects: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Give each pod's spec with the name of what makes it."""
    for each in objects:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]
        elif each["kind"] in {"Deployment", "Job"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        elif each["kind"] == "CronJob":
            yield each["metadata"]["name"], each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers(pod: Manifest) -> list[Manifest]:
    """Return all containers of a pod, those that start first included."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def examples() -> dict[str, Manifest]:
    """Return the values of each example by name."""
    return {
        path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(EXAMPLES.glob("*/values.yaml"))
    }


def branches() -> dict[str, Manifest]:
    """Return by name a set of values for each branch of the templates, laid over what nobody can leave out."""
    return {
        path.stem: merged(LEAST, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted((HERE / "values").glob("*.yaml"))
    }


ALL: dict[str, Manifest] = {"least": LEAST, **examples(), **branches()}
"""Every set of values that is looked at."""
