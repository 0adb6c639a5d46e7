"""What the objects of a release promise: security, probes, stopping, scaling, upgrades, the cluster's own schemas."""

import json

import pytest
import yaml
from charting import (
    ALL,
    CHART,
    EVERY_API,
    EXAMPLES,
    LEAST,
    SERVICES,
    Manifest,
    containers,
    merged,
    of_kind,
    pods,
    render,
)


@pytest.mark.parametrize("name", ALL)
def test_every_pod_is_restricted(name: str) -> None:
    lax = []
    for owner, pod in pods(render(ALL[name])):
        own = pod["securityContext"]
        fine = [
            own["runAsNonRoot"] and own["runAsUser"] == 10001 and own["seccompProfile"]["type"] == "RuntimeDefault",
            pod["automountServiceAccountToken"] is False,
            not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
            all(set(volume) & {"emptyDir", "configMap", "secret"} for volume in pod["volumes"]),
        ]
        for container in containers(pod):
            context = container["securityContext"]
            fine += [
                context["readOnlyRootFilesystem"],
                context["allowPrivilegeEscalation"] is False,
                context["capabilities"] == {"drop": ["ALL"]},
                "memory" in container["resources"]["limits"],
                not any("hostPort" in port for port in container.get("ports", [])),
            ]
        if not all(fine):
            lax.append(owner)
    assert lax == []


@pytest.mark.parametrize("name", ALL)
def test_no_secret_is_made_and_none_is_written_out(name: str) -> None:
    objects = render(ALL[name])
    assert of_kind(objects, "Secret") == {}
    for _, pod in pods(objects):
        for container in containers(pod):
            for variable in container.get("env", []):
                told = variable["name"].removesuffix("_FILE")
                if told.endswith(("PASSWORD", "SECRET", "_KEY", "DATABASE_URL")):
                    assert "secretKeyRef" in variable["valueFrom"], variable["name"]


def test_probes_ask_different_questions_and_never_a_neighbour() -> None:
    for deployment in of_kind(render(), "Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
        assert asked["liveness"] == {"path": "/livez", "port": "http"}
        assert asked["readiness"] == {"path": "/readyz", "port": "http"}
        assert asked["startup"] == asked["liveness"]


def test_every_pod_waits_for_its_own_schema_before_it_serves() -> None:
    for deployment in of_kind(render(), "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert "initContainers" not in pod, "a second start of the same program, when all programs start"
        container = pod["containers"][0]
        assert container["args"][-2:] == ["--wait-for-schema", "600"]
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 600 + 120, "time to wait and to start"


def test_stopping_has_time_to_drain() -> None:
    for deployment in of_kind(render(), "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        told = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        answers_on = int(told["SCHAKEL_DRAIN_SECONDS"])
        assert answers_on == 5
        assert pod["terminationGracePeriodSeconds"] >= answers_on + 2 * 20, "requests and batches: 20 seconds each"


def test_one_at_a_time_projects() -> None:
    spec = of_kind(render(), "Deployment")["schakel-gateway-projector"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_budgets_and_spread_where_there_is_more_than_one() -> None:
    objects = render()
    many = {name for name, each in of_kind(objects, "Deployment").items() if each["spec"].get("replicas", 2) > 1}
    assert set(of_kind(objects, "PodDisruptionBudget")) == many == {f"schakel-{service}" for service in SERVICES}
    for budget in of_kind(objects, "PodDisruptionBudget").values():
        assert budget["spec"]["maxUnavailable"] == 1
    for deployment in of_kind(objects, "Deployment").values():
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert of_kind(render(ALL["small"]), "PodDisruptionBudget") == {}


def test_with_an_autoscaler_no_replicas_are_written() -> None:
    objects = render(ALL["production"])
    assert set(of_kind(objects, "HorizontalPodAutoscaler")) == {"schakel-gateway", "schakel-portal"}
    deployments = of_kind(objects, "Deployment")
    assert "replicas" not in deployments["schakel-portal"]["spec"]
    assert deployments["schakel-registry"]["spec"]["replicas"] == 2


def test_only_consumers_grow_with_what_waits_for_them() -> None:
    objects = render(ALL["lag"])
    scaled = of_kind(objects, "ScaledObject")
    assert set(scaled) == {"schakel-registry-worker", "schakel-matching-worker", "schakel-events-worker"}
    bounds = {name: (each["spec"]["minReplicaCount"], each["spec"]["maxReplicaCount"]) for name, each in scaled.items()}
    assert bounds["schakel-registry-worker"] == (2, 4)
    assert bounds["schakel-matching-worker"] == (1, 12)
    deployments = of_kind(objects, "Deployment")
    for name, each in scaled.items():
        assert "replicas" not in deployments[name]["spec"]
        names = {trigger.get("authenticationRef", {}).get("name") for trigger in each["spec"]["triggers"]}
        assert names == {name}
    proof = of_kind(objects, "TriggerAuthentication")
    assert "env" not in proof["schakel-events-worker"]["spec"], "who has no name proves none"
    for variable in proof["schakel-matching-worker"]["spec"]["env"]:
        (container,) = deployments["schakel-matching-worker"]["spec"]["template"]["spec"]["containers"]
        assert variable["containerName"] == container["name"]
        assert variable["name"] in {each["name"] for each in container["env"]}
    assert "schakel-registry-worker" in of_kind(objects, "PodDisruptionBudget")
    assert deployments["schakel-gateway-projector"]["spec"]["replicas"] == 1


def test_roles_are_split_or_together() -> None:
    def roles(values: Manifest) -> dict[str, str]:
        return {
            name.removeprefix("schakel-"): each["spec"]["template"]["spec"]["containers"][0]["args"][2]
            for name, each in of_kind(render(values), "Deployment").items()
        }

    assert roles(LEAST) == {
        "registry": "api", "registry-worker": "consumers,relay",
        "matching": "api", "matching-worker": "consumers,relay",
        "events": "api", "events-worker": "consumers,relay",
        "gateway": "api", "gateway-projector": "consumers", "portal": "api",
    }  # fmt: skip
    assert roles(ALL["small"]) == {
        "registry": "api,consumers,relay", "matching": "api,consumers,relay", "events": "api,consumers,relay",
        "gateway": "api,consumers", "portal": "api",
    }  # fmt: skip


def test_a_service_addresses_exactly_the_pods_that_answer() -> None:
    objects = render()
    for name, service in of_kind(objects, "Service").items():
        selected = [
            deployment
            for deployment, each in of_kind(objects, "Deployment").items()
            if service["spec"]["selector"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert selected == [name]


def test_a_new_image_brings_a_migration_of_its_own_and_an_equal_render_none() -> None:
    def jobs(values: Manifest) -> set[str]:
        return {name for name in of_kind(render(values), "Job") if "migrate" in name}

    assert jobs(LEAST) == jobs(LEAST)
    assert len(jobs(LEAST)) == 5
    assert jobs(LEAST) & jobs(merged(LEAST, {"image": {"tag": "1.1.0"}})) == set()


def test_hooks_wait_for_nothing_that_the_chart_makes() -> None:
    for mode in ("job", "hook"):
        for job in of_kind(render(merged(LEAST, {"migrations": {"mode": mode}})), "Job").values():
            if "annotations" in job["metadata"]:
                assert "serviceAccountName" not in job["spec"]["template"]["spec"]
                assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_a_change_of_what_a_pod_is_told_restarts_it() -> None:
    def told(values: Manifest) -> dict[str, str]:
        found = of_kind(render(values), "Deployment").items()
        return {
            name: each["spec"]["template"]["metadata"]["annotations"]["checksum/environment"] for name, each in found
        }

    before, after = told(LEAST), told(merged(LEAST, {"portal": {"securityContact": "mailto:a@example.nl"}}))
    assert {name for name in before if before[name] != after[name]} == {"schakel-portal"}
    ours = {f"schakel-{name}" for name in ("dashboard",)}
    for values in ALL.values():
        for _, pod in pods(render(values)):
            read = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
            assert not any(name.startswith(tuple(ours)) for name in read), "a pod that reads one needs its checksum"


def test_nothing_stays_when_the_release_goes() -> None:
    for values in ALL.values():
        for each in render(values):
            notes = each["metadata"].get("annotations", {})
            assert "helm.sh/resource-policy" not in notes
            assert each["metadata"].get("namespace", "schakel") == "schakel"
            if "helm.sh/hook" in notes and each["kind"] == "Job":
                assert "hook-succeeded" in notes["helm.sh/hook-delete-policy"]
                assert each["spec"]["ttlSecondsAfterFinished"] <= 86_400, "one that failed goes by itself"


def test_one_way_in_at_a_time() -> None:
    assert len(of_kind(render(ALL["production"]), "HTTPRoute")) == 1
    assert of_kind(render(ALL["production"]), "Ingress") == {}
    (ingress,) = of_kind(render(ALL["gitops"]), "Ingress").values()
    paths = {each["path"]: each["backend"]["service"]["name"] for each in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {"/graphql": "schakel-gateway", "/": "schakel-portal"}


def test_a_port_of_the_nodes_is_opened_where_it_is_asked_for_and_nowhere_else() -> None:
    asked = {"portal": {"service": {"type": "NodePort", "nodePort": 30080}}}
    peers = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    objects = render(merged(LEAST, merged(asked, {"networkPolicy": {"ingressFrom": peers}})))
    services = {name: each["spec"] for name, each in of_kind(objects, "Service").items()}
    assert {name for name, each in services.items() if each["type"] != "ClusterIP"} == {"schakel-portal"}
    assert services["schakel-portal"]["ports"][0]["nodePort"] == 30080
    opened = {
        name
        for name, each in of_kind(objects, "NetworkPolicy").items()
        if any(peers[0] in rule["from"] for rule in each["spec"].get("ingress", []))
    }
    assert opened == {"schakel-portal"}


def test_verify_knows_who_it_is_in_pods_of_the_gateway_only() -> None:
    def knows(values: Manifest) -> set[str]:
        return {
            name
            for name, each in of_kind(render(values), "Deployment").items()
            for variable in each["spec"]["template"]["spec"]["containers"][0]["env"]
            if variable["name"] == "SCHAKEL_VERIFY_CLIENT_SECRET"
        }

    assert knows(LEAST) == {"schakel-gateway", "schakel-gateway-projector"}
    assert knows(merged(LEAST, {"gateway": {"verify": {"existingSecret": ""}}})) == set()


def test_the_proof_is_a_job_of_the_gateway_once_a_day_and_never_twice_at_a_time() -> None:
    objects = render()
    (cron,) = of_kind(objects, "CronJob").values()
    assert cron["spec"]["schedule"] == "17 3 * * *"
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    job = cron["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "each try keeps its log"
    assert job["backoffLimit"] == 2
    assert job["activeDeadlineSeconds"] <= 3_600
    (container,) = pod["containers"]
    projector = of_kind(objects, "Deployment")["schakel-gateway-projector"]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["verify"]
    assert (container["image"], container["env"]) == (projector["image"], projector["env"])
    assert "SCHAKEL_VERIFY_CLIENT_SECRET" in {each["name"] for each in container["env"]}
    for verify in ({"schedule": ""}, {"existingSecret": ""}):
        assert of_kind(render(merged(LEAST, {"gateway": {"verify": verify}})), "CronJob") == {}


def test_monitoring_is_left_out_where_the_cluster_does_not_know_it() -> None:
    with_it = render(ALL["production"])
    assert len(of_kind(with_it, "ServiceMonitor")) == 1
    dashboards = [path.name for path in (CHART / "files" / "dashboards").glob("*.json")]
    assert len(of_kind(with_it, "ConfigMap")) == len(dashboards)
    for board in of_kind(with_it, "ConfigMap").values():
        ((name, text),) = board["data"].items()
        assert json.loads(text) == json.loads((CHART / "files" / "dashboards" / name).read_text(encoding="utf-8"))
    rules = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (CHART / "files" / "alerts").glob("*.yaml")]
    (rendered,) = of_kind(with_it, "PrometheusRule").values()
    assert rendered["spec"]["groups"] == [group for each in rules for group in each["groups"]]
    without = render(ALL["production"], apis=[EVERY_API[1]])
    assert of_kind(without, "ServiceMonitor", "PrometheusRule") == {}


def test_a_private_authority_and_a_proxy_reach_every_pod() -> None:
    for name, pod in pods(render(ALL["air-gapped"])):
        if name.endswith("-smoke"):
            continue
        for container in containers(pod):
            told = {each["name"]: each.get("value") for each in container["env"]}
            assert told["SSL_CERT_FILE"] == told["REQUESTS_CA_BUNDLE"] == "/etc/schakel/ca/ca.crt"
            assert told["HTTPS_PROXY"] == "http://proxy.intern.example.nl:3128"
            assert "schakel-gateway" in told["NO_PROXY"].split(",")
            assert {"name": "private-ca", "mountPath": "/etc/schakel/ca", "readOnly": True} in container["volumeMounts"]


def test_helm_test_is_the_smoke_suite() -> None:
    (pod,) = of_kind(render(), "Pod").values()
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["command"] == ["python3", "-m", "schakel_portal.smoke"]


def test_the_chart_says_which_clusters_and_how_to_upgrade() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    major = chart["version"].split(".")[0]
    assert chart["kubeVersion"] == ">=1.31.0-0"
    assert f"## To {major}.0.0" in (CHART / "UPGRADING.md").read_text(encoding="utf-8")
    assert not chart.get("dependencies"), "no remote sub-charts"


def test_platform_files_speak_only_versions_that_are_served() -> None:
    versions: dict[str, set[str]] = {}
    for path in (EXAMPLES / "platform").glob("*.yaml"):
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            versions.setdefault(each["apiVersion"], set()).add(each["kind"])
    assert versions == {
        "kafka.strimzi.io/v1": {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"},
        "postgresql.cnpg.io/v1": {"Cluster", "Database", "ScheduledBackup"},
        "barmancloud.cnpg.io/v1": {"ObjectStore"},
        "k8s.keycloak.org/v2alpha1": {"Keycloak"},
    }
