"""What may be given, what is refused, and with which sentence."""

import json
from typing import Any

import helm_python
import pytest
import yaml
from charting import CHART, LEAST, OLDEST, SERVICES, examples, merged, render, render_texts


def refusal(values: dict[str, Any], **options: Any) -> str:
    with pytest.raises(helm_python.HelmError) as refused:
        render(values, **options)
    return str(refused.value)


def closed(schema: dict[str, Any], path: str = "") -> list[str]:
    open_ones = []
    if schema.get("type") == "object" and "properties" in schema and schema.get("additionalProperties") is not False:
        open_ones.append(path)
    for name, each in schema.get("properties", {}).items():
        open_ones += closed(each, f"{path}.{name}")
    return open_ones


def test_every_object_of_the_schema_is_closed_and_every_value_explained() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert closed(schema) == []
    lacking = [name for name, each in schema["properties"].items() if not each.get("description")]
    assert lacking == []


@pytest.mark.parametrize("path", ["replicaz", "image.tagg", "registry.api.replica", "networkPolicy.postgres.ports"])
def test_an_unknown_key_is_refused_by_its_name(path: str) -> None:
    *folders, name = path.split(".")
    values: dict[str, Any] = {name: 1}
    for folder in reversed(folders):
        values = {folder: values}
    assert name in refusal(merged(LEAST, values))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"publicUrl": ""}, "publicUrl is empty: set it to the address that browsers see"),
        ({"issuer": ""}, "issuer is empty: set it to the realm's address"),
        ({"kafka": {"bootstrap": ""}}, "kafka.bootstrap is empty: set it to the brokers' address"),
        ({"kafka": {"tls": False, "ca": {"existingSecret": "ca"}}}, "kafka.ca is for TLS: set kafka.tls to true"),
        ({"postgres": {"sslMode": "verify-full"}}, "postgres.ca.existingSecret is empty: name the secret with the"),
        ({"postgres": {"ca": {"existingSecret": "ca"}}}, "set postgres.sslMode to verify-full"),
        ({"ingress": {"enabled": True}, "httpRoute": {"enabled": True}}, "both enabled: enable one of them"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is empty: name the Gateway"),
        ({"ingress": {"enabled": True}}, "networkPolicy.ingressFrom is empty: say where requests come from"),
        (
            {"portal": {"service": {"type": "NodePort"}}},
            "networkPolicy.ingressFrom is empty: say where requests come from",
        ),
        ({"gateway": {"service": {"nodePort": 30081}}}, "set type to NodePort, or nodePort to 0"),
        ({"registry": {"worker": {"replicas": 13}}}, "a topic has 12 partitions: set it to 12 or less"),
        (
            {"portal": {"api": {"replicas": 3, "autoscaling": {"enabled": True}}}},
            "so set replicas equal to autoscaling.min or switch autoscaling off",
        ),
        (
            {"gateway": {"api": {"replicas": 9, "autoscaling": {"enabled": True, "min": 9}}}},
            "autoscaling.min is above max: set max to 9 or more",
        ),
        ({"events": {"worker": {"lag": {"enabled": True, "max": 13}}}}, "12 partitions: set it to 12 or less"),
        ({"events": {"worker": {"replicas": 5, "lag": {"enabled": True, "min": 5}}}}, "set max to 5 or more"),
        ({"events": {"worker": {"replicas": 3, "lag": {"enabled": True}}}}, "so set replicas equal to lag.min"),
        ({"rolesTogether": True, "events": {"worker": {"lag": {"enabled": True}}}}, "lag needs rolesTogether: false"),
        (
            {"rolesTogether": True, "gateway": {"api": {"autoscaling": {"enabled": True}}}},
            "gateway.api.autoscaling needs rolesTogether: false",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(values: dict[str, Any], says: str) -> None:
    assert says in refusal(merged(LEAST, values))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"registry": {"database": {"existingSecret": ""}}},
            "create secret generic schakel-registry-database --from-literal=uri='postgresql://USER:PASSWORD@HOST:5432/DATABASE'",
        ),
        (
            {"portal": {"secrets": {"existingSecret": ""}}},
            "create secret generic schakel-portal --from-literal=client-secret=VALUE --from-literal=session-key=VALUE",
        ),
        (
            {"events": {"kafkaUser": {"existingSecret": ""}}},
            "kubectl -n schakel create secret generic schakel-events --from-literal=password=PASSWORD",
        ),
        (
            {"realm": {"with": ["accounts"]}},
            "create secret generic schakel-realm-with --from-literal=SCHAKEL_ACCOUNTS_CLIENT_SECRET=VALUE",
        ),
        (
            {"realm": {"existingSecret": ""}},
            "kubectl -n schakel create secret generic schakel-realm --from-literal=admin-password=VALUE",
        ),
    ],
)
def test_a_secret_that_is_not_named_is_refused_with_the_line_that_makes_it(values: dict[str, Any], line: str) -> None:
    assert f"kubectl -n schakel {line.removeprefix('kubectl -n schakel ')}" in refusal(merged(LEAST, values))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"logLevel": "LOUD"}, "logLevel"),
        ({"publicUrl": "schakel.example.nl"}, "publicUrl"),
        ({"registry": {"image": {"digest": "latest"}}}, "digest"),
        ({"gateway": {"projector": {"replicas": 2}}}, "replicas"),
        ({"gateway": {"verify": {"schedule": "every night"}}}, "schedule"),
        ({"registry": {"api": {"autoscaling": {"enabled": True}}}}, "enabled"),
        ({"stopSeconds": 10}, "stopSeconds"),
        ({"postgres": {"sslMode": "maybe"}}, "sslMode"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], says: str) -> None:
    assert says in refusal(merged(LEAST, values))


def test_an_old_cluster_is_refused_and_the_oldest_supported_is_not() -> None:
    assert "1.30.0" in refusal(LEAST, kube="v1.30.0")
    assert render(LEAST, kube=OLDEST)


def test_a_cluster_without_keda_is_told_to_have_it_first() -> None:
    values = merged(LEAST, {"events": {"worker": {"lag": {"enabled": True}}}})
    assert "the cluster has no keda.sh/v1alpha1: install KEDA first" in refusal(values, apis=[])


def test_lint_finds_nothing() -> None:
    report = helm_python.lint(str(CHART), LEAST, strict=True, kube_version=OLDEST)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("name", ["air-gapped", "gitops", "production", "small"])
def test_each_example_renders(name: str) -> None:
    assert len(render(examples()[name])) > 20


def test_a_digest_wins_over_the_tag() -> None:
    digest = "sha256:" + "a" * 64
    values = merged(LEAST, {"image": {"tag": "2.0.0"}, "portal": {"image": {"digest": digest}}})
    text = "".join(render_texts(values).values())
    assert f"ghcr.io/smart-industry/schakel/portal@{digest}" in text
    assert "schakel/portal:" not in text
    assert "ghcr.io/smart-industry/schakel/gateway:2.0.0" in text


def test_air_gapped_takes_nothing_from_elsewhere() -> None:
    text = "".join(render_texts(examples()["air-gapped"]).values())
    images = {line.split("image: ")[1] for line in text.splitlines() if "image: " in line}
    assert all(each.startswith("registry.intern.example.nl/mirror/schakel/") and "@sha256:" in each for each in images)
    assert {each.split("/")[-1].split("@")[0] for each in images} == {*SERVICES, "keycloak"}


def test_the_readme_of_defaults_is_yaml_that_the_schema_allows() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert len((CHART / "values.yaml").read_text(encoding="utf-8").splitlines()) < 800
    assert merged(defaults, LEAST)["registry"]["worker"]["replicas"] == 1
