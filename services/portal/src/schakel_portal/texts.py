"""The words on the pages: one table per language, the same keys in both."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Language = Literal["nl", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("nl", "en")
AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")
_FOLDER: Final = Path(__file__).parent / "locales"
_PARTIAL_DATE: Final = re.compile(r"^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$")


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return ``{"home.title": "..."}`` of nested tables."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


@cache
def table_of(language: Language) -> dict[str, str]:
    """Return all texts of a language by key."""
    return flatten(tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8")))


class Texts:
    """The texts of one language; calling it with a key gives the text, an unknown key is a mistake of ours."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._table = table_of(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text with ``{name}`` replaced by the values."""
        text = self._table[key]
        return text.format(**values) if values else text

    def word(self, group: str, key: str | None) -> str:
        """Return the word for a code of the API, such as ``status.active``; a code we do not know is shown as it is."""
        if key is None:
            return self("words.unknown")
        return self._table.get(f"{group}.{key.lower()}", key.replace("_", " "))

    def count(self, key: str, number: int) -> str:
        """Return ``<key>_one`` for one, ``<key>_many`` for any other number."""
        return self(f"{key}_one" if number == 1 else f"{key}_many", number=number)

    def chosen(self, record: Mapping[str, Any], field: str) -> str:
        """Return ``record["titleNl"]`` or ``record["titleEn"]``; the other language where one is missing."""
        first, second = ("Nl", "En") if self.language == "nl" else ("En", "Nl")
        return str(record.get(field + first) or record.get(field + second) or "")

    def day(self, value: str | None) -> str:
        """Return a date in words, as precise as its source: ``2016`` stays a year, an instant becomes its Dutch day."""
        if not value:
            return self("words.unknown")
        partial = _PARTIAL_DATE.match(value)
        if not partial:
            return self.day(_instant(value).date().isoformat())
        year, month, day = partial.groups()
        if month is None:
            return year
        name = self(f"months.m{int(month)}")
        return f"{name} {year}" if day is None else f"{int(day)} {name} {year}"

    def moment(self, value: str | None) -> str:
        """Return an instant as a day and a time in the Netherlands; a date without time stays a date."""
        if not value or _PARTIAL_DATE.match(value):
            return self.day(value)
        local = _instant(value)
        time = f"{local:%H.%M}" if self.language == "nl" else f"{local:%H:%M}"
        return self("words.at_time", day=self.day(local.date().isoformat()), time=time)

    def number(self, value: float | None) -> str:
        """Return a number with the language's thousands mark; an unknown one is said to be unknown."""
        if value is None:
            return self("words.unknown")
        text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "nl" else text


def _instant(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(AMSTERDAM)


def today(now: datetime) -> date:
    """Return the day in the Netherlands."""
    return now.astimezone(AMSTERDAM).date()
