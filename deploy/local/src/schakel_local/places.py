"""Where things lie: the checkout, the data directory of a run and the cache of a user."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[4]
"""The root of the working copy (the packages are installed editable, so this file lies in it)."""

LOOPBACK = "127.0.0.1"
"""Where the parts listen unless something outside of this machine's own network must reach them."""


def data_directory() -> Path:
    """The directory that keeps a run's data, ports, secrets and logs: `SCHAKEL_DATA`, or `.schakel` in the checkout."""
    return Path(os.environ.get("SCHAKEL_DATA") or CHECKOUT / ".schakel").resolve()


def cache_directory() -> Path:
    """The directory a user shares between checkouts: `SCHAKEL_CACHE`, or `schakel` under the user's cache directory."""
    chosen = os.environ.get("SCHAKEL_CACHE")
    if chosen:
        return Path(chosen).resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").resolve() / "schakel"
