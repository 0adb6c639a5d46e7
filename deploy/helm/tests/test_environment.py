"""What the chart tells each process is what that process reads; and what it leaves out, it leaves out on purpose."""

import importlib
from functools import cache

import pytest
from charting import ALL, LEAST, SERVICES, containers, merged, pods, render
from pydantic_settings import BaseSettings

OF_OTHERS = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
}
"""Read by what the services stand on: HTTP clients, the driver of PostgreSQL, OpenSSL."""
LEFT_AT_THEIR_DEFAULT = {
    "data_dir",  # set by the image
    "event_source",  # an organisation's number; none is known yet
    "instance",  # for pods that keep their name; a Deployment's do not
    "kafka_certificate_file", "kafka_key_file",  # users prove themselves by SCRAM
    "service_clients", "client_id",  # named by the realm that the chart itself reconciles
    "trace_ratio", "not_yet_known_wait_seconds", "request_seconds_max",
    "encoder_threads", "vectors_file", "matching_model",
    "pool_size", "subscriptions_per_connection_max", "owner_seconds_max", "private_seconds_max",
    "anonymous_per_minute", "signed_in_per_minute", "anonymous_commands_per_minute",
    "gateway_seconds_max", "session_days",
}  # fmt: skip
"""Settings that the chart does not give; whoever adds a setting decides here or in the chart."""


def settings_of(service: str) -> set[str]:
    module = importlib.import_module(f"schakel_{service}.settings")
    cls: type[BaseSettings] = getattr(module, f"{service.title()}Settings")
    return set(cls.model_fields)


@cache
def told(service: str) -> set[str]:
    """Return what any set of values tells a service's containers."""
    return {
        variable["name"]
        for values in ALL.values()
        for _, pod in pods(render(values))
        for container in containers(pod)
        if f"/{service}" in container["image"] and "command" not in container
        for variable in container["env"]
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_all_that_it_is_told(service: str) -> None:
    names = {name.removeprefix("SCHAKEL_").lower() for name in told(service) - OF_OTHERS}
    assert names - settings_of(service) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_all_that_it_reads_or_it_is_left_out_on_purpose(service: str) -> None:
    of_kafka = {"kafka_bootstrap", "kafka_tls", "kafka_ca_file", "kafka_username", "kafka_password", "kafka_mechanism",
                "topic_prefix"} if service == "portal" else set()  # fmt: skip
    names = {name.removeprefix("SCHAKEL_").lower() for name in told(service)}
    assert settings_of(service) - names - LEFT_AT_THEIR_DEFAULT == of_kafka
    assert LEFT_AT_THEIR_DEFAULT & names == set()


def test_databases_are_reached_by_tls_with_their_own_authority_or_the_sites() -> None:
    for name, where in (("production", "/etc/schakel/postgres/ca.crt"), ("air-gapped", "/etc/schakel/ca/ca.crt")):
        for owner, pod in pods(render(ALL[name])):
            for container in containers(pod):
                given = {each["name"]: each.get("value") for each in container.get("env", [])}
                if "SCHAKEL_DATABASE_URL" in given:
                    assert (given["PGSSLMODE"], given["PGSSLROOTCERT"]) == ("verify-full", where), owner
                    mounted = {each["mountPath"] for each in container["volumeMounts"]}
                    assert where.rpartition("/")[0] in mounted, owner


def test_without_a_check_no_authority_is_named() -> None:
    values = merged(LEAST, {"postgres": {"sslMode": "require"}})
    for _, pod in pods(render(values)):
        for container in containers(pod):
            given = {each["name"]: each.get("value") for each in container.get("env", [])}
            assert given.get("PGSSLMODE") == ("require" if "SCHAKEL_DATABASE_URL" in given else None)
            assert "PGSSLROOTCERT" not in given
