"""Turns definitions of custom resources into strict JSON Schemas.

``python deploy/helm/strict.py CRD.yaml ...`` writes one schema per kind beside the tests. Strict: a key that a
definition does not name is an error, which a cluster would drop in silence. Descriptions and the reported status are
left out; rules in CEL are a cluster's to judge.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).parent / "tests" / "schemas"
SAID_ELSEWHERE = ("description", "default", "example", "format", "title")


def strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema of Kubernetes as one of JSON Schema that allows no unknown key."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    own = {
        key: {name: strict(each) for name, each in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
        if not key.startswith("x-kubernetes") and key not in SAID_ELSEWHERE
    }
    if schema.get("x-kubernetes-int-or-string"):
        own.pop("type", None)
        own["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if own.pop("nullable", False) and isinstance(own.get("type"), str):
        own["type"] = [own["type"], "null"]
    if "properties" in own and not schema.get("x-kubernetes-preserve-unknown-fields"):
        own.setdefault("additionalProperties", False)
    return own


def definitions(crds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give for each served version of each kind its name (``kafka.strimzi.io/v1/Kafka``) and its strict schema."""
    plain = "\n".join(line for line in crds.splitlines() if "{{" not in line)
    for crd in yaml.load_all(plain, Loader=yaml.CSafeLoader):
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        spec = crd["spec"]
        for version in spec["versions"]:
            if version["served"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"].pop("status", None)
                schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
                yield f"{spec['group']}/{version['name']}/{spec['names']['kind']}", schema


if __name__ == "__main__":
    for path in sys.argv[1:]:
        for name, schema in definitions(Path(path).read_text(encoding="utf-8")):
            target = SCHEMAS / f"{name.replace('/', '_')}.json"
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
