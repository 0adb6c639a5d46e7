"""The services write camelCase, the view and the types have the states' own snake_case."""

import re
from functools import cache
from typing import Any, Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


@cache
def snake(name: str) -> str:
    """Return a camelCase name in snake_case."""
    return _HUMP.sub(lambda hump: f"_{hump[1].lower()}", name)


@cache
def camel(name: str) -> str:
    """Return a snake_case name in camelCase, as the schema and the services write it."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def snake_keys(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON with the keys of its objects in snake_case."""
    if isinstance(value, dict):
        return {snake(key): snake_keys(below) for key, below in value.items()}
    if isinstance(value, list):
        return [snake_keys(below) for below in value]
    return value


def pick(source: Any, name: str) -> object:  # noqa: ANN401 - what a statement or a reply made
    """Take a field of a type from its object: the default resolver of the schema. What is not there is null."""
    return source.get(name)
