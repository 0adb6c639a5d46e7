"""The commands of `./schakel`, read from the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from schakel_local import holder, teststack


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    code: int = arguments.run(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./schakel", description="Run, test and check Schakel on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    hold = commands.add_parser("hold")
    hold.add_argument("part", choices=teststack.PARTS)
    hold.add_argument("--directory", type=Path, required=True)
    hold.add_argument("--owner", type=int)
    hold.set_defaults(run=lambda given: holder.hold(given.part, given.directory, given.owner))
    stack = commands.add_parser("test-stack", help="a test stack that stays between test runs: start | stop")
    stack.add_argument("action", choices=("start", "stop"))
    stack.set_defaults(run=_test_stack)
    return parser


def _test_stack(given: argparse.Namespace) -> int:
    if given.action == "stop":
        sys.stdout.write("stopped\n" if teststack.stop_standing() else "no test stack runs\n")
        return 0
    file = teststack.start_standing(Path("/tmp/schakel-test-stack"))  # noqa: S108 - beside the file that names it
    sys.stdout.write(f"ready: export SCHAKEL_TEST_STACK={file}\n")
    return 0
