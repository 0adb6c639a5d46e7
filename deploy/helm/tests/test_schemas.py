"""Every object, of the cluster or of an operator, fits its schema; a key that nobody knows is an error."""

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import strict
import yaml
from charting import ALL, EXAMPLES, HERE, NEWEST, OLDEST, Manifest, render
from jsonschema import Draft202012Validator

NOT_KEPT = ("kafka.strimzi.io/v1/", "postgresql.cnpg.io/v1/")
"""Kinds whose definitions are too large to keep here; schemas/README.md."""
KEPT = {path.stem.replace("_", "/"): path for path in (HERE / "schemas").glob("*.json")}


@cache
def from_elsewhere() -> dict[str, Manifest]:
    folder = Path(os.environ["SCHAKEL_STANDARDS"]) / "crd"
    return {
        name: schema
        for path in sorted(folder.glob("*.yaml"))
        for name, schema in strict.definitions(path.read_text(encoding="utf-8"))
    }


def kind_of(each: Manifest) -> str:
    return f"{each['apiVersion']}/{each['kind']}"


def schema_of(kind: str) -> Manifest:
    if kind in KEPT:
        found: Manifest = json.loads(KEPT[kind].read_text(encoding="utf-8"))
        return found
    if kind.startswith(NOT_KEPT) and not os.environ.get("SCHAKEL_STANDARDS"):
        pytest.skip(f"set SCHAKEL_STANDARDS to a folder whose crd/ defines {kind}")
    return from_elsewhere()[kind]


def wrong(each: Manifest) -> list[str]:
    """Return where and how an object differs from its schema."""
    errors = Draft202012Validator(schema_of(kind_of(each))).iter_errors(each)
    return sorted(f"{error.json_path}: {error.message}" for error in errors)


def of_the_cluster(each: Manifest) -> bool:
    return "." not in each["apiVersion"].split("/")[0] or each["apiVersion"].split("/")[0].endswith(CORE)


READ = cache(kubernetes_validate.utils.schema_contents)
CORE = ("networking.k8s.io", "rbac.authorization.k8s.io")


def platform() -> dict[str, Manifest]:
    """Return the first object of each kind in the examples for operators, by kind."""
    found: dict[str, Manifest] = {}
    for each in plain_files():
        found.setdefault(kind_of(each), each)
    return found


def plain_files() -> Iterator[Manifest]:
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        if path.name != "values.yaml":
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
def test_every_object_fits_the_schema_of_its_cluster_or_operator(name: str, kube: str) -> None:
    objects = render(ALL[name], kube=kube)
    for each in objects:
        if kind_of(each) in KEPT:
            assert wrong(each) == [], each["metadata"]["name"]
        else:  # a kind that the cluster does not know would be a warning only
            assert of_the_cluster(each), f"no schema for {kind_of(each)}"
            fits(json.dumps(each), kube.removeprefix("v"))
    assert len(objects) > 20


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator reads its files anew for each object, which takes half of its time."""
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", READ)


@cache
def fits(text: str, kube: str) -> None:
    """Judge an object by the cluster's own schemas, once: most sets of values share most objects."""
    kubernetes_validate.validate(json.loads(text), kube, strict=True)


def test_a_key_that_the_cluster_does_not_know_is_an_error() -> None:
    (service, *_) = [each for each in render() if each["kind"] == "Service"]
    service["spec"]["portz"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):
        kubernetes_validate.validate(service, NEWEST.removeprefix("v"), strict=True)


@pytest.mark.parametrize("kind", platform())
def test_every_file_for_an_operator_fits_its_definition(kind: str) -> None:
    found = [wrong(each) for each in plain_files() if kind_of(each) == kind]
    assert found == [[]] * len(found)


@pytest.mark.parametrize("kind", platform())
def test_a_wrong_key_in_a_file_for_an_operator_is_an_error(kind: str) -> None:
    broken = deepcopy(platform()[kind])
    broken["spec"]["replicaz"] = 3
    (error,) = wrong(broken)
    assert error.startswith("$.spec: Additional properties are not allowed ('replicaz'")


@pytest.mark.parametrize(
    ("kind", "path", "value", "says"),
    [
        ("kafka.strimzi.io/v1/Kafka", ("kafka", "listeners", 0, "prot"), 9093, "'prot' was unexpected"),
        ("kafka.strimzi.io/v1/Kafka", ("kafka", "listeners", 0, "port"), "9093", "is not of type 'integer'"),
        ("kafka.strimzi.io/v1/KafkaNodePool", ("storage", "sise"), "1Gi", "'sise' was unexpected"),
        ("kafka.strimzi.io/v1/KafkaTopic", ("partitions",), 0, "less than the minimum"),
        ("kafka.strimzi.io/v1/KafkaUser", ("authorization", "acls", 0, "resource", "patternTyp"), "x", "unexpected"),
        ("postgresql.cnpg.io/v1/Cluster", ("storage", "sise"), "1Gi", "'sise' was unexpected"),
        ("postgresql.cnpg.io/v1/Cluster", ("managed", "roles", 0, "pasword"), "x", "'pasword' was unexpected"),
        ("postgresql.cnpg.io/v1/ScheduledBackup", ("method",), "rsync", "is not one of"),
        ("k8s.keycloak.org/v2alpha1/Keycloak", ("db", "pasword"), "x", "'pasword' was unexpected"),
    ],
)
def test_a_mistake_deep_in_a_file_is_found(kind: str, path: tuple[Any, ...], value: object, says: str) -> None:
    broken = deepcopy(platform()[kind])
    place: Any = broken["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (error,) = wrong(broken)
    assert says in error
