"""Why a fieldlab stands where it stands: what is said to change that does change it when it is so."""

from datetime import date
from random import Random

import msgspec
import pytest
from matching_world import TODAY, fieldlab_state

from schakel_contracts.fieldlabs import Confirmation, FieldlabState
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.rank import rank, standing
from schakel_matching.engine.slate import Need, Told
from schakel_matching.engine.why import why, why_in
from schakel_matching.explaining import coached
from schakel_matching.reference_data import ReferenceData

NEED = Need("Wij zoeken een lasrobot voor kleine series.", postcode4="7521")
FRESH = Confirmation(on="2026-11-01", by="lab")


def _catalogue(reference: ReferenceData, *states: FieldlabState) -> Catalogue:
    return Catalogue(states, reference.vocabulary, reference.places, reference.sectors)


def _lab(slug: str, postcode4: str, **facts: object) -> FieldlabState:
    return fieldlab_state(slug, postcode4=postcode4, **{"confirmed": FRESH, "capacity": "free", **facts})


def _four(**facts: object) -> list[FieldlabState]:
    """Three equal fieldlabs on places of their own, and one with other facts."""
    return [
        *(_lab(slug, code) for slug, code in (("a", "7521"), ("b", "7522"), ("c", "7523"))),
        _lab("d", "7524", **facts),
    ]


def test_what_would_bring_it_to_the_third_place_does_bring_it_there(reference_data: ReferenceData) -> None:
    catalogue = _catalogue(reference_data, *_four(confirmed=None, capacity="unknown"))
    found = why(catalogue, NEED, "d", TODAY)
    assert found is not None
    assert (found.match.rank, found.of, found.kept_out) == (4, 4, None)
    assert [change.fact for change in found.changes[:3]] == ["confirmation", "fieldlab_transformation", "capacity"]
    assert all(change.missing for change in found.changes)
    assert found.changes[0].gain == pytest.approx(6.0)
    third = rank(catalogue, NEED, TODAY).matches[2]
    assert found.short == pytest.approx(third.score - found.match.score)
    assert found.enough == ("confirmation", "fieldlab_transformation")
    mended = _catalogue(reference_data, *_four(confirmed=Confirmation(on=TODAY.isoformat(), by="lab"), capacity="free"))
    then = why(mended, NEED, "d", TODAY)
    assert then is not None
    assert then.match.score == pytest.approx(found.match.score + found.changes[0].gain + found.changes[2].gain)


def test_the_place_that_one_change_gives_is_the_place_it_then_has(reference_data: ReferenceData) -> None:
    states = _four(capacity="full")
    found = why(_catalogue(reference_data, *states), NEED, "d", TODAY)
    assert found is not None
    (change,) = [each for each in found.changes if each.fact == "capacity"]
    assert not change.missing
    assert change.gain == pytest.approx(7.0)
    mended = [msgspec.structs.replace(state, capacity="free") for state in states]
    assert [m.slug for m in rank(_catalogue(reference_data, *mended), NEED, TODAY).matches][change.rank - 1] == "d"


def test_a_level_is_supposed_only_when_the_company_told_its_own(reference_data: ReferenceData) -> None:
    catalogue = _catalogue(reference_data, *_four())
    silent = why(catalogue, NEED, "d", TODAY)
    told = why(catalogue, msgspec.structs.replace(NEED, told=Told(trl=5)), "d", TODAY)
    assert silent is not None
    assert told is not None
    assert "fieldlab_trl" not in [change.fact for change in silent.changes]
    assert ("fieldlab_trl", 3.0) in [(change.fact, change.gain) for change in told.changes]


def test_an_ended_one_says_when_and_its_successor_and_that_nothing_changes_it(reference_data: ReferenceData) -> None:
    ended = _lab("oud", "7521", status="ended", ended="2023", succeeded_by="a")
    found = why(_catalogue(reference_data, *_four(), ended), NEED, "oud", TODAY)
    assert found is not None
    assert found.match.ended is not None
    assert (found.kept_out, found.match.rank) == ("ended", 0)
    assert (found.match.ended.on, found.match.ended.successor) == ("2023", "a")
    assert (found.changes, found.enough, found.short) == ((), (), 0.0)


def test_a_third_of_one_campus_names_the_two_before_it(reference_data: ReferenceData) -> None:
    same = [_lab(slug, "7521") for slug in ("x", "y", "z")]
    found = why(_catalogue(reference_data, *same), NEED, "z", TODAY)
    assert found is not None
    assert (found.kept_out, found.match.rank, found.campus) == ("campus", 0, ("X", "Y"))


def test_one_that_does_not_answer_the_need_is_not_told_to_mend_its_record(reference_data: ReferenceData) -> None:
    baker = _lab("bakker", "7521", themes=["food_processing"], description_nl="Brood.", description_en="Bread.")
    found = why(_catalogue(reference_data, *_four(), baker), NEED, "bakker", TODAY)
    assert found is not None
    assert (found.kept_out, found.match.rank, found.changes) == ("no_fit", 5, ())


def test_unknown_and_unpublished_look_the_same(reference_data: ReferenceData) -> None:
    catalogue = _catalogue(reference_data, *_four(), _lab("geheim", "7521", published=False))
    assert why(catalogue, NEED, "geheim", TODAY) is None
    assert why(catalogue, NEED, "bestaat-niet", TODAY) is None


def test_in_the_register_the_places_are_those_of_the_slate_and_each_change_only_helps(register: Catalogue) -> None:
    need = Need("wij frezen kleine series, omstellen kost uren", postcode4="2628", told=Told(trl=4, size="small"))
    slate, found = rank(register, need, TODAY), standing(register, need, TODAY)
    for slug in Random(4).sample([lab.state.slug for lab in register.labs], 20):
        each = why_in(found, register, slug, TODAY)
        assert each is not None
        assert sum(part.value for part in each.match.parts) == pytest.approx(each.match.score)
        if each.kept_out is None:
            assert all(1 <= change.rank <= each.match.rank and change.gain > 0 for change in each.changes)
    for match in slate.matches[:3]:
        each = why_in(found, register, match.slug, TODAY)
        assert each is not None
        assert (each.match.rank, each.match.score, each.short) == (match.rank, match.score, 0.0)


def test_a_coach_counts_what_was_missing_just_outside_the_first_three(reference_data: ReferenceData) -> None:
    catalogue = _catalogue(reference_data, *_four(confirmed=None))
    needs = [
        NEED,
        msgspec.structs.replace(NEED, text="Een lasrobot voor ons bedrijf."),
        Need("Brood bakken."),
    ]
    found = [each for need in needs if (each := why(catalogue, need, "d", TODAY)) is not None]
    coaching = coached(found, since=date(2026, 8, 26), needs=3)
    assert (coaching.since, coaching.needs, coaching.top) == ("2026-08-26", 3, 0)
    assert coaching.just_outside == len([each for each in found if each.match.rank == 4])
    tip = coaching.tips[0]
    assert (tip.fact, tip.missing, tip.times) == ("confirmation", True, coaching.just_outside)
    assert coached([], since=TODAY, needs=0).tips == ()
