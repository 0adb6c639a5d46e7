"""The gateway's own commands: ``rebuild`` the view, ``verify [--repair]`` it, and its ``dead-letters``."""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from schakel_common import telemetry
from schakel_common.problems import Problem
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.verify import REPAIRS, Report, printed, verify
from schakel_gateway.view.dead import drop_dead, list_dead, retry_dead, show_dead
from schakel_gateway.view.rebuild import rebuild

COMMANDS: Final = ("rebuild", "verify", "dead-letters")


def main(argv: Sequence[str]) -> int:
    """Run one command; return 0 when done and nothing differs, 1 when not, 2 when asked wrongly or settings miss."""
    arguments = parser().parse_args(argv)
    try:
        settings = GatewaySettings()  # type: ignore[call-arg] # the environment gives them
    except ValidationError as error:
        for each in error.errors():
            sys.stderr.write(f"SCHAKEL_{'_'.join(str(part) for part in each['loc']).upper()}: {each['msg']}\n")
        return 2
    telemetry.configure("gateway", settings)
    try:
        return asyncio.run(_run(settings, arguments))
    except Problem as problem:
        sys.stderr.write(f"{problem.slug}: {problem.detail}\n")
    except BrokenPipeError:  # whoever read our lines has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, TimeoutError, asyncpg.PostgresError, KafkaError, BrokenProcessPool) as error:
        sys.stderr.write(f"{type(error).__name__}: do the database and Kafka answer, and is the database migrated?\n")
    finally:
        telemetry.shutdown()
    return 1


def parser() -> argparse.ArgumentParser:
    """Return what reads these commands."""
    made = argparse.ArgumentParser(prog="python -m schakel_gateway")
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("rebuild", help="fill the view anew from the topics, beside the live one, then swap")
    verifying = commands.add_parser("verify", help="compare the view with the journals and with its own history")
    verifying.add_argument("--repair", action="store_true", help="repair what differs, then compare again")
    verifying.add_argument("--dry-run", action="store_true", help="with --repair: say what it would do, change nothing")
    letters = commands.add_parser("dead-letters", help="records that the view could not take in")
    actions = letters.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one line of JSON each")
    retry = actions.add_parser("retry", help="take them in again; what goes through is put aside no longer")
    retry.add_argument("--dry-run", action="store_true", help="say which could be read, and change nothing")
    for name, text in (("show", "one record with its headers and value"), ("drop", "keep one record no longer")):
        one = actions.add_parser(name, help=text)
        one.add_argument("topic")
        one.add_argument("partition", type=int)
        one.add_argument("offset", type=int)
    return made


async def _run(settings: GatewaySettings, arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "rebuild":
            made = await rebuild(settings)
            sys.stdout.write(f"{made.versions} versions, {made.lines} lines, position {made.position}\n")
            return 0
        case "verify":
            report = await verify(settings, mend=arguments.repair and not arguments.dry_run)
            sys.stdout.write(printed(report))
            if arguments.repair and arguments.dry_run:
                sys.stdout.write(_would(report))
            return 1 if report.drifts else 0
        case _:
            await _dead_letters(settings, arguments)
            return 0


def _would(report: Report) -> str:
    counts = Counter((REPAIRS[each.what], each.kind) for each in report.drifts)
    lines = [f"would {what}: {number} of {kind}" for (what, kind), number in sorted(counts.items())]
    return "\n".join(lines or ["nothing to repair"]) + "\n"


async def _dead_letters(settings: GatewaySettings, arguments: argparse.Namespace) -> None:
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        match arguments.action:
            case "list":
                for letter in await list_dead(connection):
                    _print(letter)
            case "show":
                _print(await show_dead(connection, arguments.topic, arguments.partition, arguments.offset))
            case "drop":
                await drop_dead(connection, arguments.topic, arguments.partition, arguments.offset)
                _print({"dropped": 1})
            case _:
                found = await retry_dead(connection, dry_run=arguments.dry_run)
                _print({"dryRun": True, **found} if arguments.dry_run else found)
    finally:
        await connection.close()


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
