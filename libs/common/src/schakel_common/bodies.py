"""Bodies of requests and replies: camelCase outside, snake_case inside, one clear error per field that is not right."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from schakel_common.problems import FieldError

_FORBIDDEN_CHARACTERS: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, overrides of the writing direction, and half characters: no text for people needs them, a
database refuses some of them, and a terminal obeys others."""

_RULES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "missing": ("required", "Fill in this field."),
        "extra_forbidden": ("unknown-field", "This field is not known here; leave it out."),
        "json_invalid": ("not-json", "The body is not valid JSON."),
        "model_attributes_type": ("not-an-object", "Send a JSON object."),
        "model_type": ("not-an-object", "Send a JSON object."),
        "dict_type": ("not-an-object", "Send a JSON object."),
        "list_type": ("not-a-list", "Send a list."),
        "string_type": ("not-a-text", "Send a text."),
        "string_too_short": ("too-short", "Use at least {min_length} characters."),
        "string_too_long": ("too-long", "Use at most {max_length} characters."),
        "string_pattern_mismatch": ("wrong-format", "This does not have the right form."),
        "too_short": ("too-few", "Give at least {min_length}."),
        "too_long": ("too-many", "Give at most {max_length}."),
        "int_type": ("not-a-whole-number", "Send a whole number."),
        "int_parsing": ("not-a-whole-number", "Send a whole number."),
        "int_parsing_size": ("too-large", "This number is too large."),
        "int_from_float": ("not-a-whole-number", "Send a whole number."),
        "float_type": ("not-a-number", "Send a number."),
        "float_parsing": ("not-a-number", "Send a number."),
        "finite_number": ("not-a-number", "Send a finite number."),
        "bool_type": ("not-true-or-false", "Send true or false."),
        "bool_parsing": ("not-true-or-false", "Send true or false."),
        "greater_than": ("too-small", "This must be more than {gt}."),
        "greater_than_equal": ("too-small", "This must be at least {ge}."),
        "less_than": ("too-large", "This must be less than {lt}."),
        "less_than_equal": ("too-large", "This must be at most {le}."),
        "literal_error": ("not-one-of", "Choose one of {expected}."),
        "enum": ("not-one-of", "Choose one of {expected}."),
        "uuid_type": ("not-an-id", "Send an id (UUID)."),
        "uuid_parsing": ("not-an-id", "Send an id (UUID)."),
        "date_type": ("not-a-date", "Send a date: YYYY-MM-DD."),
        "date_parsing": ("not-a-date", "Send a date: YYYY-MM-DD."),
        "date_from_datetime_parsing": ("not-a-date", "Send a date: YYYY-MM-DD."),
        "date_from_datetime_inexact": ("not-a-date", "Send a date without a time: YYYY-MM-DD."),
        "datetime_type": ("not-a-moment", "Send a date and time with an offset (RFC 3339)."),
        "datetime_parsing": ("not-a-moment", "Send a date and time with an offset (RFC 3339)."),
        "datetime_from_date_parsing": ("not-a-moment", "Send a date and time with an offset (RFC 3339)."),
        "timezone_aware": ("without-offset", "Send the moment with its offset, such as Z or +01:00."),
        "url_parsing": ("not-an-address", "Send a web address."),
        "url_scheme": ("not-an-address", "Send a web address that begins with https."),
    }
)
_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})


class ApiModel(BaseModel):
    """The base of every body: names in camelCase, no unknown fields, no space around texts, no control characters."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        str_strip_whitespace=True,
        from_attributes=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _text_is_text(cls, value: object) -> object:
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and _FORBIDDEN_CHARACTERS.search(text):
                raise broken_rule("forbidden-character", "Leave out control characters.")
        return value


def broken_rule(code: str, message: str) -> PydanticCustomError:
    """Return the error that a validator of an `ApiModel` raises.

    Args:
        code: a stable, kebab-case name of the rule; the pages translate by it.
        message: what to do, in plain English, without the value.
    """
    return PydanticCustomError("broken_rule", "{message}", {"code": code, "message": message})


def field_errors_of(errors: Sequence[Mapping[str, Any]]) -> tuple[FieldError, ...]:
    """Turn pydantic's errors into ours: the first per field, by the field's name in the API, without any value."""
    found: dict[str, FieldError] = {}
    for error in errors:
        name = _field(error["loc"], error["type"])
        code, message = _rule(error)
        found.setdefault(name, FieldError(field=name, message=message, code=code))
    return tuple(found.values())


def _field(loc: Sequence[str | int], error_type: str) -> str:
    parts = loc[1:] if loc and loc[0] in _PLACES else loc
    return "" if error_type == "json_invalid" else ".".join(str(part) for part in parts)


def _rule(error: Mapping[str, Any]) -> tuple[str, str]:
    context = error.get("ctx", {})
    if error["type"] == "broken_rule":
        return str(context["code"]), str(context["message"])
    code, message = _RULES.get(error["type"], ("not-right", "This is not right."))
    return code, message.format_map(context)
