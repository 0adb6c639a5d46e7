"""Dates of the register, which are as precise as their source."""

from datetime import date, timedelta


def last_day_of(text: str | None) -> date | None:
    """Return the last day that a date of YYYY, YYYY-MM or YYYY-MM-DD may mean; None when unknown."""
    if not text:
        return None
    year, month, day = (*(int(piece) for piece in text.split("-")), 0, 0)[:3]
    if day:
        return date(year, month, day)
    first_after = date(year + 1, 1, 1) if month in (0, 12) else date(year, month + 1, 1)
    return first_after - timedelta(days=1)
