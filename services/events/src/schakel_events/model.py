"""The rules of activities, registrations and cases: which values are right, who gets a seat, what time means here.

Plain Python without I/O. A rule that is broken is a `FieldError` with a stable code, or a `Problem`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import instant_of
from schakel_contracts.places import HUBS, NATIONAL

AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")

Precision = Literal["instant", "day", "month", "year"]

_DATE: Final = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")


def slug_of(title: str, row_id: UUID) -> str:
    """Return a slug for a title: readable, and unique by the first characters of the row's id."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")
    return f"{words}-{row_id.hex[:8]}".removeprefix("-")


def precision_of(text: str) -> Precision:
    """Return how precise a moment is: a year, a month, a day, or an instant with its offset; else ValueError."""
    if _DATE.fullmatch(text):
        start_of(text)
        return ("year", "month", "day")[text.count("-")]
    instant_of(text)
    return "instant"


def start_of(text: str) -> datetime:
    """Return the first instant of a year, month or day in Europe/Amsterdam, or the instant itself; else ValueError."""
    if not _DATE.fullmatch(text):
        return instant_of(text)
    year, month, day, *_ = [*(int(part) for part in text.split("-")), 1, 1]
    return datetime.combine(date(year, month, day), time(), AMSTERDAM)


def effective_at(text: str | None, now: datetime) -> datetime:
    """Return when something was so in the world: the start of its day, never later than now; now when unknown."""
    return now if text is None else min(start_of(text), now)


def date_error(field: str, text: str | None) -> FieldError | None:
    """Say what is wrong with a date of free precision (YYYY, YYYY-MM or YYYY-MM-DD); None is right: it is unknown."""
    if text is None or _is_date(text):
        return None
    return FieldError(field, "Write a year, a month or a day: 2021, 2021-04 or 2021-04-22.", "date-form")


def moment_errors(starts_at: str, ends_at: str | None, now: datetime) -> list[FieldError | None]:
    """Check when a planned activity begins and ends: instants with an offset, to come, in this order."""
    begin, end = _instant(starts_at), _instant(ends_at) if ends_at else None
    message = "Send the moment with its offset, such as 2027-02-03T14:00:00+01:00."
    return [
        FieldError("startsAt", message, "without-offset") if begin is None else None,
        FieldError("startsAt", "Give a moment to come.", "starts-in-the-past") if begin and begin <= now else None,
        FieldError("endsAt", message, "without-offset") if ends_at and end is None else None,
        FieldError("endsAt", "Give a moment after the start.", "ends-before-start")
        if begin and end and end <= begin
        else None,
    ]


def normal_instant(text: str) -> str:
    """Return an instant as RFC 3339 in UTC, to the second: equal moments are equal texts."""
    return instant_of(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def email_error(email: str) -> FieldError | None:
    """Say what is wrong with a mail address; whether it is somebody's only mail can tell."""
    if _EMAIL.fullmatch(email):
        return None
    return FieldError("contact.email", "Write an address such as name@example.nl.", "email-form")


def unknown_keys(field: str, keys: Iterable[str], known: Collection[str], code: str) -> list[FieldError | None]:
    """Return an error per key that is not in a vocabulary; the field is ``themes.3`` for the fourth."""
    return [
        FieldError(f"{field}.{place}", "Choose one from the published list.", code)
        for place, key in enumerate(keys)
        if key not in known
    ]


def leaf_of(scope: str, hub_of_fieldlab: str | None) -> str | None:
    """Return the leaf at which what a scope owns counts, None for a scope that owns nothing here.

    Args:
        scope: ``national``, ``hub:<slug>`` or ``fieldlab:<slug>``.
        hub_of_fieldlab: the hub of that fieldlab as far as it is known here.
    """
    kind, _, slug = scope.partition(":")
    if scope == NATIONAL:
        return NATIONAL
    if kind == "hub" and slug in HUBS:
        return slug
    return hub_of_fieldlab if kind == "fieldlab" else None


def demand_open(status: str, starts_at: str, now: datetime) -> None:
    """Refuse to register for an activity that is not planned, or that has begun.

    Raises:
        Problem: ``activity-closed``.
    """
    if status != "planned" or start_of(starts_at) <= now:
        raise Problem("activity-closed")


def has_room(capacity: int | None, seats_taken: int) -> bool:
    """Tell whether there is a seat left; the row is locked by whoever asks."""
    return capacity is None or seats_taken < capacity


def capacity_error(capacity: int | None, seats_taken: int) -> FieldError | None:
    """Refuse fewer seats than are taken: nobody loses a seat that was given."""
    if capacity is None or capacity >= seats_taken:
        return None
    return FieldError("capacity", f"{seats_taken} seats are taken; give at least as many.", "capacity-below-taken")


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and start_of(text) > datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError:
        return False


def _instant(text: str) -> datetime | None:
    try:
        return instant_of(text)
    except ValueError:
        return None
