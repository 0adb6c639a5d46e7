"""What no fieldlab is for: money, investors, markets abroad, lessons; with where the register sends a company.

Recognised by words, not by closeness: the encoders put a need for money next to every text about projects. The words
and the order of the places are for people to edit.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from schakel_matching.engine.words import Token

Ask = Literal["money", "capital", "abroad", "business", "office", "safety", "school", "learning_culture"]


class Destination(msgspec.Struct, frozen=True):
    """A programme, training or hub of the register that a company can be sent to.

    Attributes:
        themes: keys of the technology vocabulary.
        hub: slug of its region: the only one that a programme serves, or where a training is given; None is everywhere.
        postcode4: of the place where people must come; None when unknown or nowhere.
        reason_nl: when to go there, in the register's own words.
    """

    kind: Literal["programme", "training", "hub"]
    slug: str
    name_nl: str
    name_en: str
    url: str | None
    reason_nl: str
    reason_en: str
    themes: frozenset[str] = frozenset()
    hub: str | None = None
    postcode4: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """Something that is asked and that no fieldlab does, with the company's word for it."""

    ask: Ask
    span: str


_WORDS: Final[Mapping[Ask, str]] = MappingProxyType(
    {
        "money": "subsidie subsidies potje voucher vouchers grant grants funding subsidy subsidised",
        "capital": "investeerder investeerders durfkapitaal kapitaal aandeelhouder invests investor investors venture",
        "abroad": "distributeur distributeurs distributor distributors wederverkoper licentie licence exportmarkt",
        "business": "btw jaarrekening boekhouder boekhouding accountant webwinkel webshop aansprakelijkheid liability"
        " bookkeeping bookkeeper vat keurmerk merkrecht arbeidscontract verzekering insurance",
        "office": "salarisadministratie payroll wachtwoord wachtwoorden password passwords kantoorautomatisering",
        "safety": "gijzelsoftware ransomware gehackt hackers hacker hacked phishing",
        "school": "stagiair stagiairs stagiaires leerling leerlingen schoolverlaters apprentice apprentices vmbo",
        "learning_culture": "gemopper leercultuur scholingsbehoefte scholingsplan inzetbaarheid",
    }
)
_ASK_OF: Final = {word: ask for ask, words in _WORDS.items() for word in words.split()}

PLACES_OF: Final[Mapping[Ask, tuple[str, ...]]] = MappingProxyType(
    {
        "money": (
            "mkb-haalbaarheidsvoucher-noord",
            "overijssel-digitale-circulaire-industrie",
            "limburg-toekomstbestendig",
            "wbso",
            "mit-regeling",
        ),
        "capital": ("regionale-ontwikkelingsmaatschappijen", "techleap"),
        "abroad": ("enterprise-europe-network",),
        "business": ("kamer-van-koophandel",),
        "office": ("edih-netwerk-nederland", "kamer-van-koophandel"),
        "safety": ("ncsc-digital-trust-center",),
        "school": ("katapult",),
        "learning_culture": ("slim-regeling",),
    }
)
"""Programmes of the register by what is asked, those of one region before those of the country; a test checks them."""

INSTEAD: Final[frozenset[Ask]] = frozenset({"money", "capital", "abroad", "business", "office"})
"""Asks for which no fieldlab is an answer; beside the others a fieldlab may be one."""


def asked_of(text: str, tokens: Sequence[Token]) -> tuple[Asked, ...]:
    """Return what a text asks that no fieldlab does, each once, in the order of the text."""
    found: dict[Ask, Asked] = {}
    for token in tokens:
        ask = _ASK_OF.get(token.folded)
        if ask is not None:
            found.setdefault(ask, Asked(ask, text[token.start : token.end]))
    return tuple(found.values())
