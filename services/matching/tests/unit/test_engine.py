"""The engine's promises on small catalogues of its own."""

from datetime import date
from math import fsum

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_catalogues import catalogue, fieldlab, part

from schakel_contracts.fieldlabs import Confirmation
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.facts import capacity_part, freshness_part, status_part
from schakel_matching.engine.places import kilometres, place_of
from schakel_matching.engine.ranges import MODEL, RANGES
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need, Told
from schakel_matching.engine.words import stem_of, tokens_of
from schakel_matching.reference_data import ReferenceData

TODAY = date(2026, 11, 24)
LONG = (
    "Wij zijn een familiebedrijf in Twente en maken trailers. De lasser heeft het druk, een lasrobot voor kleine "
    "series lijkt ons te duur. We willen ook sensoren op de pompen en een camera die de lassen keurt."
)


def test_the_parts_add_up_to_the_score_and_each_stays_in_its_range(register: Catalogue) -> None:
    for text in (LONG, "cobot", "5G", "ik zoek een kapper"):
        for match in rank(register, Need(text, postcode4="2628", sbi_division="28"), TODAY, shown=100).matches:
            assert match.score == fsum(p.value for p in match.parts)
            assert [p.name for p in match.parts] == list(RANGES)
            assert all(RANGES[p.name][0] <= p.value <= RANGES[p.name][1] for p in match.parts)


def test_every_quote_stands_in_its_source_and_every_reason_is_said_in_both_languages(register: Catalogue) -> None:
    labs = {lab.state.slug: lab for lab in register.labs}
    quotes = 0
    for text in (LONG, "3d metal printing of spare parts", "Onderhoudsmonteurs en trilsensoren"):
        for match in rank(register, Need(text), TODAY, shown=100).matches:
            record = labs[match.slug].text
            for p in match.parts:
                assert p.text_nl
                assert p.text_en
                for quote in (*p.text_nl.split("“")[1:], *p.text_en.split("“")[1:]):
                    words = quote.split("”")[0]
                    quotes += 1
                    assert words in text or words in record
                for words in p.evidence:
                    assert words in text or words in record
    assert quotes > 100


def test_the_same_question_gets_the_same_answer_and_ties_go_by_slug(reference_data: ReferenceData) -> None:
    twins = catalogue(reference_data, fieldlab("zeta"), fieldlab("alfa"), fieldlab("mike"))
    first = rank(twins, Need("lasrobot"), TODAY)
    assert first == rank(twins, Need("lasrobot"), TODAY)
    assert [(m.slug, m.rank) for m in first.matches] == [("alfa", 1), ("mike", 2), ("zeta", 3)]
    assert first.model == MODEL == "additive-3.0.2"


def test_missing_facts_are_neutral_and_named(reference_data: ReferenceData) -> None:
    bare = catalogue(reference_data, fieldlab("bare", status="unknown"))
    match = rank(bare, Need("lasrobot"), TODAY).matches[0]
    missing = ("sector", "transformation", "service", "trl", "size", "distance", "language", "capacity", "status")
    assert {name: part(match, name).value for name in missing} == dict.fromkeys(missing, 0.0)
    assert match.unknown == (
        "company_sector",
        "fieldlab_transformation",
        "company_service",
        "company_trl",
        "company_size",
        "company_place",
        "fieldlab_language",
        "capacity",
        "status",
        "confirmation",
    )
    told = Told(service="training", trl=5, size="small")
    asked = Need("lasrobot", postcode4="7521", sbi_division="25", told=told)
    assert rank(bare, asked, TODAY).matches[0].unknown == (
        "fieldlab_sector",
        "fieldlab_transformation",
        "fieldlab_service",
        "fieldlab_trl",
        "fieldlab_size",
        "fieldlab_place",
        "fieldlab_language",
        "capacity",
        "status",
        "confirmation",
    )


def test_a_shared_sector_adds_eight_and_another_costs_three(reference_data: ReferenceData) -> None:
    labs = catalogue(reference_data, fieldlab("same", sectors=["28"]), fieldlab("other", sectors=["01"]))
    matches = {m.slug: m for m in rank(labs, Need("lasrobot", sbi_division="28"), TODAY).matches}
    assert part(matches["same"], "sector").value == 8.0
    assert part(matches["other"], "sector").value == -3.0


def test_near_is_better_and_the_distance_is_said_in_kilometres(reference_data: ReferenceData) -> None:
    labs = catalogue(reference_data, fieldlab("near", postcode4="7521"), fieldlab("far", postcode4="4382"))
    matches = {m.slug: m for m in rank(labs, Need("lasrobot", postcode4="7521"), TODAY).matches}
    assert part(matches["near"], "distance").value == pytest.approx(5.0)
    assert -5.0 < part(matches["far"], "distance").value < -4.0
    assert part(matches["near"], "distance").text_nl == "Ongeveer 1 km bij u vandaan."


@pytest.mark.parametrize(
    ("status", "value"), [("active", 3.0), ("unknown", 0.0), ("candidate", -2.0), ("paused", -8.0)]
)
def test_whether_it_works(status: str, value: float) -> None:
    part, unknown = status_part(fieldlab("x", status=status))
    assert part.value == value
    assert unknown == (("status",) if status == "unknown" else ())


@pytest.mark.parametrize(("capacity", "value"), [("free", 1.0), ("unknown", 0.0), ("limited", -1.0), ("full", -6.0)])
def test_whether_it_has_room(capacity: str, value: float) -> None:
    part, unknown = capacity_part(fieldlab("x", capacity=capacity))
    assert part.value == value
    assert unknown == (("capacity",) if capacity == "unknown" else ())


@pytest.mark.parametrize(
    ("confirmed", "seen", "value", "said"),
    [
        ("2026-10-01", None, 3.0, "De gegevens zijn bevestigd op 1 oktober 2026."),
        ("2025-12-31", None, 2.0, "De gegevens zijn bevestigd op 31 december 2025."),
        ("2025-01-31", None, 0.0, "De gegevens zijn bevestigd op 31 januari 2025."),
        ("2020-01-31", None, -2.0, "De gegevens zijn bevestigd op 31 januari 2020."),
        (None, "2025-10", -1.0, "Niemand heeft deze gegevens nog bevestigd. Wat we weten is van oktober 2025."),
        (None, "2019", -3.0, "Niemand heeft deze gegevens nog bevestigd. Wat we weten is van 2019."),
        (None, None, -3.0, "Niemand heeft deze gegevens nog bevestigd."),
    ],
)
def test_freshness(confirmed: str | None, seen: str | None, value: float, said: str) -> None:
    by = Confirmation(on=confirmed, by="fieldlab:x") if confirmed else None
    found, unknown = freshness_part(fieldlab("x", confirmed=by, status_as_of=seen), TODAY)
    assert (found.value, found.text_nl) == (value, said)
    assert unknown == (() if confirmed else ("confirmation",))


def test_a_fieldlab_next_door_that_does_something_else_is_no_fit(reference_data: ReferenceData) -> None:
    baker = fieldlab(
        "baker", postcode4="7521", sectors=["28"], themes=[], description_nl="Brood bakken.", description_en="Bread."
    )
    slate = rank(catalogue(reference_data, baker), Need("lasrobot", postcode4="7521", sbi_division="28"), TODAY)
    assert slate.no_fit
    assert [m.slug for m in slate.matches] == ["baker"]


def test_an_empty_catalogue_answers_no_fit(reference_data: ReferenceData) -> None:
    slate = rank(catalogue(reference_data), Need("lasrobot"), TODAY)
    assert slate.no_fit
    assert slate.matches == ()
    assert slate.hub == "national"


def test_dutch_finds_english_through_the_vocabulary(reference_data: ReferenceData) -> None:
    english = fieldlab("english", themes=[], description_nl="", description_en="Predictive maintenance of pumps.")
    other = fieldlab("other", themes=[], description_nl="", description_en="Bread and pastry for the whole city.")
    slate = rank(catalogue(reference_data, english, other), Need("voorspellend onderhoud"), TODAY)
    texts = {m.slug: part(m, "text") for m in slate.matches}
    assert texts["english"].value > 0.0
    assert texts["other"].value == 0.0
    assert texts["english"].evidence == ("Predictive maintenance of pumps",)


@pytest.mark.parametrize(
    ("one", "other"),
    [("robots", "robot"), ("series", "serie"), ("lassers", "lasser"), ("printing", "prints"), ("lassen", "las")],
)
def test_words_that_mean_the_same_have_one_stem(one: str, other: str) -> None:
    assert stem_of(one) == stem_of(other)


def test_words_that_differ_keep_their_stems() -> None:
    assert stem_of("machining") != stem_of("machine")
    assert stem_of("cnc") == "cnc"


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=0, max_size=400))
def test_any_text_at_all_is_answered_and_tokens_remember_where_they_stood(
    text: str,
) -> None:
    for token in tokens_of(text):
        assert text[token.start : token.end].strip()


@settings(max_examples=40, deadline=None)
@given(text=st.text(min_size=0, max_size=300))
def test_any_text_adds_up(register: Catalogue, text: str) -> None:
    for match in rank(register, Need(text), TODAY).matches:
        assert match.score == fsum(p.value for p in match.parts)
        assert msgspec.json.encode(match)


@pytest.mark.parametrize(
    ("written", "found"), [("2628 CN", "2628"), ("2628cn", "2628"), (" 2628 ", "2628"), ("9999ZZ9", None), ("", None)]
)
def test_postcodes_as_people_write_them(reference_data: ReferenceData, written: str, found: str | None) -> None:
    place = place_of(reference_data.places, written)
    assert (place.postcode4 if place else None) == found


def test_a_postcode_that_does_not_exist_has_no_place(reference_data: ReferenceData) -> None:
    assert place_of(reference_data.places, "1998") is None
    delft = place_of(reference_data.places, "2628 CN")
    assert delft is not None
    assert (delft.name, delft.province, delft.hub) == ("Delft", "NL-ZH", "zuid-holland")


def test_the_haversine_distance() -> None:
    assert kilometres(52.0, 4.0, 52.0, 4.0) == 0.0
    assert kilometres(52.0, 5.0, 53.0, 5.0) == pytest.approx(111.19, abs=0.01)
