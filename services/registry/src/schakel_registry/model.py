"""The rules of the register: which values are right, which steps a life cycle knows, what leaves this service.

Plain Python without I/O. A rule that is broken is a `FieldError` with a stable code, or a `Problem`.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo

from schakel_common.problems import FieldError, Problem
from schakel_contracts.companies import SizeClass
from schakel_contracts.fieldlabs import FieldlabStatus, RecognitionStatus
from schakel_contracts.places import hub_of_province

AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")

MEMBERS_MAX: Final = 200
"""Members of one company, those who asked included: its state stays far below the 64 KB of an event."""

ESTABLISHMENTS_MAX: Final = 100

_KVK: Final = re.compile(r"[0-9]{8}")
_POSTCODE: Final = re.compile(r"([1-9][0-9]{3})(?: ?(?!SA|SD|SS)([A-Z]{2}))?")
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DATE: Final = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


@dataclass(frozen=True)
class Postcode:
    """What is known of a four-digit postcode.

    Attributes:
        kind: ``address``, ``mixed`` (addresses and PO boxes), ``po_box`` or ``unknown``.
        province: ISO 3166-2.
        municipality_code: ``GM`` and four digits; None where the source does not say.
    """

    postcode4: str
    place: str
    province: str
    municipality_code: str | None
    kind: Literal["address", "mixed", "po_box", "unknown"]

    @property
    def hub(self) -> str:
        """Slug of the hub whose region it is in."""
        return hub_of_province(self.province)


def kvk_number_error(number: str) -> FieldError | None:
    """Say what is wrong with a KvK number: a string of eight digits, leading zeros kept."""
    if _KVK.fullmatch(number):
        return None
    return FieldError("kvkNumber", "A KvK number has exactly 8 digits; keep leading zeros.", "kvk-number-digits")


def normal_postcode(text: str) -> str | None:
    """Return ``1234`` or ``1234AB`` (no space, upper case) for a postcode as people type it; None if it is none."""
    found = _POSTCODE.fullmatch(text.strip().upper())
    return found[1] + (found[2] or "") if found else None


def normal_sbi(codes: Iterable[str]) -> list[str]:
    """Return SBI codes without dots, each once, in the order given: ``25.11`` and ``2511`` are the same code."""
    return list(dict.fromkeys(code.replace(".", "").strip() for code in codes))


def withholds_detail(size_class: SizeClass, *, sole_trader: bool) -> bool:
    """Tell whether a company's event may say only its municipality and SBI division.

    Of a sole trader or a firm of a few people, a postcode and a fine activity code point at a person. An unknown
    size may be such a firm.
    """
    return sole_trader or size_class in ("micro", "unknown")


def published_sbi(codes: Sequence[str], *, coarse: bool) -> list[str]:
    """Return the SBI codes that an event may carry: of a small firm the divisions (two digits) only."""
    return list(dict.fromkeys(code[:2] for code in codes)) if coarse else list(codes)


def slug_error(slug: str) -> FieldError | None:
    """Say what is wrong with a slug: 2 to 60 characters, lower case, digits and single hyphens."""
    if _SLUG.fullmatch(slug) and 2 <= len(slug) <= 60:  # noqa: PLR2004 - the bounds are in the message below
        return None
    return FieldError("slug", "Use 2 to 60 lower-case letters, digits and single hyphens.", "slug-form")


def unknown_keys(field: str, keys: Iterable[str], known: Collection[str], code: str) -> list[FieldError]:
    """Return an error per key that is not in a vocabulary; the field is ``themes.3`` for the fourth."""
    return [
        FieldError(f"{field}.{place}", "Choose one from the published list.", code)
        for place, key in enumerate(keys)
        if key not in known
    ]


def date_error(field: str, text: str | None) -> FieldError | None:
    """Say what is wrong with a date of free precision (YYYY, YYYY-MM or YYYY-MM-DD); None is right: it is unknown."""
    if text is None:
        return None
    try:
        start_of(text)
    except ValueError:
        return FieldError(field, "Write a year, a month or a day: 2021, 2021-04 or 2021-04-22.", "date-form")
    return None


def start_of(text: str) -> datetime:
    """Return the first instant of a year, month or day in Europe/Amsterdam; ValueError if it is none of these."""
    if not _DATE.fullmatch(text):
        raise ValueError("not a year, a month or a day")
    year, month, day, *_ = [*(int(part) for part in text.split("-")), 1, 1]
    return datetime.combine(date(year, month, day), time(), AMSTERDAM)


def effective_at(day: str | None, now: datetime) -> datetime:
    """Return when something was so in the world: the start of its day, never later than now; now when unknown."""
    return now if day is None else min(start_of(day), now)


def move_effective_at(day: date, registered_at: datetime, now: datetime) -> datetime:
    """Return the instant from which a company works elsewhere.

    Args:
        day: the day of the move, which may be past.
        registered_at: when the company was registered; before it there is nothing to move.
        now: the present instant.

    Raises:
        Problem: ``invalid-input`` at ``effectiveOn``: in the future, or before the day of registration.
    """
    if day > now.astimezone(AMSTERDAM).date():
        error = FieldError("effectiveOn", "Give a day that has come.", "effective-on-future")
    elif day < registered_at.astimezone(AMSTERDAM).date():
        error = FieldError(
            "effectiveOn", "Give a day on or after the registration.", "effective-on-before-registration"
        )
    else:
        return max(datetime.combine(day, time(), AMSTERDAM), registered_at)
    raise Problem("invalid-input", errors=[error])


Step = Literal["activate", "pause", "end"]

_STEPS: Final[dict[Step, tuple[FieldlabStatus, frozenset[FieldlabStatus]]]] = {
    "activate": ("active", frozenset({"candidate", "paused", "unknown"})),
    "pause": ("paused", frozenset({"active", "unknown"})),
    "end": ("ended", frozenset({"candidate", "active", "paused", "unknown"})),
}


def status_after(step: Step, status: FieldlabStatus) -> FieldlabStatus:
    """Return a fieldlab's operating status after a step of its life cycle; ``ended`` is final.

    Raises:
        Problem: ``fieldlab-ended`` or ``conflict`` when the step does not start here.
    """
    after, before = _STEPS[step]
    if status in before:
        return after
    if status == "ended":
        raise Problem("fieldlab-ended", "An ended fieldlab stays ended; register its successor.")
    raise Problem("conflict", f"It is {status} already.")


def recognition_after(decision: Literal["recognise", "withdraw"], status: RecognitionStatus) -> RecognitionStatus:
    """Return the recognition after a decision of the steering group; an ended fieldlab keeps the one it had.

    Raises:
        Problem: ``conflict`` when it is so already, or when there is nothing to withdraw.
    """
    if decision == "recognise" and status != "recognised":
        return "recognised"
    if decision == "withdraw" and status == "recognised":
        return "withdrawn"
    raise Problem("conflict", f"Its recognition is {status}.")
