"""Time as a parameter: use cases take a clock, so a test can say what time it is."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...


class SystemClock:
    """The clock of this machine. It may lie: never order events by it (the owning database does that)."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware instant; give it a time zone")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant it was set to, plus what it was advanced."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock; backwards too, because real clocks do that."""
        self._now += by
