"""Whether a change of a schema would break somebody who reads by the old one, or an event that was made by it."""

from typing import Any, Final

_REMARKS: Final = frozenset({"title", "description", "default", "$comment"})


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Compare two versions of a published schema.

    Allowed are new event types, new optional properties, new structures, and more values of an enumeration (give
    readers those first). All else breaks.

    Args:
        old: as published.
        new: as the code says now.

    Returns:
        One line per break, naming the property; empty when the change only adds.
    """
    found = [f"event type {name} is gone" for name in old.get("x-event-types", []) if name not in new["x-event-types"]]
    for name, before in old["$defs"].items():
        after = new["$defs"].get(name)
        found += [f"{name} is gone"] if after is None else _breaks_of_struct(name, before, after)
    if old["$ref"] != new["$ref"]:
        found.append(f"the state is {new['$ref']} instead of {old['$ref']}")
    return found


def _breaks_of_struct(name: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    needed_before, needed_now = set(old.get("required", [])), set(new.get("required", []))
    for field, before in old["properties"].items():
        after = new["properties"].get(field)
        if after is None:
            found.append(f"{name}.{field} is gone")
        elif not _accepts(after, before):
            found.append(f"{name}.{field} has another type")
    found += [f"{name}.{field} is required now" for field in sorted(needed_now - needed_before)]
    found += [
        f"{name}.{field} is not required any more"
        for field in sorted(needed_before - needed_now)
        if field in new["properties"]
    ]
    return found


def _accepts(new: Any, old: Any) -> bool:  # noqa: ANN401 - a piece of JSON
    """Tell whether the new schema is the old one, but for remarks and for more values of an enumeration."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "enum" in old and "enum" in new:
            return set(old["enum"]) <= set(new["enum"])
        keys = (old.keys() | new.keys()) - _REMARKS
        return all(key in old and key in new and _accepts(new[key], old[key]) for key in keys)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_accepts(after, before) for after, before in zip(new, old, strict=True))
    return bool(old == new)
