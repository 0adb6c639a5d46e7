"""Where a need is served better than by a fieldlab: programmes, trainings and the hub, by name."""

from datetime import date

import pytest

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.elsewhere import PLACES_OF
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need

TODAY = date(2026, 11, 24)
MONEY = "Is er een subsidie voor het ontwikkelen van een doseerkop?"


@pytest.mark.parametrize(
    ("text", "postcode", "slug", "quote"),
    [
        (MONEY, "3011", "wbso", "subsidie"),
        ("Who invests in our sensor company?", None, "techleap", "invests"),
        ("Zoek een distributeur in Duitsland voor onze pompen", None, "enterprise-europe-network", "distributeur"),
        ("Mijn lasser moet leren werken met een lasrobot", "7553", "opleiding-lasrobotprogrammeur", "leren"),
    ],
)
def test_a_need_for_something_else_is_sent_there_with_the_companys_own_word(
    register: Catalogue, text: str, postcode: str | None, slug: str, quote: str
) -> None:
    slate = rank(register, Need(text, postcode4=postcode), TODAY)
    ending = next(each for each in slate.endings if each.slug == slug)
    assert (ending.quote, ending.needs) == (quote, ("n1",))
    assert ending.kind == ("training" if quote == "leren" else "programme")
    assert ending.reason_nl
    assert ending.reason_en


def test_a_programme_of_a_region_is_for_that_region(register: Catalogue) -> None:
    for postcode, there in ((None, False), ("3011", False), ("9712", True)):
        slugs = {ending.slug for ending in rank(register, Need(MONEY, postcode4=postcode), TODAY).endings}
        assert ("mkb-haalbaarheidsvoucher-noord" in slugs) == there


def test_when_no_fieldlab_fits_the_hub_of_the_place_is_named(register: Catalogue) -> None:
    slate = rank(register, Need("ik zoek een kapper voor mijn hond", postcode4="7521"), TODAY)
    assert slate.no_fit
    assert [(ending.kind, ending.slug, ending.name_nl) for ending in slate.endings] == [
        ("hub", "oost", "BOOST Smart Industry (hub Oost-Nederland)")
    ]


def test_a_need_for_a_machine_has_no_endings(register: Catalogue) -> None:
    assert rank(register, Need("lasrobot voor kleine series"), TODAY).endings == ()


def test_every_place_that_the_lists_name_is_in_the_register(register: Catalogue) -> None:
    for slugs in PLACES_OF.values():
        assert all(register.destination(slug) is not None for slug in slugs)
