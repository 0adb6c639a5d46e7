"""What went wrong, said so that the reader can act on it: RFC 9457 problem details over the table of the contracts.

This module knows no HTTP framework: use cases raise a `Problem`, the edge writes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from schakel_contracts.problems import PROBLEMS, ProblemType

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

Language = Literal["nl", "en"]


class FieldError(msgspec.Struct, frozen=True):
    """One field that is not right.

    Attributes:
        field: the field as the API names it, with dots between levels (``contact.name``); empty for the whole body.
        message: what to do, in plain English; it never repeats the value.
        code: a stable, kebab-case name of the rule; pages translate by it.
    """

    field: str
    message: str
    code: str


class Problem(Exception):  # noqa: N818 - it is the document's own name (RFC 9457), not only an error
    """A use case cannot do what was asked; nothing has changed.

    Args:
        slug: which of the problem types of `schakel_contracts.problems`; KeyError when there is none.
        detail: what is special about this time, in plain English and free of personal data.
        errors: the fields that are not right.
        retry_after_seconds: when trying again makes sense.
        extra: further members of the document.
    """

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.type: ProblemType = PROBLEMS[slug]
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds
        self.extra = dict(extra or {})
        super().__init__(f"{slug}: {detail}" if detail else slug)

    @property
    def slug(self) -> str:
        """The last part of the type's URI."""
        return self.type.slug

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.type.status

    def document(self, *, language: Language = "en", trace_id: str | None = None) -> dict[str, Any]:
        """Return the problem document (RFC 9457) with the extension members ``errors`` and ``traceId``."""
        title = self.type.title_nl if language == "nl" else self.type.title_en
        document: dict[str, Any] = {
            **self.extra,
            "type": self.type.uri,
            "title": title,
            "status": self.type.status,
            "detail": self.detail or title,
        }
        if self.errors:
            document["errors"] = [msgspec.to_builtins(error) for error in self.errors]
        if trace_id:
            document["traceId"] = trace_id
        return document


def problem_of(status: int, document: Mapping[str, Any]) -> Problem:
    """Read the problem that another of our services answered with.

    Args:
        status: the HTTP status of the reply.
        document: the parsed body, or an empty mapping when it was none.

    Returns:
        The same problem; ``unavailable`` for a type that this version does not know.
    """
    slug = str(document.get("type", "")).rpartition("/")[2]
    if slug not in PROBLEMS:
        return Problem("unavailable", f"the service answered with status {status}", retry_after_seconds=2)
    try:
        errors = msgspec.convert(document.get("errors", []), list[FieldError])
    except msgspec.ValidationError:
        errors = []
    known = {"type", "title", "status", "detail", "errors", "traceId"}
    return Problem(
        slug,
        str(document.get("detail", "")),
        errors=errors,
        extra={name: value for name, value in document.items() if name not in known},
    )


def language_of(accept_language: str) -> Language:
    """Choose Dutch when the reader asks for it before English, else English (RFC 9110, 12.5.4, without weights)."""
    for part in accept_language.lower().split(","):
        tag = part.partition(";")[0].strip().partition("-")[0]
        if tag == "nl":
            return "nl"
        if tag == "en":
            return "en"
    return "en"
