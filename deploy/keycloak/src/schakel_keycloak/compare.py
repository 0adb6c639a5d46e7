"""What differs between a wanted and a present representation, where only what is wanted counts."""

from collections.abc import Iterator
from typing import Any, Final

_SECRET: Final = frozenset({"secret"})


def differences(wanted: Any, present: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield a line for each wanted value that is not there; what is not wanted is not looked at.

    Lists of plain values are compared without their order: Keycloak keeps them as sets. A secret is never shown.
    """
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            inner = present.get(name) if isinstance(present, dict) else None
            yield from differences(value, inner, f"{path}.{name}" if path else name)
    elif _plain(wanted) != _plain(present):
        if path.rpartition(".")[2] in _SECRET:
            yield f"{path} is another one"
        else:
            yield f"{path}: {present!r} becomes {wanted!r}"


def merged(wanted: Any, present: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the present representation with all that is wanted in it."""
    if isinstance(wanted, dict) and isinstance(present, dict):
        return {**present, **{name: merged(value, present.get(name)) for name, value in wanted.items()}}
    return wanted


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if value == []:
        return None  # Keycloak leaves empty lists out
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return value
