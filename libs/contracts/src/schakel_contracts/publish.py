"""What is published of the contract: JSON Schemas, examples and one AsyncAPI document, all made from the code."""

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from schakel_contracts.breaking import breaks
from schakel_contracts.envelope import CONTENT_TYPE, Envelope, value_of
from schakel_contracts.heartbeats import Heartbeat
from schakel_contracts.samples import EFFECTIVE_AT, RECORDED_AT, event_id_of, sample_of
from schakel_contracts.topics import PARTITIONS, TOPICS, Topic, heartbeat_topic

PUBLISHED: Final = Path(__file__).parents[2] / "published"
JSON_SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
HEARTBEAT_SCHEMA: Final = "heartbeats-v1.schema.json"

_HEADERS: Final[dict[str, dict[str, str]]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"type": "string", "format": "uuid", "description": "Unique; a repeat of the same fact keeps it."},
    "ce_source": {"type": "string", "format": "uri", "description": "URN of the organisation and system that owns it."},
    "ce_type": {"type": "string", "description": "What happened, with its major version."},
    "ce_subject": {"type": "string", "format": "uuid", "description": "The aggregate; also the record's key."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When the owner's database recorded it."},
    "ce_dataschema": {"type": "string", "format": "uri", "description": "The JSON Schema of the value."},
    "ce_partitionkey": {"type": "string", "format": "uuid", "description": "The same as ce_subject."},
    "ce_epoch": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "Rises with a restatement."},
    "ce_version": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "1, 2, 3 ... per aggregate."},
    "ce_effectiveat": {"type": "string", "format": "date-time", "description": "When it was so in the world."},
    "ce_digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the value."},
    "content-type": {"const": CONTENT_TYPE},
    "traceparent": {"type": "string", "description": "W3C trace context, where there is one."},
}


class BreakingChangeError(Exception):
    """The code's contract would break a reader of the published one; the argument lists how."""


def schema_of(topic: Topic[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a topic's state, with the event types that carry it."""
    return {
        "$schema": JSON_SCHEMA,
        "$id": topic.dataschema,
        "x-event-types": list(topic.types),
        **_components(topic.state),
    }


def example_of(topic: Topic[Any], happening: str) -> dict[str, Any]:
    """Return an event as it lies in Kafka: key, headers and value."""
    state = sample_of(topic, happening)
    value = value_of(state)
    subject = msgspec.to_builtins(state)["id"]
    envelope = Envelope(
        id=event_id_of(topic, happening),
        source=f"urn:nld:oin:00000000000000000000:systeem:schakel-{topic.owner}",
        type=topic.type_of(happening),
        subject=msgspec.convert(subject, type(event_id_of(topic, happening))),
        epoch=1,
        version=1 + topic.happenings.index(happening),
        effective_at=EFFECTIVE_AT,
        recorded_at=RECORDED_AT,
        dataschema=topic.dataschema,
        digest=hashlib.sha256(value).hexdigest(),
    )
    headers = {name: raw.decode() for name, raw in envelope.headers()}
    return {"key": subject, "headers": headers, "value": msgspec.json.decode(value)}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all topics."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for topic in TOPICS.values():
        channels[topic.name] = _channel(
            topic.name, PARTITIONS, list(topic.types), f"Every version of every {topic.kind}."
        )
        operations[f"send-{topic.name}"] = _operation(topic.name, topic.owner)
        for happening in topic.happenings:
            messages[topic.type_of(happening)] = {
                "name": topic.type_of(happening),
                "summary": f"A {topic.kind}: {happening.replace('-', ' ')}.",
                "contentType": CONTENT_TYPE,
                "headers": {"$ref": "#/components/schemas/envelope"},
                "payload": {"$ref": f"./schemas/{topic.name}.schema.json"},
                "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}}},
            }
    for owner in sorted({topic.owner for topic in TOPICS.values()}):
        name = heartbeat_topic(owner)
        channels[name] = _channel(name, 1, ["heartbeat"], f"Up to when the topics of {owner} are complete.")
        operations[f"send-{name}"] = _operation(name, owner)
    messages["heartbeat"] = {
        "name": "heartbeat",
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": f"./schemas/{HEARTBEAT_SCHEMA}"},
    }
    envelope = {
        "type": "object",
        "required": [name for name in _HEADERS if name != "traceparent"],
        "properties": _HEADERS,
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Schakel events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode, NL GOV profile. Events carry the whole state; "
            "apply one where (epoch, version) rises. Contracts only grow.",
            "license": {"name": "EUPL-1.2", "url": "https://eupl.eu/1.2/en/"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"envelope": envelope}},
    }


def export(root: Path = PUBLISHED) -> list[str]:
    """Write what is published; an example that exists is never written again, because it was released.

    Returns:
        The names of the files that changed.

    Raises:
        BreakingChangeError: a reader of what is published now would break; nothing is written.
    """
    if broken := breaking_changes(root):
        raise BreakingChangeError(broken)
    changed = []
    for name, content in _files().items():
        path = root / name
        if path.exists() and (name.startswith("examples/") or path.read_text() == content):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        changed.append(name)
    return changed


def check(root: Path = PUBLISHED) -> list[str]:
    """Return what is wrong with the published files: drift from the code, and changes that would break a reader."""
    wrong = []
    for name, content in _files().items():
        path = root / name
        if not path.exists():
            wrong.append(f"{name} is missing: run the export")
        elif not name.startswith("examples/") and path.read_text() != content:
            wrong.append(f"{name} differs from the code: run the export")
    return wrong + breaking_changes(root)


def breaking_changes(root: Path = PUBLISHED) -> list[str]:
    """Return how the code's contract breaks the published one, one line per break."""
    schemas = _schemas()
    found = []
    for path in sorted((root / "schemas").glob("*.schema.json")):
        if path.name not in schemas:
            found.append(f"{path.name}: the topic is gone")
            continue
        published = msgspec.json.decode(path.read_bytes())
        found += [f"{path.name}: {each}" for each in breaks(published, schemas[path.name])]
    return found


def _files() -> dict[str, str]:
    files = {f"schemas/{name}": _json(schema) for name, schema in _schemas().items()}
    for topic in TOPICS.values():
        for happening in topic.happenings:
            files[f"examples/{topic.name}/{happening}.json"] = _json(example_of(topic, happening))
    files["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return files


def _schemas() -> dict[str, dict[str, Any]]:
    heartbeat = {
        "$schema": JSON_SCHEMA,
        "$id": f"https://schakel.smartindustry.nl/schemas/{HEARTBEAT_SCHEMA}",
        **_components(Heartbeat),
    }
    return {f"{name}.schema.json": schema_of(topic) for name, topic in TOPICS.items()} | {HEARTBEAT_SCHEMA: heartbeat}


def _components(struct: type[msgspec.Struct]) -> dict[str, Any]:
    (reference,), definitions = msgspec.json.schema_components([struct])
    return {**reference, "$defs": definitions}


def _channel(address: str, partitions: int, messages: list[str], description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"partitions": partitions}},
    }


def _operation(name: str, owner: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "title": f"Sent by {owner}"}


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
