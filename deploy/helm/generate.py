"""Writes what is derived: the chart's README from its schema, and Strimzi's topics and users from the contracts.

``python deploy/helm/generate.py`` writes; the tests compare.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from schakel_contracts.topics import PARTITIONS, TOPICS, Service, dead_letter_topic, heartbeat_topic, topics_of

HERE = Path(__file__).parent
CHART = HERE / "schakel"
PLATFORM = HERE / "examples" / "platform"
SERVICES: tuple[Service, ...] = get_args(Service)
LISTENS: Mapping[str, tuple[str, ...]] = {
    "registry": ("matching-referrals-v1",),
    "matching": ("registry-fieldlabs-v1", "registry-companies-v1", "registry-hubs-v1"),
    "events": ("registry-companies-v1", "registry-fieldlabs-v1"),
}
"""Whose events each service hears; a test compares it with the services' subscriptions."""

API = "kafka.strimzi.io/v1"
LABELS = {"strimzi.io/cluster": "schakel"}
KEEP = {"retention.ms": -1, "retention.bytes": -1, "cleanup.policy": "delete", "min.insync.replicas": 2}
KEEP_A_DAY = {"retention.ms": 86_400_000, "cleanup.policy": "delete", "min.insync.replicas": 2}


def topics() -> Iterator[dict[str, Any]]:
    """Give a KafkaTopic for each topic, heartbeat topic and dead-letter topic."""
    for name in TOPICS:
        yield _topic(name, PARTITIONS, KEEP)
    for service in SERVICES:
        yield _topic(heartbeat_topic(service), 1, KEEP_A_DAY)
        for heard in LISTENS[service]:
            yield _topic(dead_letter_topic(heard, service), PARTITIONS, KEEP)


def users() -> Iterator[dict[str, Any]]:
    """Give a KafkaUser for each service that speaks to Kafka, with the rights it needs and no others."""
    for service in SERVICES:
        own = [*(topic.name for topic in topics_of(service)), heartbeat_topic(service)]
        dead = [dead_letter_topic(heard, service) for heard in LISTENS[service]]
        rights = [_right(name, "Write", "Describe", "DescribeConfigs") for name in [*own, *dead]]
        heard = sorted({*LISTENS[service], *own[:-1], *dead})
        rights += [_right(name, "Read", "Describe", "DescribeConfigs") for name in heard]
        rights.append(_group(f"{service}.", "prefix"))
        yield _user(service, rights)
    every = [*TOPICS, *(heartbeat_topic(service) for service in SERVICES)]
    yield _user("gateway", [_right(name, "Read", "Describe", "DescribeConfigs") for name in every])


def readme() -> str:
    """Return the chart's README: the head by hand, the table from the schema and the defaults."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| `{name}` | {what} | {kind} | `{json.dumps(default)}` |"
        for name, kind, what, default in _rows(schema, defaults, "")
    ]
    head = (HERE / "README.head.md").read_text(encoding="utf-8")
    return "\n".join([head, "| value | what it is | type | default |", "|---|---|---|---|", *rows]) + "\n"


def documents(objects: Iterator[dict[str, Any]]) -> str:
    """Return objects as one YAML file."""
    note = "# Made by deploy/helm/generate.py from libs/contracts; do not edit.\n"
    return note + yaml.safe_dump_all(list(objects), sort_keys=False, width=120)


FILES = {
    PLATFORM / "kafka-topics.yaml": lambda: documents(topics()),
    PLATFORM / "kafka-users.yaml": lambda: documents(users()),
    CHART / "README.md": readme,
}


def _topic(name: str, partitions: int, config: dict[str, Any]) -> dict[str, Any]:
    spec = {"partitions": partitions, "replicas": 3, "config": config}
    return {"apiVersion": API, "kind": "KafkaTopic", "metadata": {"name": name, "labels": dict(LABELS)}, "spec": spec}


def _right(name: str, *operations: str) -> dict[str, Any]:
    return {"resource": {"type": "topic", "name": name, "patternType": "literal"}, "operations": list(operations)}


def _group(name: str, pattern: str) -> dict[str, Any]:
    return {"resource": {"type": "group", "name": name, "patternType": pattern}, "operations": ["Read", "Describe"]}


def _user(service: str, rights: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": rights}}
    metadata = {"name": f"schakel-{service}", "labels": dict(LABELS)}
    return {"apiVersion": API, "kind": "KafkaUser", "metadata": metadata, "spec": spec}


def _rows(schema: Mapping[str, Any], defaults: Any, path: str) -> Iterator[tuple[str, str, str, Any]]:  # noqa: ANN401 - JSON
    for name, each in schema["properties"].items():
        if name == "global":
            continue
        value = defaults.get(name) if isinstance(defaults, dict) else None
        if each.get("properties") and name != "resources":
            yield from _rows(each, value, f"{path}{name}.")
        else:
            kind = " or ".join(map(str, each["enum"])) if "enum" in each else each.get("type", type(value).__name__)
            yield f"{path}{name}", kind, each.get("description", ""), value


if __name__ == "__main__":
    for file, make in FILES.items():
        file.write_text(make(), encoding="utf-8")
