"""The command ``load --data DIR`` of a service that takes in files through its use cases."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from schakel_common import cli
from schakel_common.clock import Clock, SystemClock
from schakel_common.database import Database
from schakel_common.logs import configure_logs
from schakel_common.migrations import wait_until_migrated
from schakel_common.problems import Problem
from schakel_common.serve import ServiceDefinition

Load = Callable[[Database, Path, Clock], Awaitable[Counter[str]]]
"""Loads the files of a folder through the use cases; returns how many records were created, changed or left."""


def main(definition: ServiceDefinition[Any], load: Load, argv: Sequence[str]) -> int:
    """Run one command, ``load`` or one of those that every service has; return the exit code."""
    if not argv or argv[0] != "load":
        return cli.main(definition, argv)
    parser = argparse.ArgumentParser(
        prog=f"python -m schakel_{definition.name} load", description="Load the records that this service owns."
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the files")
    parser.add_argument(cli.WAIT, **cli.WAITING)
    arguments = parser.parse_args(argv[1:])
    try:
        report = asyncio.run(_load(definition, load, arguments.data, arguments.wait_for_schema))
    except ValidationError as error:
        for each in error.errors(include_input=False):
            sys.stderr.write(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}\n")
        return cli.MISUSED
    except Problem as problem:
        sys.stderr.write(f"{problem}: {problem.errors}\n")
        return cli.FAILED
    except (OSError, DBAPIError) as error:
        what = error.filename if isinstance(error, FileNotFoundError) else type(error).__name__
        sys.stderr.write(f"{what}: is the data there, and the database at its address, and migrated?\n")
        return cli.FAILED
    sys.stdout.write(json.dumps(report, sort_keys=True) + "\n")
    return cli.OK


async def _load(
    definition: ServiceDefinition[Any], load: Load, data_dir: Path, wait_seconds: float | None
) -> Counter[str]:
    url = definition.settings().database_url
    if wait_seconds is not None:
        configure_logs(definition.name, "INFO")
        await wait_until_migrated(url, definition.migrations, seconds=wait_seconds)
    database = Database(url, pool_size=1)
    try:
        return await load(database, data_dir, SystemClock())
    finally:
        await database.close()
