"""What several types need: pages, problems, and the mark of a private field."""

from typing import Any, Final

import strawberry

PRIVATE_NOTE: Final = "Private: read from its owner after the snapshot closed; null unless `privateState` is OK."
STATE_NOTE: Final = "Whether the private fields beside this one could be read, and if not, why."


def private() -> Any:  # noqa: ANN401 - the field takes the type of its annotation
    """Declare a field whose value stays with the service that owns it (who may read it is in `access.OWNED`)."""
    return strawberry.field(description=PRIVATE_NOTE)


def private_state() -> Any:  # noqa: ANN401 - the field takes the type of its annotation
    """Declare the field that says how reading the private fields went."""
    return strawberry.field(description=STATE_NOTE)


@strawberry.type
class PageInfo:
    """Where a page ends; pass ``endCursor`` as ``after`` for the next one."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class FieldError:
    """What is wrong with one field of an input."""

    field: str = strawberry.field(description="Path of the field in the input, such as `contact.email`.")
    message: str = strawberry.field(description="In plain English; translate by `code`.")
    code: str


@strawberry.type
class Problem:
    """An expected error (RFC 9457), from the one table of problem types that every service uses."""

    type: str = strawberry.field(description="URI of the problem type.")
    code: str = strawberry.field(description="The slug of the problem type, such as `already-asked`; stable for ever.")
    status: int
    title: str = strawberry.field(description="What is wrong and what to do, in English.")
    title_nl: str = strawberry.field(description="The same in Dutch.")
    detail: str | None
    errors: list[FieldError]
    retry_after_seconds: int | None
    trace_id: str | None = strawberry.field(description="Quote this when asking for help.")
