"""Scalars of our own: instants stay text from the database to the answer, so no row is parsed only to be printed."""

from datetime import UTC, datetime
from typing import Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Instant = NewType("Instant", str)
"""RFC 3339 text; read from a client it is normalised to UTC with ``Z``."""


def parse_instant(value: object) -> str:
    """Read an instant sent by a client: RFC 3339 with an offset; ValueError otherwise, which the client is shown."""
    if not isinstance(value, str):
        raise ValueError("an instant is text, such as 2026-11-24T10:00:00Z")  # noqa: TRY004 - as GraphQL wants it
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not an instant such as 2026-11-24T10:00:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} has no offset; write 2026-11-24T10:00:00Z")
    return str(instant_text(instant))


def instant_text(instant: datetime | None) -> str | None:
    """Write an aware instant in UTC as text with ``Z``."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description="An instant in RFC 3339, such as 2026-11-24T10:00:00Z.",
        serialize=str,
        parse_value=parse_instant,
    ),
}
