"""``python -m schakel_gateway``: the commands of every service, and ``schema [--check]``, ``rebuild``, ``verify``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schakel_common.cli import main as common_main
from schakel_gateway import maintenance
from schakel_gateway.app import DEFINITION
from schakel_gateway.schema.schema import sdl

SDL_FILE: Final = Path("schema.graphql")


def main(argv: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    if argv and argv[0] in maintenance.COMMANDS:
        return maintenance.main(argv)
    if argv[:1] == ["schema"]:
        return print_or_check_schema(argv[1:])
    return common_main(DEFINITION, argv)


def print_or_check_schema(argv: Sequence[str]) -> int:
    """Print the schema, or compare it with a file: ``schema [--check FILE]``."""
    if not argv:
        sys.stdout.write(sdl())
        return 0
    file = Path(argv[1]) if len(argv) > 1 else SDL_FILE
    if file.read_text() == sdl():
        return 0
    sys.stderr.write(f"{file} differs from the types; run: python -m schakel_gateway schema > {file}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
