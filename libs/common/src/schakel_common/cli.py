"""The commands of every service: ``python -m schakel_<service> serve|migrate|doctor|reemit|...``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypedDict, get_args
from uuid import UUID

from aiokafka.errors import KafkaError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from schakel_common.consumers import handle_alone
from schakel_common.database import Database
from schakel_common.dead_letters import drop_dead_letter, list_dead_letters, retry_dead_letters, show_dead_letter
from schakel_common.doctor import PARTS, Part, examine
from schakel_common.held import Held, export
from schakel_common.logs import configure_logs
from schakel_common.migrations import migrate, wait_until_migrated
from schakel_common.problems import Problem
from schakel_common.reemission import count_current, count_history, reemit_current, reemit_history
from schakel_common.serve import ROLES, Role, ServiceDefinition, serve
from schakel_common.settings import ServiceSettings


class _Chosen(TypedDict):
    kind: str | None
    ids: Sequence[UUID]


OK: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
WAIT: Final = "--wait-for-schema"
WAITING: Final[Mapping[str, Any]] = {
    "type": float,
    "metavar": "SECONDS",
    "help": "begin when the database is at the revision that this needs; fail when it is not after so long",
}
"""How a command is told to wait: in itself, because a program that waits for another costs a second start."""


def main(definition: ServiceDefinition[Any], argv: Sequence[str]) -> int:
    """Run one command of a service; return the exit code: 0 done, 1 failed, 2 asked wrongly or settings missing.

    Args:
        definition: the service.
        argv: without the program's name.
    """
    arguments = parser(definition).parse_args(argv)
    try:
        settings: ServiceSettings = definition.settings()
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            told = each["msg"].removeprefix("Value error, ")
            _complain(f"SCHAKEL_{name}: {told}" if name else told)
        return MISUSED
    match arguments.command:
        case "doctor":
            parts = arguments.part or PARTS
            return asyncio.run(_doctor(definition.name, settings, parts, before_start=arguments.before_start))
        case "serve":
            return _serve(definition, settings, arguments)
        case "openapi":
            _print(definition.build(settings).app.openapi())
        case _:
            configure_logs(definition.name, settings.log_level)
            return _run(_work(definition, settings, arguments))
    return OK


def _serve(definition: ServiceDefinition[Any], settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    # The first process of a container is not ended by a signal that nobody handles; uvicorn takes over from here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))
    if arguments.wait_for_schema is not None:
        configure_logs(definition.name, settings.log_level)
        seconds: float = arguments.wait_for_schema
        if code := _run(wait_until_migrated(settings.database_url, definition.migrations, seconds=seconds)):
            return code
    serve(definition, settings, arguments.roles)
    return OK


async def _doctor(service: str, settings: ServiceSettings, parts: Sequence[Part], *, before_start: bool) -> int:
    findings = await examine(service, settings, tuple(parts), before_start=before_start)
    for finding in findings:
        sys.stdout.write(f"{'ok ' if finding.ok else 'BAD'} {service:<9} {finding.part:<9} {finding.sentence}\n")
    return OK if all(finding.ok for finding in findings) else FAILED


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Do the work; what can go wrong at a command line is said in one line."""
    try:
        asyncio.run(work)
    except Problem as problem:
        complaint = f"{problem.slug}: {problem.detail or problem.type.title_en}"
    except KafkaError as error:
        complaint = f"{type(error).__name__}: does Kafka answer at SCHAKEL_KAFKA_BOOTSTRAP?"
    except BrokenPipeError:  # whoever read our lines has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (OSError, DBAPIError) as error:
        complaint = f"{type(error).__name__}: is the database at its address, and migrated?"
    else:
        return OK
    _complain(complaint)
    return FAILED


def _work(
    definition: ServiceDefinition[Any], settings: ServiceSettings, arguments: argparse.Namespace
) -> Coroutine[Any, Any, None]:
    match arguments.command:
        case "migrate":
            return migrate(settings.database_url, definition.migrations)
        case "reemit":
            return _reemit(settings, arguments)
        case "export":
            assert definition.held is not None  # noqa: S101 - else the command is not there
            return _export(definition.name, definition.held, settings, arguments)
        case _:
            return _dead_letters(definition, settings, arguments)


async def _reemit(settings: ServiceSettings, arguments: argparse.Namespace) -> None:
    database = Database(settings.database_url, pool_size=1)
    try:
        chosen: _Chosen = {"kind": arguments.kind, "ids": arguments.id}
        if arguments.dry_run:
            if arguments.current:
                epoch, count = await count_current(database, **chosen)
                _print({"dryRun": True, "epoch": epoch, "events": count})
            else:
                _print({"dryRun": True, "events": await count_history(database, **chosen)})
        elif arguments.current:
            epoch, count = await reemit_current(database, reason=arguments.reason, **chosen)
            _print({"epoch": epoch, "events": count})
        else:
            _print({"events": await reemit_history(database, **chosen)})
    finally:
        await database.close()


async def _export(service: str, held: Held, settings: ServiceSettings, arguments: argparse.Namespace) -> None:
    database = Database(settings.database_url, pool_size=1)
    try:
        found = await export(database, settings, held, person=arguments.person, company=arguments.company)
        about = {"person": arguments.person} if arguments.person else {"company": arguments.company}
        _print({"service": service, **about, "held": found})
    finally:
        await database.close()


async def _dead_letters(
    definition: ServiceDefinition[Any], settings: ServiceSettings, arguments: argparse.Namespace
) -> None:
    parts = definition.build(settings)
    topics = list({topic.name: topic for each in parts.subscriptions for topic in each.topics}.values())
    try:
        match arguments.action:
            case "list":
                for letter in await list_dead_letters(settings, definition.name, topics):
                    _print(letter)
            case "show":
                _print(await show_dead_letter(settings, arguments.topic, arguments.partition, arguments.offset))
            case "drop":
                place = arguments.topic, arguments.partition, arguments.offset
                await drop_dead_letter(settings, definition.name, *place)
                _print({"dropped": 1})
            case _:
                dry = arguments.dry_run
                again = partial(handle_alone, parts.database, parts.subscriptions, dry_run=dry)
                found = await retry_dead_letters(settings, definition.name, topics, again, dry_run=dry)
                _print({"dryRun": True, **found} if dry else found)
    finally:
        await parts.close()
        await parts.database.close()


def parser(definition: ServiceDefinition[Any]) -> argparse.ArgumentParser:
    """Return what reads the commands of a service."""
    made = argparse.ArgumentParser(prog=f"python -m schakel_{definition.name}")
    commands = made.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the service until it is told to stop")
    serving.add_argument("--roles", type=_roles, default=list(ROLES), help="of api,consumers,relay; all by default")
    serving.add_argument(WAIT, **WAITING)
    commands.add_parser("migrate", help="bring the database to the newest revision")
    doctor = commands.add_parser("doctor", help="is everything there that this service needs? 0 yes, 1 no")
    doctor.add_argument("part", nargs="*", type=_part, help=f"of {', '.join(PARTS)}; all by default")
    doctor.add_argument("--before-start", action="store_true", help="topics and the realm may not be there yet")
    commands.add_parser("openapi", help="print the OpenAPI document")
    reemit = commands.add_parser("reemit", help="send again what the journal holds")
    which = reemit.add_mutually_exclusive_group(required=True)
    which.add_argument("--current", action="store_true", help="raise the epoch and send each current state")
    which.add_argument("--history", action="store_true", help="send everything, with its stored epochs")
    reemit.add_argument("--kind", help="only aggregates of this kind")
    reemit.add_argument("--id", type=UUID, action="append", default=[], help="only this aggregate; may be repeated")
    reemit.add_argument("--dry-run", action="store_true", help="say how much would be sent, and send nothing")
    reemit.add_argument("--reason", default="asked for by hand", help="kept with the new epoch")
    if definition.held is not None:
        exporting = commands.add_parser("export", help="print what is held about a person or a company, as JSON")
        about = exporting.add_mutually_exclusive_group(required=True)
        about.add_argument("--person", metavar="SUB", help="the subject that Keycloak gave the person")
        about.add_argument("--company", type=UUID, metavar="ID", help="the id of the company")
    letters = commands.add_parser("dead-letters", help="events that a consumer could not handle")
    actions = letters.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="those that wait, one line of JSON each")
    retry = actions.add_parser("retry", help="give those that wait to their handler again")
    retry.add_argument("--dry-run", action="store_true", help="say which would go through, and change nothing")
    for name, what in (("show", "one record with its headers and value"), ("drop", "let one wait no longer")):
        one = actions.add_parser(name, help=what)
        one.add_argument("topic")
        one.add_argument("partition", type=int)
        one.add_argument("offset", type=int)
    return made


def _roles(names: str) -> list[Role]:
    roles = [name.strip() for name in names.split(",") if name.strip()]
    if not roles or any(role not in get_args(Role) for role in roles):
        raise argparse.ArgumentTypeError(f"{names!r} is not a list of {', '.join(ROLES)}")
    return [role for role in ROLES if role in roles]


def _part(name: str) -> Part:
    part = next((each for each in PARTS if each == name), None)
    if part is None:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PARTS)}")
    return part


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def _complain(line: str) -> None:
    sys.stderr.write(line + "\n")
