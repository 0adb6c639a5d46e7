"""Only who can be in the answer gets its reasons written: the answer is the one that comes of looking at everybody."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import fmean

import numpy as np
import pytest
from matching_catalogues import WORD_ENCODERS, catalogue, fieldlab
from matching_world import DATA_DIR, TODAY

from schakel_contracts.fieldlabs import Confirmation, FieldlabState
from schakel_matching.engine import meaning
from schakel_matching.engine import rank as module
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.estimates import ROUNDING, estimated
from schakel_matching.engine.needs import pieces_of
from schakel_matching.engine.preselect import candidates_of
from schakel_matching.engine.ranges import CURRENT, MODELS, Model
from schakel_matching.engine.rank import rank, standing
from schakel_matching.engine.slate import Need, Slate, Told
from schakel_matching.reference_data import ReferenceData, catalogue_of, fieldlabs

TWO_NEEDS = "wij frezen kleine series, omstellen kost uren, en onze planner stopt ermee"
QUERIES = Path(__file__).parents[2] / "evaluation" / "queries.tsv"


def _judged() -> list[Need]:
    with QUERIES.open(encoding="utf-8", newline="") as file:
        return [
            Need(
                row["text"], "nl" if row["language"] == "nl" else "en", row["postcode"] or None, row["sbi"][:2] or None
            )
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


NEEDS = [
    *_judged(),
    Need(TWO_NEEDS, postcode4="7521"),
    Need("een lasrobot leren bedienen", "nl", "2628", "25", Told(service="training", trl=6, size="small")),
    Need(""),
    Need("Philips"),
]


@pytest.fixture
def at_everybody(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Slate]:
    """Return `rank`, looking at every fieldlab of the catalogue with all its reasons."""

    def answer(labs: Catalogue, need: Need, today: date, *, shown: int = 5, whole: bool = False, model: Model) -> Slate:
        with monkeypatch.context() as patched:
            patched.setattr(module, "candidates_of", lambda *_, **__: np.arange(len(labs.labs)))
            return rank(labs, need, today, shown=shown, whole=whole, model=model)

    return answer


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_judged_challenge_gets_the_answer_of_looking_at_everybody(
    register: Catalogue, at_everybody: Callable[..., Slate], model: Model
) -> None:
    for need in NEEDS:
        assert rank(register, need, TODAY, model=model) == at_everybody(register, need, TODAY, model=model)


def test_with_words_alone_the_answer_is_that_of_looking_at_everybody(
    reference_data: ReferenceData, at_everybody: Callable[..., Slate]
) -> None:
    labs = catalogue_of(fieldlabs(DATA_DIR), reference_data, None)
    for need in NEEDS:
        assert rank(labs, need, TODAY) == at_everybody(labs, need, TODAY, model=CURRENT)


@pytest.mark.parametrize("seed", range(3))
def test_among_hundreds_of_fieldlabs_of_any_kind_the_answer_is_that_of_looking_at_everybody(
    reference_data: ReferenceData, at_everybody: Callable[..., Slate], seed: int
) -> None:
    random = Random(seed)
    states = _many(random, fieldlabs(DATA_DIR), 200)
    labs = catalogue_of(states, reference_data, WORD_ENCODERS if seed % 2 else None)
    for need in random.sample(NEEDS, 12):
        told = Told(trl=random.choice([None, 3, 8]), size=random.choice(["unknown", "small"]), needs=need.told.needs)
        place = random.choice([None, "7521", "5612", "1000"])
        asked = Need(need.text, need.language, place, random.choice([None, "25", "28"]), told)
        for shown in (1, 5, 12):
            expected = at_everybody(labs, asked, TODAY, shown=shown, model=CURRENT)
            assert rank(labs, asked, TODAY, shown=shown) == expected


def test_of_a_large_catalogue_scores_are_those_of_reading_everybody_by_its_pieces(
    reference_data: ReferenceData, at_everybody: Callable[..., Slate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "_READ_ALL", 60)
    monkeypatch.setattr(meaning, "_SAMPLE", 50)
    labs = catalogue_of(_many(Random(5), fieldlabs(DATA_DIR), 200), reference_data, WORD_ENCODERS)
    shared = []
    for need in [*NEEDS[:8], *NEEDS[-2:]]:
        found = rank(labs, need, TODAY, shown=10, whole=True).matches
        scores = {match.slug: match.score for match in found}
        everybody = at_everybody(labs, need, TODAY, shown=10, whole=True, model=CURRENT).matches
        both = [match for match in everybody if match.slug in scores]
        assert [scores[match.slug] for match in both] == pytest.approx([match.score for match in both], abs=1e-4)
        shared.append(len(both) / 10)
    assert fmean(shared) > 0.9


def test_of_a_large_catalogue_the_order_is_close_to_that_of_reading_all_its_pieces(
    reference_data: ReferenceData, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = _many(Random(5), fieldlabs(DATA_DIR), 200)
    small = catalogue_of(states, reference_data, WORD_ENCODERS)
    monkeypatch.setattr(meaning, "_READ_ALL", 60)
    large = catalogue_of(states, reference_data, WORD_ENCODERS)
    shared = []
    for need in NEEDS[:8]:
        first, second = (
            {match.slug for match in rank(labs, need, TODAY, shown=10, whole=True).matches} for labs in (small, large)
        )
        shared.append(len(first & second) / 10)
    assert fmean(shared) > 0.9


def test_equal_fieldlabs_of_one_campus_and_of_others_keep_the_order_of_their_names(
    reference_data: ReferenceData, at_everybody: Callable[..., Slate]
) -> None:
    places = ["7521", "5612", None]
    labs = catalogue(reference_data, *(fieldlab(f"lab-{i:03}", postcode4=places[i % 3]) for i in range(150)))
    slate = rank(labs, Need("lasrobot", postcode4="7521"), TODAY)
    assert [match.slug for match in slate.matches] == ["lab-000", "lab-003", "lab-002", "lab-005", "lab-008"]
    assert slate == at_everybody(labs, Need("lasrobot", postcode4="7521"), TODAY, model=CURRENT)


def test_every_column_holds_what_the_part_says_and_the_sums_differ_by_rounding_alone(
    reference_data: ReferenceData,
) -> None:
    labs = catalogue_of(_many(Random(9), fieldlabs(DATA_DIR), 80), reference_data, WORD_ENCODERS)
    for need in NEEDS[-4:]:
        piece, matches = standing(labs, need, TODAY).pieces[0]
        found = estimated(piece.reading, labs, TODAY, CURRENT)
        for i, lab in enumerate(labs.labs):
            match = matches[lab.state.slug]
            assert {part.name: part.value for part in match.parts} == pytest.approx(
                {name: points[i] for name, points in found.parts.items()}, abs=1e-9
            )
            assert match.score == pytest.approx(found.scores[i], abs=ROUNDING / 10)


def test_few_of_many_fieldlabs_get_their_reasons(register: Catalogue) -> None:
    counts = []
    for need in _judged():
        estimates = [estimated(piece.reading, register, TODAY, CURRENT) for piece in pieces_of(register, need)]
        counts.append(len(candidates_of(estimates, register.columns, shown=5, whole=False, region="oost")))
    assert fmean(counts) < 10
    assert max(counts) <= 25


def _many(random: Random, register: list[FieldlabState], many: int) -> list[FieldlabState]:
    """Return fieldlabs with the texts of the register in new combinations, and facts drawn by chance."""
    made = []
    for i in range(many):
        one, other = random.choice(register), random.choice(register)
        day = TODAY - timedelta(days=random.choice([1, 183, 184, 366, 367, 731, 732, 1500]))
        low = random.choice([None, 2, 5])
        made.append(
            fieldlab(
                f"made-{i:04}",
                name=one.name,
                description_nl=random.choice([one.description_nl, other.description_nl, ""]),
                description_en=other.description_en,
                facilities=one.facilities,
                themes=random.choice([one.themes, other.themes, []]),
                transformations=random.choice([one.transformations, []]),
                services=random.choice([other.services, []]),
                sectors=random.choice([one.sectors, []]),
                company_sizes=random.choice([[], ["small"], ["large", "micro"]]),
                languages=random.choice([[], ["nl"], ["en", "nl"]]),
                trl_min=low,
                trl_max=random.choice([None, 7]),
                hub=one.hub,
                postcode4=random.choice([one.postcode4, other.postcode4, None]),
                latitude=random.choice([one.latitude, None, 48.1]) if i % 40 == 0 else one.latitude,
                longitude=one.longitude,
                status=random.choice(["active", "active", "unknown", "candidate", "paused", "ended"]),
                status_as_of=random.choice([None, "2021", "2026-02", "2026-03-01"]),
                capacity=random.choice(["free", "limited", "full", "unknown"]),
                confirmed=random.choice([None, Confirmation(on=day.isoformat(), by="lab")]),
            )
        )
    return made
