"""``python -m schakel_contracts export [--check]``: write what is published of the contract, or check it."""

import argparse
import sys

from schakel_contracts.publish import BreakingChangeError, check, export


def main() -> int:
    """Run the command; exit code 1 when the published files are not those of the code, or a change would break."""
    parser = argparse.ArgumentParser(prog="python -m schakel_contracts")
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export", help="write schemas, examples and asyncapi.yaml to published/")
    exporting.add_argument("--check", action="store_true", help="change nothing; fail on drift and on breaking changes")
    arguments = parser.parse_args()
    try:
        lines = check() if arguments.check else export()
    except BreakingChangeError as error:
        sys.stdout.writelines(f"{line}\n" for line in error.args[0])
        sys.stdout.write("Contracts only grow: make a new version beside the old one.\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if arguments.check and lines else 0


raise SystemExit(main())
