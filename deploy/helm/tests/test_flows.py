"""The flows that the policies allow are those of the architecture, and no others."""

from typing import Any

from charting import LEAST, SERVICES, Manifest, examples, merged, of_kind, render

OWNERS = ("registry", "matching", "events")
OUTSIDE = {5432: "postgres", 9092: "kafka", 9093: "kafka", 443: "keycloak", 8080: "keycloak", 4318: "otlp", 53: "dns",
           3128: "proxy"}  # fmt: skip


def component_of(selector: dict[str, Any]) -> str:
    labels: dict[str, str] = selector["matchLabels"]
    return labels.get("app.kubernetes.io/component", "*")


def policies(values: Manifest) -> dict[str, Manifest]:
    return {
        component_of(each["spec"]["podSelector"]): each["spec"]
        for each in of_kind(render(values), "NetworkPolicy").values()
    }


def ours(peer: Manifest) -> bool:
    return "app.kubernetes.io/component" in peer.get("podSelector", {}).get("matchLabels", {})


def outgoing(values: Manifest) -> dict[str, set[str]]:
    flows: dict[str, set[str]] = {}
    for component, spec in policies(values).items():
        for rule in spec.get("egress", []):
            inside = [component_of(peer["podSelector"]) for peer in rule.get("to", []) if ours(peer)]
            to = inside or [OUTSIDE[port["port"]] for port in rule["ports"]]
            flows.setdefault(component, set()).update(to)
    return {component: to - {"dns"} for component, to in flows.items()}


def incoming(values: Manifest) -> dict[str, set[str]]:
    return {
        component: {
            component_of(peer["podSelector"]) if ours(peer) else "outside"
            for rule in spec["ingress"]
            for peer in rule["from"]
        }
        for component, spec in policies(values).items()
        if spec.get("ingress")
    }


def documented() -> dict[str, set[str]]:
    """ARCHITECTURE.md: commands go down over HTTP, facts come up through Kafka, to each service its own database."""
    api = {"postgres", "keycloak"}
    return {
        "portal": {*api, "gateway"},
        "gateway": {*api, *OWNERS},
        "gateway-projector": {"postgres", "kafka"},
        **dict.fromkeys(OWNERS, api),
        **{f"{owner}-worker": {"postgres", "kafka"} for owner in OWNERS},
        **{f"migrate-{service}": {"postgres"} for service in SERVICES},
        **{f"load-{service}": {"postgres"} for service in ("registry", "events")},
        **{f"doctor-{service}": {"postgres", "keycloak", "kafka"} - ({"kafka"} if service == "portal" else set())
           for service in SERVICES},
        "verify": {*api, "kafka", *OWNERS},
        "realm": {"keycloak"},
        "smoke": {"gateway", "portal"},
    }  # fmt: skip


def test_nothing_goes_out_but_what_is_documented() -> None:
    assert outgoing(LEAST) == documented()


def test_nothing_comes_in_but_what_is_documented() -> None:
    owners = {owner: {"gateway", "verify"} for owner in OWNERS}
    expected = {**owners, "gateway": {"portal", "smoke"}, "portal": {"smoke"}}
    assert incoming(LEAST) == expected
    opened = incoming(examples()["production"])
    assert opened == expected | {"gateway": {"portal", "smoke", "outside"}, "portal": {"smoke", "outside"}}


def test_everything_else_is_denied() -> None:
    deny = policies(LEAST)["*"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny


def test_every_pod_has_a_policy_and_every_policy_a_pod() -> None:
    for values in (LEAST, *examples().values()):
        objects = render(values)
        there = {
            each["metadata"]["labels"]["app.kubernetes.io/component"]
            for each in objects
            if each["kind"] in {"Deployment", "Job", "CronJob", "Pod"}
        }
        assert there | {"*"} == set(policies(values))


def test_both_ends_of_a_call_agree() -> None:
    out, into = outgoing(LEAST), incoming(LEAST)
    calls = {(a, b) for a, to in out.items() for b in to if b in into}
    assert calls == {(a, b) for b, come in into.items() for a in come}


def test_telemetry_opens_the_collector_for_services_only() -> None:
    out = outgoing(merged(LEAST, {"otlpEndpoint": "http://collector:4318"}))
    assert "otlp" in out["portal"] & out["registry-worker"]
    assert "otlp" not in out["realm"] | out["smoke"]


def test_without_a_scheduled_proof_nobody_but_the_gateway_reaches_the_owners() -> None:
    for verify in ({"schedule": ""}, {"existingSecret": ""}):
        values = merged(LEAST, {"gateway": {"verify": verify}})
        assert "verify" not in outgoing(values)
        assert [incoming(values)[owner] for owner in OWNERS] == [{"gateway"}] * 3


def test_the_proof_tells_its_differences_to_the_collector() -> None:
    values = merged(LEAST, {"otlpEndpoint": "http://collector:4318", "egressProxy": {"url": "http://proxy:3128"}})
    assert outgoing(values)["verify"] == {"postgres", "keycloak", "kafka", "otlp", "proxy", *OWNERS}


def test_deleting_accounts_opens_keycloak_for_the_worker_of_the_registry_only() -> None:
    out = outgoing(merged(LEAST, {"registry": {"accounts": {"existingSecret": "schakel-realm-with"}}}))
    assert out["registry-worker"] == {"postgres", "kafka", "keycloak"}
    assert out["matching-worker"] == {"postgres", "kafka"}


def test_production_names_every_peer() -> None:
    for component, spec in policies(examples()["production"]).items():
        for rule in spec.get("egress", []):
            assert rule.get("to"), component
