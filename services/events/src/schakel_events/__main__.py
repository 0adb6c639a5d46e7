"""``python -m schakel_events``: the commands of every service, and ``load --data DIR``."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from schakel_common import cli
from schakel_common.clock import SystemClock
from schakel_common.database import Database
from schakel_common.problems import Problem
from schakel_events.app import DEFINITION
from schakel_events.loading import load
from schakel_events.settings import EventsSettings


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    if not argv or argv[0] != "load":
        return cli.main(DEFINITION, argv)
    parser = argparse.ArgumentParser(prog="python -m schakel_events load", description="Load activities and cases.")
    parser.add_argument("--data", type=Path, required=True, help="the folder with register/ and places/")
    data_dir: Path = parser.parse_args(argv[1:]).data
    try:
        report = asyncio.run(_load(data_dir))
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


async def _load(data_dir: Path) -> Counter[str]:
    settings = EventsSettings()  # type: ignore[call-arg] # pydantic-settings reads the rest from the environment
    database = Database(settings.database_url, pool_size=1)
    try:
        return await load(database, data_dir, SystemClock())
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
