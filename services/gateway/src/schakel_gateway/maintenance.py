"""The gateway's own commands: ``rebuild`` the view from the topics, ``verify [--repair]`` it against the journals."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from schakel_common.logs import configure_logs
from schakel_common.problems import Problem
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.verify import printed, verify
from schakel_gateway.view.rebuild import rebuild

COMMANDS: Final = ("rebuild", "verify")


def main(argv: Sequence[str]) -> int:
    """Run one command; return 0 when done and nothing differs, 1 when not, 2 when asked wrongly or settings miss."""
    parser = argparse.ArgumentParser(prog="python -m schakel_gateway")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("rebuild", help="fill the view anew from the topics, beside the live one, then swap")
    verifying = commands.add_parser("verify", help="compare the view with the journals and with its own history")
    verifying.add_argument("--repair", action="store_true", help="repair what differs, then compare again")
    arguments = parser.parse_args(argv)
    try:
        settings = GatewaySettings()  # type: ignore[call-arg] # the environment gives them
    except ValidationError as error:
        for each in error.errors():
            sys.stderr.write(f"SCHAKEL_{'_'.join(str(part) for part in each['loc']).upper()}: {each['msg']}\n")
        return 2
    configure_logs("gateway", settings.log_level)
    try:
        if arguments.command == "rebuild":
            made = asyncio.run(rebuild(settings))
            sys.stdout.write(f"{made.versions} versions, {made.lines} lines, position {made.position}\n")
            return 0
        report = asyncio.run(verify(settings, mend=arguments.repair))
    except Problem as problem:
        sys.stderr.write(f"{problem.slug}: {problem.detail}\n")
    except (OSError, TimeoutError, asyncpg.PostgresError, KafkaError, BrokenProcessPool) as error:
        sys.stderr.write(f"{type(error).__name__}: do the database and Kafka answer, and is the database migrated?\n")
    else:
        sys.stdout.write(printed(report))
        return 1 if report.drifts else 0
    return 1
