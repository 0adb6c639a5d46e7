"""Short commands of the machine and of the cluster, each within a bound."""

import asyncio
import subprocess
from contextlib import suppress

from schakel_local.supervisor import RunEnded

_SECONDS = 30.0


class ClusterError(Exception):
    """A command of the cluster failed; the text is what it said."""


async def checked(*argv: str, seconds: float = _SECONDS) -> str:
    """Run a command and return what it wrote.

    Raises:
        RunEnded: it failed or did not end in time; the text is what it said.
    """
    child = await asyncio.create_subprocess_exec(
        *argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(child.communicate(), seconds)
    except TimeoutError:
        raise RunEnded(f"`{' '.join(argv)}` did not end within {seconds:.0f} s") from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode:
        raise RunEnded(f"`{' '.join(argv)}` failed: {errors.decode(errors='replace').strip()}")
    return output.decode()


async def succeeds(*argv: str, seconds: float = _SECONDS) -> bool:
    """Whether a command ends well in time."""
    try:
        await checked(*argv, seconds=seconds)
    except RunEnded:
        return False
    return True


def output_of(argv: list[str], *, given: str | None = None, seconds: float) -> str:
    """Run a command to its end and return its standard output.

    Raises:
        ClusterError: it failed, or took longer than `seconds`.
    """
    try:
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=seconds)  # noqa: S603 - programs of the cluster
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"`{' '.join(argv)}` did not end within {seconds:.0f} s") from late
    if done.returncode:
        raise ClusterError(f"`{' '.join(argv)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
