"""Facts as parts: the sum, the ranges, the neutral unknown, and what may not matter."""

from datetime import date
from math import fsum
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_catalogues import catalogue, fieldlab, part

from schakel_contracts.companies import SizeClass
from schakel_contracts.fieldlabs import Capacity, FieldlabStatus
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.fact_sentences import TRANSFORMATIONS
from schakel_matching.engine.ranges import RANGES
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need, PartName, Service, Told
from schakel_matching.reference_data import ReferenceData

TODAY = date(2026, 11, 24)
SERVICES = get_args(Service)
LEVELS = st.none() | st.integers(1, 9)
FACTS = st.fixed_dictionaries(
    {
        "status": st.sampled_from([status for status in get_args(FieldlabStatus) if status != "ended"]),
        "capacity": st.sampled_from(get_args(Capacity)),
        "services": st.lists(st.sampled_from(SERVICES), unique=True),
        "transformations": st.lists(st.sampled_from(sorted(TRANSFORMATIONS)), unique=True),
        "languages": st.lists(st.sampled_from(["nl", "en", "de"]), unique=True),
        "company_sizes": st.lists(st.sampled_from(["micro", "small", "medium", "large"]), unique=True),
        "sectors": st.lists(st.sampled_from(["25", "28"]), unique=True),
        "trl_min": LEVELS,
        "trl_max": LEVELS,
        "postcode4": st.sampled_from([None, "7521", "4382"]),
    }
)
TOLD = st.builds(
    Told,
    service=st.none() | st.sampled_from(SERVICES),
    trl=LEVELS,
    size=st.sampled_from(get_args(SizeClass)),
    right=st.sampled_from([(), ("energy_electrification",)]),
)


@settings(max_examples=150, deadline=None)
@given(facts=FACTS, told=TOLD, postcode=st.sampled_from([None, "7521"]), language=st.sampled_from(["nl", "en"]))
def test_whatever_the_facts_the_parts_add_up_and_stay_in_their_ranges(
    reference_data: ReferenceData, facts: dict[str, Any], told: Told, postcode: str | None, language: Any
) -> None:
    labs = catalogue(reference_data, fieldlab("lab", **facts))
    match = rank(labs, Need("lasrobot", language, postcode, "25", told), TODAY).matches[0]

    assert match.score == fsum(each.value for each in match.parts)
    assert tuple(each.name for each in match.parts) == get_args(PartName)
    for each in match.parts:
        low, high = RANGES[each.name]
        assert low <= each.value <= high
        assert each.text_nl
        assert each.text_en


@pytest.mark.parametrize(
    ("name", "facts", "told", "value", "said"),
    [
        ("service", {"services": ["training"]}, Told(service="training"), 4.0, "U wilt leren. Dat kan hier."),
        (
            "service",
            {"services": ["piloting"]},
            Told(service="training"),
            -2.0,
            "U wilt leren. Dat noemt dit fieldlab niet.",
        ),
        (
            "trl",
            {"trl_min": 4, "trl_max": 6},
            Told(trl=6),
            3.0,
            "Hoe ver uw idee is: stap 6 van 9. Dit fieldlab helpt van stap 4 tot 6.",
        ),
        (
            "trl",
            {"trl_min": 4},
            Told(trl=3),
            -2.0,
            "Hoe ver uw idee is: stap 3 van 9. Dit fieldlab helpt alleen van stap 4 tot 9.",
        ),
        (
            "trl",
            {"trl_max": 2},
            Told(trl=9),
            -4.0,
            "Hoe ver uw idee is: stap 9 van 9. Dit fieldlab helpt alleen van stap 1 tot 2.",
        ),
        (
            "size",
            {"company_sizes": ["small"]},
            Told(size="small"),
            2.0,
            "Dit fieldlab werkt voor bedrijven met 10 tot 49 mensen.",
        ),
        (
            "size",
            {"company_sizes": ["large"]},
            Told(size="micro"),
            -2.0,
            "Dit fieldlab noemt bedrijven met 1 tot 9 mensen niet.",
        ),
        ("language", {"languages": ["nl"]}, Told(), 1.0, "U kunt er Nederlands spreken."),
        ("language", {"languages": ["en"]}, Told(), -2.0, "Dit fieldlab noemt Nederlands niet als taal."),
        (
            "transformation",
            {"transformations": ["advanced_manufacturing"]},
            Told(),
            1.5,
            "Dit fieldlab werkt aan wat u zoekt: slim produceren.",
        ),
        ("capacity", {"capacity": "full"}, Told(), -6.0, "Het zit vol, daarom staat het lager."),
    ],
)
def test_what_a_fact_is_worth_and_how_it_is_said(  # noqa: PLR0917  one row of the table
    reference_data: ReferenceData, name: str, facts: dict[str, Any], told: Told, value: float, said: str
) -> None:
    labs = catalogue(reference_data, fieldlab("lab", **facts))
    found = part(rank(labs, Need("lasrobot", told=told), TODAY).matches[0], name)
    assert (found.value, found.text_nl) == (value, said)


def test_the_service_wanted_is_read_from_the_companys_own_word(reference_data: ReferenceData) -> None:
    labs = catalogue(reference_data, fieldlab("lab", services=["training"]))
    found = part(rank(labs, Need("Wie geeft er een lasrobotcursus?"), TODAY).matches[0], "service")
    assert (found.value, found.evidence) == (4.0, ("lasrobotcursus",))
    assert found.text_nl == "U schrijft “lasrobotcursus”: leren. Dat kan hier."


def test_region_size_and_age_of_a_fieldlab_change_nothing_but_their_own_parts(register: Catalogue) -> None:
    """Counterfactual: the same record elsewhere, for other companies, older, under another hub."""
    need = Need("sensoren op pompen voorspellend onderhoud", postcode4="7521", told=Told(size="small"))
    changes: list[tuple[dict[str, Any], set[str]]] = [
        ({"hub": "zuid", "province": "NL-NB", "municipality_code": "GM0772"}, set()),
        ({"started": "1999", "type": "renewal"}, set()),
        ({"partners": ["A large firm"], "verification": "sourced", "website": "https://example.nl"}, set()),
        ({"latitude": 51.44, "longitude": 5.47}, {"distance"}),
        ({"company_sizes": ["small"]}, {"size"}),
        ({"status_as_of": "2001"}, {"freshness"}),
        ({"capacity": "full"}, {"capacity"}),
    ]
    plain = Catalogue([lab.state for lab in register.labs], register.vocabulary, register.places, register.sectors)
    for change, allowed in changes:
        states = [
            msgspec.structs.replace(lab.state, **change) if lab.state.slug == "camino" else lab.state
            for lab in register.labs
        ]
        changed = Catalogue(states, register.vocabulary, register.places, register.sectors)
        after = _scores(changed, need)
        same = _scores(plain, need)
        moved = {name for name in after["camino"] if after["camino"][name] != same["camino"][name]}
        assert moved <= allowed, change
        assert {slug: parts for slug, parts in after.items() if slug != "camino"} == {
            slug: parts for slug, parts in same.items() if slug != "camino"
        }


def _scores(labs: Catalogue, need: Need) -> dict[str, dict[str, float]]:
    found = rank(labs, need, TODAY, shown=100, whole=True).matches
    return {match.slug: {each.name: each.value for each in match.parts} for match in found}
