"""`./schakel cluster` and `./schakel cluster-test`, read from the command line."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schakel_local.cluster import binaries
from schakel_local.cluster.cluster import up
from schakel_local.cluster.requirements import why_not
from schakel_local.look import down, status
from schakel_local.places import CHECKOUT, data_directory
from schakel_local.up import tell

TESTS = "tests/cluster"


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add both commands to those of `./schakel`."""
    cluster = commands.add_parser("cluster", help="a real Kubernetes of one node, to look at: up, down, status")
    cluster.add_argument("action", choices=("up", "down", "status"))
    cluster.add_argument("--folder", type=Path, default=data_directory() / "cluster", help="where its state lies")
    cluster.set_defaults(run=lambda given: _cluster(given.action, given.folder))
    commands.add_parser("cluster-test", help="run the tests on a real Kubernetes; takes pytest's arguments")


def cluster_test(argv: Sequence[str]) -> int:
    """Run the tests of `tests/cluster`; where no cluster can run that is said, and is a failure when `CI` is `true`."""
    began = time.monotonic()
    if reason := why_not():
        tell(f"schakel: cluster-test is skipped: {reason}")
        return int(os.environ.get("CI") == "true")
    try:
        binaries.obtain(tell)
    except binaries.BinariesError as error:
        tell(f"schakel: {error}")
        return 1
    tell(f"the programs of the cluster are there ({time.monotonic() - began:.0f} s)")
    program = [sys.executable, "-m", "pytest", *(argv or (TESTS,))]
    if argv and all(one.startswith("-") for one in argv):
        program.append(TESTS)
    code = subprocess.run(program, cwd=CHECKOUT, check=False).returncode  # noqa: S603 - our own tests
    tell(f"cluster-test took {time.monotonic() - began:.0f} s")
    return code


def _cluster(action: str, folder: Path) -> int:
    if action == "up":
        return up(folder)
    return down(folder) if action == "down" else status(folder)
