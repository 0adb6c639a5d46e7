"""What a set of values changes in a release, for people to read: each change once, with the objects it is in."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from charting import Manifest

NOT_REVIEWED = re.compile(
    r"checksum/|helm\.sh/chart|app\.kubernetes\.io/version|^metadata\.name$|env\[.+\]\.name$|^spec\.groups|^data\."
)
"""Derived from the rest, said by the path already, or equal to a file that has tests of its own."""
HASH = re.compile(r"-[0-9a-f]{8}$")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give each leaf with its path; members of a list that have a name go by it, so that one more moves no other."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from flat(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            name = each.get("name", index) if isinstance(each, dict) else index
            yield from flat(each, f"{path}[{name}]")
    else:
        yield path, json.dumps(value)


def lines(objects: Sequence[Manifest]) -> dict[str, set[str]]:
    """Return the leaves of each object by its kind and name; the name of a Job without the hash of what it is."""
    return {
        f"{each['kind']}/{HASH.sub('', each['metadata']['name'])}": {
            f"{path}: {value}" for path, value in flat(each) if not NOT_REVIEWED.search(path)
        }
        for each in objects
    }


def difference(before: Sequence[Manifest], after: Sequence[Manifest]) -> str:
    """Return objects that came and went, and then each changed leaf with the objects in which it changed."""
    old, new = lines(before), lines(after)
    told = [f"gone: {name}" for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() - old.keys()):
        told += [f"new: {name}", *(f"  {line}" for line in sorted(new[name]) if "metadata.labels" not in line)]
    changes: dict[tuple[str, str], list[str]] = {}
    for name in sorted(old.keys() & new.keys()):
        for line in old[name] ^ new[name]:
            sign = "-" if line in old[name] else "+"
            changes.setdefault((line, sign), []).append(name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for (line, sign), names in sorted(changes.items(), key=lambda each: (each[0][0].split(": ")[0], each[0][1] == "+")):
        groups.setdefault(tuple(names), []).append(f"  {sign} {line}")
    for names_of_all, changed in sorted(groups.items()):
        told += ["changed:", *(f"    {name}" for name in names_of_all), *changed]
    return "\n".join(told) + "\n"
