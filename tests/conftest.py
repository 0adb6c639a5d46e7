"""The platform that the journeys drive: one for the whole run, started by the command that a newcomer types."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from otlp_receiver import OtlpReceiver, otlp_receiver
from running import RunningStack
from running import running_stack as started


@pytest.fixture(scope="session")
def traces() -> Iterator[OtlpReceiver]:
    """The spans of the running platform."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def running_stack(traces: OtlpReceiver) -> Iterator[RunningStack]:
    """The whole platform, with its register loaded; one that already runs where SCHAKEL_RUNNING names its directory.

    Its directory is not one of pytest's: a second run of pytest would close that to others again, and PostgreSQL, which
    does not run as root, would abort at its next checkpoint.
    """
    if running := os.environ.get("SCHAKEL_RUNNING"):
        stack = RunningStack(Path(running), Path(os.environ["SCHAKEL_BARRIERS"]))
        yield stack
        stack.close()
        return
    with (
        TemporaryDirectory(prefix="schakel-platform-", ignore_cleanup_errors=True) as directory,
        started(Path(directory) / "data", otlp_endpoint=traces.endpoint) as stack,
    ):
        yield stack
