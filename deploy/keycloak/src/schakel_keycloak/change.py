"""One change of a realm: a line that says it, and a way to do it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One thing to do.

    Attributes:
        text: what will change, without any secret.
        run: does it; called in the order of the list.
    """

    text: str
    run: Callable[[], object]
