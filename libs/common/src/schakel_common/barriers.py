"""Named points at which a test can stop a process and kill it: between any two lines that matter.

"Nothing is lost when a process dies between commit and acknowledgement" can only be tested at that very line; killing
at random instants nearly never meets it. So the few lines that matter carry a barrier. It does nothing unless the
environment variable ``SCHAKEL_BARRIERS`` names a directory, which is read once at import; off, it costs one look at
a module variable. In production the variable is not set.
"""

import asyncio
import os
from pathlib import Path
from typing import Final, Literal

Barrier = Literal[
    "outbox.before_commit",
    "outbox.after_commit",
    "relay.before_send",
    "relay.after_send_before_ack",
    "relay.after_ack_before_delete",
    "relay.after_delete",
    "consumer.before_handle",
    "consumer.before_commit",
    "consumer.after_commit_before_ack",
    "consumer.after_ack",
    "projector.before_apply",
    "projector.before_write",
    "projector.after_commit",
]

_POLL_SECONDS: Final = 0.01
_directory: str | None = os.environ.get("SCHAKEL_BARRIERS") or None


async def barrier(name: Barrier) -> None:
    """Wait here while ``<name>.armed`` exists in the barrier directory.

    On arrival ``<name>.reached`` is written with the process id, so that the test knows whom it may kill.
    Removing the armed file lets it go on.
    """
    if _directory is None:
        return
    armed = Path(_directory, f"{name}.armed")
    if not armed.exists():  # noqa: ASYNC240 - a stat of a local file, only while a chaos test runs
        return
    Path(_directory, f"{name}.reached").write_text(str(os.getpid()))  # noqa: ASYNC240 - the same
    while armed.exists():  # noqa: ASYNC110, ASYNC240 - the test is another process: there is no event to wait on
        await asyncio.sleep(_POLL_SECONDS)
