"""``python -m schakel_registry``: the commands of every service, and ``load --data DIR``."""

import sys
from collections.abc import Sequence

from schakel_common import loading
from schakel_registry.app import DEFINITION
from schakel_registry.loading import load


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    return loading.main(DEFINITION, load, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
