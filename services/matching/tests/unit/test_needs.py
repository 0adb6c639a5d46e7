"""Several needs in one text: where it is cut, what each gets, and what the company says about it."""

import csv
from datetime import date
from pathlib import Path

import pytest
from matching_catalogues import catalogue, fieldlab

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.cutting import cuts_of, pieces_at
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need, Told
from schakel_matching.reference_data import ReferenceData

TODAY = date(2026, 11, 24)
EVALUATION = Path(__file__).parents[2] / "evaluation"
TWO = "wij frezen kleine series, omstellen kost uren, en onze planner stopt ermee"


def rows(name: str) -> list[dict[str, str]]:
    with (EVALUATION / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_machining_and_a_planner_who_leaves_are_two_needs_each_with_its_own_fieldlabs(register: Catalogue) -> None:
    slate = rank(register, Need(TWO), TODAY)

    first, second = slate.needs
    assert [(need.id, need.quote, need.fits) for need in slate.needs] == [
        ("n1", "wij frezen kleine series, omstellen kost uren", True),
        ("n2", "onze planner stopt ermee", True),
    ]
    assert set(first.technologies) >= {"cnc_machining", "small_series"}
    assert set(second.technologies) == {"production_planning", "skills_training"}
    assert {"technologies-added", "flexible-manufacturing"} <= {lab.slug for lab in first.fieldlabs}
    assert second.fieldlabs[0].slug == "field-lab-robotics-roermond"
    shown = {match.slug: match for match in slate.matches}
    for need in slate.needs:
        best = shown[need.fieldlabs[0].slug]
        assert best.needs[0] == need.id
        assert best.score == need.fieldlabs[0].score


def test_a_text_with_one_need_has_one_entry_with_the_whole_text(register: Catalogue) -> None:
    text = "Titanium brackets: we mill them from solid and 85% of the bar ends up as chips."
    need = rank(register, Need(text, "en"), TODAY).needs
    assert [(one.id, one.quote) for one in need] == [("n1", text)]


def test_reasons_quote_the_need_that_they_answer_and_every_quote_stands_in_the_text(register: Catalogue) -> None:
    slate = rank(register, Need(TWO), TODAY)
    quotes = {need.id: need.quote for need in slate.needs}
    assert all(quote in TWO for quote in quotes.values())
    for match in slate.matches:
        record = next(lab.text for lab in register.labs if lab.state.slug == match.slug)
        for part in match.parts:
            assert all(words in quotes[match.needs[0]] or words in record for words in part.evidence)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "We zoeken een lasrobot. Daarnaast willen we van gas af.",
            ["We zoeken een lasrobot.", "Daarnaast willen we van gas af."],
        ),
        ("- lasrobot voor frames\n- minder energie in de oven", ["lasrobot voor frames", "minder energie in de oven"]),
        ("Our robot picks up the part and the part slips from the gripper.", None),
        ("wij maken vezelplaten en we zouden de harsen willen vervangen", None),
        ("We willen een cobot, maar we hebben geen tijd voor een cursus.", None),
        ("sensoren op pompen en motoren", None),
        ("", None),
    ],
)
def test_where_a_text_is_cut(text: str, pieces: list[str] | None) -> None:
    assert pieces_at(text, cuts_of(text)) == (pieces or [text])


def test_most_marked_texts_are_cut_and_few_others(register: Catalogue) -> None:
    """The judged set was looked at while the rules were written; docs/matching.md has the figures of unseen texts."""
    judged = rows("queries.tsv")
    cut = {row["id"] for row in judged if len(rank(register, Need(row["text"]), TODAY).needs) > 1}
    two = {row["id"] for row in judged if "two_needs" in row["kind"].split()}
    assert len(cut & two) >= 13
    assert len(cut - two) <= 3


def test_the_company_cuts_its_text_itself(register: Catalogue) -> None:
    whole = rank(register, Need(TWO, told=Told(needs=(TWO,))), TODAY)
    assert [need.quote for need in whole.needs] == [TWO]
    text = "onze lasser is ziek, de oven slurpt gas"
    cut = rank(register, Need(text, told=Told(needs=("onze lasser is ziek", "de oven slurpt gas"))), TODAY)
    assert [need.quote for need in cut.needs] == ["onze lasser is ziek", "de oven slurpt gas"]


def test_what_the_company_says_of_a_technology_overrules_what_was_recognised(reference_data: ReferenceData) -> None:
    labs = catalogue(reference_data, fieldlab("welder"), fieldlab("grid", themes=["energy_electrification"]))
    text = "Wij zoeken een lasrobot"
    seen = rank(labs, Need(text), TODAY)
    assert [concept.key for concept in seen.concepts] == ["robot_welding"]
    assert seen.matches[0].slug == "welder"

    told = Told(right=("energy_electrification",), wrong=("robot_welding",))
    corrected = rank(labs, Need(text, told=told), TODAY)
    assert [concept.key for concept in corrected.concepts] == ["energy_electrification"]
    part = next(p for match in corrected.matches if match.slug == "grid" for p in match.parts if p.name == "technology")
    assert part.value > 0
    assert part.text_nl.startswith("U koos zelf de techniek.")
    assert part.evidence == ()


def test_the_set_of_needs_says_for_each_text_how_many_it_has_and_who_has_seen_it() -> None:
    found = rows("needs.tsv")
    assert len({row["text"] for row in found}) == len(found) == 60
    assert {(row["set"], row["needs"]) for row in found} == {
        (name, count) for name in ("development", "unseen") for count in "12"
    }
