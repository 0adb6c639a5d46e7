"""Prints the part of requirements.lock that one member needs: ``requirements.py LOCK MEMBER``.

The lock says of each package what it is there for (``# via``); this follows that from the member down. It runs in the
first stage of a build, before anything is installed, so it uses the standard library only.
"""

import re
import sys
from pathlib import Path

OURS = "schakel-"
WHY = re.compile(r"^ +#(?: via)? +(\S+)$")


def blocks(lock: str) -> list[tuple[str, str, frozenset[str]]]:
    """Return of each pin (a package may have one per Python version) its name, its lines, and what asks for it."""
    found = []
    for block in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        lines = block.splitlines()
        why = {match[1] for line in lines if (match := WHY.match(line))}
        pin = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        found.append((re.split(r"[=\[ ]", block, maxsplit=1)[0], pin, frozenset(why)))
    return found


def needed_by(member: str, lock: str) -> list[str]:
    """Return the pins, with hashes, of all that a member and the libraries of ours need."""
    packages = blocks(lock)
    wanted = {member, "schakel-contracts"} | ({"schakel-common"} if member != "schakel-keycloak" else set())
    while more := {name for name, _, why in packages if name not in wanted and why & wanted}:
        wanted |= more
    return [pin for name, pin, _ in packages if name in wanted]


if __name__ == "__main__":
    sys.stdout.write("\n".join(needed_by(sys.argv[2], Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n")
