"""Needs as people type them, and what a person who knows the register would expect. Not a measure of quality."""

import time
from datetime import date
from statistics import median

import pytest

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Ended, Need

TODAY = date(2026, 11, 24)

GOLDEN: list[tuple[str, set[str], set[str]]] = [
    # what they type, one of these must be in the first three, these technologies must be recognised
    (
        "wij frezen kleine series, omstellen kost uren",
        {"flexible-manufacturing", "technologies-added"},
        {"cnc_machining", "small_series"},
    ),
    (
        "lasrobot voor kleine series",
        {"flexible-manufacturing", "advanced-manufacturing-center"},
        {"robot_welding", "small_series"},
    ),
    ("3d metal printing of spare parts", {"ramlab", "chill-circular-space"}, {"additive_metal"}),
    (
        "sensoren op pompen voorspellend onderhoud",
        {"techport-smart-maintenance"},
        {"iot_sensors", "predictive_maintenance"},
    ),
    ("we want to inspect welds with a camera", {"techwise-twente", "skill-drachten"}, {"machine_vision"}),
    ("cobot", {"advanced-manufacturing-center", "skill-drachten"}, {"cobots"}),
    ("cyber security", {"bic-cyber-defence"}, {"ot_cybersecurity"}),
    ("composieten recyclen", {"tpac"}, {"composites", "circular_materials"}),
    (
        "Onze machines staan vaak onverwacht stil. Kunnen sensoren vooraf waarschuwen?",
        {"camino", "techport-smart-maintenance"},
        {"predictive_maintenance"},
    ),
    ("private 5G network in our factory", {"advanced-manufacturing-center", "do-iot"}, {"wireless_5g"}),
    (
        "orders automatisch inlezen in ERP",
        {"smart-connected-supplier-network"},
        {"erp", "supply_chain_data"},
    ),
    (
        "wij willen van gas af en onze energierekening verlagen",
        {"flie", "connectr"},
        {"energy_electrification"},
    ),
    (
        "magazijn automatiseren met zelfrijdende karren",
        {"advanced-manufacturing-logistics"},
        {"intralogistics", "mobile_robots"},
    ),
    ("optische chip", {"pitc"}, {"photonics_optics"}),
    ("assembly of satellite optics", {"dutch-optics-centre"}, {"photonics_optics"}),
    ("reserveonderdelen voor schepen printen", {"ramlab"}, {"large_format_am"}),
    ("robotlassen", {"advanced-manufacturing-center"}, {"robot_welding"}),
]


@pytest.mark.parametrize(("text", "expected", "technologies"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_a_need_finds_who_can_help(register: Catalogue, text: str, expected: set[str], technologies: set[str]) -> None:
    slate = rank(register, Need(text), TODAY)

    assert not slate.no_fit
    assert expected & {match.slug for match in slate.matches[:3]}
    assert technologies <= {concept.key for concept in slate.concepts}


@pytest.mark.parametrize("text", ["ik zoek een kapper voor mijn hond", "boekhouding uitbesteden", "xyzzy plugh"])
def test_a_need_that_nobody_answers_is_told_so_and_the_closest_and_the_hub_are_named(
    register: Catalogue, text: str
) -> None:
    slate = rank(register, Need(text, postcode4="7521"), TODAY)

    assert slate.no_fit
    assert [match.rank for match in slate.matches] == [1, 2, 3]
    assert slate.hub == "oost"


def test_an_ended_fieldlab_is_never_ranked_but_named_with_its_end_and_successor(register: Catalogue) -> None:
    slate = rank(register, Need("lasrobot voor kleine series"), TODAY, shown=100)
    assert [(m.slug, m.rank, m.ended) for m in slate.ended] == [
        ("smart-welding-factory", 0, Ended(on="2023-12-31", successor=None))
    ]
    assert "smart-welding-factory" not in {match.slug for match in slate.matches}

    pumps = rank(register, Need("voorspellend onderhoud"), TODAY)
    assert ("zero-surprises-fieldlab", Ended(on="2016", successor="campione")) in {
        (m.slug, m.ended) for m in pumps.ended
    }


def test_an_unpublished_fieldlab_is_not_in_the_catalogue(register: Catalogue) -> None:
    slugs = {lab.state.slug for lab in register.labs}
    assert len(slugs) == 73
    assert slugs.isdisjoint({"upps", "the-garden", "smash", "mind-utrecht", "brightlands-smart-services"})


def test_the_whole_register_answers_a_long_need_that_is_known_in_little_processor_time(register: Catalogue) -> None:
    text = (
        " ".join(row[0] for row in GOLDEN) + " " + "Wij maken onderdelen voor machines en zoeken een testlocatie. " * 20
    )
    times = []
    for _ in range(5):
        start = time.process_time()
        rank(register, Need(text, postcode4="2628", sbi_division="28"), TODAY)
        times.append(time.process_time() - start)
    assert median(times) < 0.2  # 0.03 on a quiet machine; a busy one shares its core
