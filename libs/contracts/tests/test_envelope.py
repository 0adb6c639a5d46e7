import hashlib
import re
import types
import typing
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schakel_contracts.envelope import (
    VALUE_BYTES_MAX,
    Envelope,
    EnvelopeError,
    envelope_of,
    instant_of,
    value_of,
)
from schakel_contracts.topics import TOPICS, Topic

EVERY_TYPE = [(topic, happening) for topic in TOPICS.values() for happening in topic.happenings]
RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for all values that a field's type allows, also where it has a default."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in msgspec.structs.fields(kind)})
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is list:
        return st.lists(values_of(get_args(kind)[0]), max_size=2)
    if get_origin(kind) in {types.UnionType, typing.Union}:
        return st.one_of([values_of(each) for each in get_args(kind)])
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(st.characters(codec="utf-8"), max_size=12),
        int: st.integers(-(2**31), 2**31),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        UUID: st.uuids(version=4),
        type(None): st.none(),
    }
    return simple[kind]


def envelope(topic: Topic[Any], happening: str, value: bytes, subject: UUID, at: datetime) -> Envelope:
    return Envelope(
        id=uuid4(),
        source=f"urn:nld:oin:00000000000000000000:systeem:schakel-{topic.owner}",
        type=topic.type_of(happening),
        subject=subject,
        epoch=1,
        version=1,
        effective_at=at,
        recorded_at=at,
        dataschema=topic.dataschema,
        digest=hashlib.sha256(value).hexdigest(),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


@pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))
@settings(max_examples=25, deadline=None)
@given(data=st.data(), at=INSTANTS)
def test_every_state_and_envelope_reads_back_as_it_was_written(
    topic: Topic[Any], data: st.DataObject, at: datetime
) -> None:
    state = data.draw(values_of(topic.state))
    happening = data.draw(st.sampled_from(topic.happenings))
    value = value_of(state)
    written = envelope(topic, happening, value, state.id, at)

    assert envelope_of(written.headers(), value) == written
    assert msgspec.json.decode(value, type=topic.state) == state
    assert value_of(msgspec.json.decode(value, type=topic.state)) == value


@pytest.mark.parametrize(("topic", "happening"), EVERY_TYPE, ids=lambda each: getattr(each, "name", each))
def test_every_type_keeps_the_nl_gov_profile_of_cloudevents(topic: Topic[Any], happening: str) -> None:
    written = envelope(topic, happening, b"{}", uuid4(), datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    headers = {name: raw.decode() for name, raw in written.headers()}
    attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}

    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in attributes)
    assert all(attributes.values())
    assert attributes["specversion"] == "1.0"
    assert re.fullmatch(r"urn:nld:oin:\d{20}:systeem:[a-z-]+", attributes["source"])
    assert re.fullmatch(r"nl\.smartindustry\.[a-z]+s\.[a-z-]+\.v[1-9]", attributes["type"])
    assert len(re.findall(r"\bv\d+\b", attributes["type"])) == 1
    assert RFC_3339_UTC.fullmatch(attributes["time"])
    assert RFC_3339_UTC.fullmatch(attributes["effectiveat"])
    assert attributes["dataschema"] == f"https://schakel.smartindustry.nl/schemas/{topic.name}.schema.json"
    assert headers["content-type"] == "application/json"
    assert attributes["partitionkey"] == attributes["subject"]
    assert VALUE_BYTES_MAX == 65536


def right() -> tuple[list[tuple[str, bytes]], bytes]:
    value = b'{"a":1}'
    topic = TOPICS["registry-hubs-v1"]
    return envelope(topic, "registered", value, UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)).headers(), value


@pytest.mark.parametrize(
    "name", [name for name, _ in right()[0] if name not in {"traceparent", "content-type", "ce_partitionkey"}]
)
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers, value = right()

    with pytest.raises(EnvelopeError, match=f"header {name} is (missing|not)"):
        envelope_of([each for each in headers if each[0] != name], value)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("ce_specversion", b"0.3", "ce_specversion is not 1.0"),
        ("ce_digest", b"0" * 64, "ce_digest is not the SHA-256"),
        ("ce_id", b"seven", "does not parse"),
        ("ce_epoch", b"one", "does not parse"),
        ("ce_time", b"2026-01-01T00:00:00", "timezone component - at `\\$.ce_time`"),
        ("ce_source", b"\xff", "ce_source is not UTF-8"),
    ],
)
def test_a_header_that_is_wrong_is_refused(name: str, raw: bytes, message: str) -> None:
    headers, value = right()

    with pytest.raises(EnvelopeError, match=message):
        envelope_of([(each, raw if each == name else old) for each, old in headers], value)


def test_an_instant_keeps_its_moment_in_utc() -> None:
    assert instant_of("2026-03-29T03:30:00+02:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=20)), max_size=6))
def test_whatever_comes_is_an_envelope_or_an_envelope_error(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(EnvelopeError):
        envelope_of(headers, value)
