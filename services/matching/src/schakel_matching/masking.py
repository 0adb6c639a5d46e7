"""Masking of what identifies a person or a company in a free text, before anybody but its writer reads it.

It catches what people write by habit (an address, a number), not every name: the form asks them to leave those out.
"""

import re
from typing import Final, Literal

_MAIL: Final = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_DATE: Final = re.compile(r"^(?:\d{4}-\d{2}-\d{2}|\d{1,2}-\d{1,2}-\d{4})$")
_NUMBER: Final = re.compile(r"(?<![\w.,])\+?(?:\(\d{1,4}\)|\d)(?:[\s().-]{0,2}\d){6,14}(?![\w])")
_DIGITS_MIN: Final = 8
"""A KvK number has 8 digits, a Dutch phone number 10; a year or a price in whole euros seldom as many."""

_MASK: Final = {"nl": "[verborgen]", "en": "[hidden]"}


def mask(text: str, language: Literal["nl", "en"]) -> str:
    """Return the text with e-mail addresses, phone numbers and KvK numbers replaced by a word that says so."""
    hidden = _MASK[language]
    return _NUMBER.sub(lambda match: _masked(match.group(), hidden), _MAIL.sub(hidden, text))


def _masked(number: str, hidden: str) -> str:
    digits = sum(character.isdigit() for character in number)
    return number if digits < _DIGITS_MIN or _DATE.match(number) else hidden
