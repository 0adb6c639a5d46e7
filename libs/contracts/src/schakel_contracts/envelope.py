"""The envelope of an event: CloudEvents 1.0 in Kafka's binary mode, as the NL GOV profile wants it.

The headers are the envelope and the record's value is the state, so the SHA-256 of the value stays the same when a
state is sent again in a later epoch.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

VALUE_BYTES_MAX: Final = 64 * 1024
"""The profile lets intermediaries refuse more than 64 KB."""

CONTENT_TYPE: Final = "application/json"


class EnvelopeError(ValueError):
    """The headers of a record are not those of an event of ours; the message names the first header that is wrong."""


class Reference(msgspec.Struct, frozen=True, order=True):
    """Which version of which aggregate: the unit of a consistency token.

    Attributes:
        kind: the aggregate's kind, such as ``company``.
        id: the aggregate's id.
        epoch: raised only after a restore or for a deliberate restatement.
        version: 1, 2, 3, ... without a gap within an epoch.
    """

    kind: str
    id: UUID
    epoch: int
    version: int


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_HEADER_OF_FIELD: Final = {
    "id": "ce_id",
    "source": "ce_source",
    "type": "ce_type",
    "subject": "ce_subject",
    "epoch": "ce_epoch",
    "version": "ce_version",
    "effective_at": "ce_effectiveat",
    "recorded_at": "ce_time",
    "dataschema": "ce_dataschema",
    "digest": "ce_digest",
}


class Envelope(msgspec.Struct, frozen=True, rename=_HEADER_OF_FIELD):
    """What is said about an event beside the state it carries.

    Attributes:
        id: unique per source; a repeat of the same fact keeps it.
        source: URN of the system that owns the fact; never a location.
        type: reverse-DNS name with its major version, such as ``nl.smartindustry.fieldlabs.recognised.v1``.
        subject: the aggregate's id, which is also the record's key.
        epoch: see `Reference`.
        version: see `Reference`.
        effective_at: when it was so in the world (UTC).
        recorded_at: when the owning database recorded it (UTC); CloudEvents ``time``; rises per aggregate.
        dataschema: URI of the JSON Schema of the state.
        digest: SHA-256 of the value, in hexadecimal.
        traceparent: W3C trace context, or None.
    """

    id: UUID
    source: str
    type: str
    subject: UUID
    epoch: int
    version: int
    effective_at: _Instant
    recorded_at: _Instant
    dataschema: str
    digest: str
    traceparent: str | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers of this envelope, in a fixed order."""
        pairs = [
            ("ce_specversion", "1.0"),
            ("ce_id", str(self.id)),
            ("ce_source", self.source),
            ("ce_type", self.type),
            ("ce_subject", str(self.subject)),
            ("ce_time", instant_text(self.recorded_at)),
            ("ce_dataschema", self.dataschema),
            ("ce_partitionkey", str(self.subject)),
            ("ce_epoch", str(self.epoch)),
            ("ce_version", str(self.version)),
            ("ce_effectiveat", instant_text(self.effective_at)),
            ("ce_digest", self.digest),
            ("content-type", CONTENT_TYPE),
        ]
        if self.traceparent is not None:
            pairs.append(("traceparent", self.traceparent))
        return [(name, value.encode()) for name, value in pairs]


def envelope_of(headers: Iterable[tuple[str, bytes]], value: bytes) -> Envelope:
    """Read the envelope of a record.

    Args:
        headers: the record's Kafka headers.
        value: the record's value; its SHA-256 must be the digest in the headers.

    Raises:
        EnvelopeError: a header is missing, is not UTF-8, does not parse, or the digest differs.
    """
    found = _texts(headers)
    if found.get("ce_specversion") != "1.0":
        raise EnvelopeError("header ce_specversion is not 1.0")
    if found.get("ce_digest") != hashlib.sha256(value).hexdigest():
        raise EnvelopeError("header ce_digest is not the SHA-256 of the value")
    try:
        numbers = {name: int(found[name]) for name in ("ce_epoch", "ce_version")}
        envelope = msgspec.convert({**found, **numbers}, Envelope)
    except KeyError as error:
        raise EnvelopeError(f"header {error.args[0]} is missing") from error
    except ValueError as error:  # msgspec's too: it names the header
        missing = next((name for name in _HEADER_OF_FIELD.values() if name not in found), None)
        raise EnvelopeError(
            f"header {missing} is missing" if missing else f"a header does not parse: {error}"
        ) from error
    if envelope.recorded_at.tzinfo is UTC and envelope.effective_at.tzinfo is UTC:
        return envelope
    return msgspec.structs.replace(
        envelope,
        effective_at=envelope.effective_at.astimezone(UTC),
        recorded_at=envelope.recorded_at.astimezone(UTC),
    )


def _texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in headers:
        try:
            found[name] = raw.decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError(f"header {name} is not UTF-8") from error
    return found


def instant_text(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with microseconds and ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """Read an RFC 3339 instant; one without an offset is refused with ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return instant.astimezone(UTC)


def value_of(state: msgspec.Struct) -> bytes:
    """Encode a state: deterministic JSON, so equal states have equal digests."""
    return msgspec.json.encode(state, order="deterministic")
