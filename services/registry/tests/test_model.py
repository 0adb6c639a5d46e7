"""The rules, without a database."""

from datetime import UTC, date, datetime

import pytest

from schakel_common.problems import Problem
from schakel_registry.model import (
    date_error,
    effective_at,
    kvk_number_error,
    move_effective_at,
    normal_postcode,
    normal_sbi,
    published_sbi,
    recognition_after,
    slug_error,
    start_of,
    status_after,
    withholds_detail,
)
from schakel_registry.reference import ReferenceData

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("number", ["01234567", "00000000", "68750110"])
def test_a_kvk_number_has_eight_digits(number: str) -> None:
    assert kvk_number_error(number) is None


@pytest.mark.parametrize("number", ["", "1234567", "123456789", "1234567a", " 1234567", "١٢٣٤٥٦٧٨"])
def test_anything_else_is_no_kvk_number(number: str) -> None:
    error = kvk_number_error(number)
    assert error is not None
    assert (error.field, error.code) == ("kvkNumber", "kvk-number-digits")


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("1234AB", "1234AB"),
        ("1234 ab", "1234AB"),
        (" 1234 AB ", "1234AB"),
        ("1234", "1234"),
        ("0234 AB", None),
        ("1234 SA", None),
        ("1234 A", None),
        ("12345", None),
        ("1234  AB", None),
    ],
)
def test_a_postcode_is_read_as_people_type_it(typed: str, normal: str | None) -> None:
    assert normal_postcode(typed) == normal


def test_every_postcode_with_addresses_has_a_province_with_a_hub(reference: ReferenceData) -> None:
    areas = [area for area in reference.postcodes.values() if area.kind in ("address", "mixed")]
    assert len(areas) == 4124
    assert [area for area in areas if area.hub == "unassigned"] == []


def test_one_code_written_in_two_ways_is_one_code() -> None:
    assert normal_sbi(["25.11", "2511", " 2562 "]) == ["2511", "2562"]
    assert published_sbi(["2511", "2562", "2899"], coarse=True) == ["25", "28"]
    assert published_sbi(["2511"], coarse=False) == ["2511"]


def test_detail_is_withheld_of_those_that_may_be_one_person() -> None:
    assert [withholds_detail(size, sole_trader=False) for size in ("micro", "small", "medium", "large", "unknown")] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert withholds_detail("large", sole_trader=True)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2016", datetime(2015, 12, 31, 23, tzinfo=UTC)),
        ("2018-04", datetime(2018, 3, 31, 22, tzinfo=UTC)),
        ("2021-04-22", datetime(2021, 4, 21, 22, tzinfo=UTC)),
    ],
)
def test_a_date_begins_at_midnight_in_amsterdam(text: str, start: datetime) -> None:
    assert start_of(text) == start
    assert effective_at(text, NOW) == start


def test_nothing_is_so_in_the_future_and_the_unknown_is_so_from_now() -> None:
    assert effective_at("2027", NOW) == NOW
    assert effective_at(None, NOW) == NOW


@pytest.mark.parametrize("text", ["", "21", "2021-4", "2021-13", "2021-02-30", "spring 2021", "0000"])
def test_what_is_no_date_is_refused(text: str) -> None:
    error = date_error("on", text)
    assert error is not None
    assert (error.field, error.code) == ("on", "date-form")


def test_a_move_counts_from_its_day_but_never_before_the_registration() -> None:
    registered = datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert move_effective_at(date(2026, 11, 12), registered, NOW) == datetime(2026, 11, 11, 23, tzinfo=UTC)
    assert move_effective_at(date(2026, 11, 10), registered, NOW) == registered
    for day in (date(2026, 11, 9), date(2026, 11, 25)):
        with pytest.raises(Problem, match="invalid-input"):
            move_effective_at(day, registered, NOW)


def test_every_step_of_the_life_cycle() -> None:
    after = {
        (step, status): _after(step, status)
        for step in ("activate", "pause", "end")
        for status in ("candidate", "active", "paused", "ended", "unknown")
    }
    assert after == {
        ("activate", "candidate"): "active",
        ("activate", "active"): "conflict",
        ("activate", "paused"): "active",
        ("activate", "ended"): "fieldlab-ended",
        ("activate", "unknown"): "active",
        ("pause", "candidate"): "conflict",
        ("pause", "active"): "paused",
        ("pause", "paused"): "conflict",
        ("pause", "ended"): "fieldlab-ended",
        ("pause", "unknown"): "paused",
        ("end", "candidate"): "ended",
        ("end", "active"): "ended",
        ("end", "paused"): "ended",
        ("end", "ended"): "fieldlab-ended",
        ("end", "unknown"): "ended",
    }


def _after(step: str, status: str) -> str:
    try:
        return status_after(step, status)  # type: ignore[arg-type] # both are values of the Literals
    except Problem as problem:
        return problem.slug


def test_recognition_is_given_again_and_withdrawn_once() -> None:
    assert recognition_after("recognise", "unknown") == "recognised"
    assert recognition_after("recognise", "withdrawn") == "recognised"
    assert recognition_after("withdraw", "recognised") == "withdrawn"
    for decision, status in (("recognise", "recognised"), ("withdraw", "unknown"), ("withdraw", "withdrawn")):
        with pytest.raises(Problem, match="conflict"):
            recognition_after(decision, status)  # type: ignore[arg-type] # both are values of the Literals


@pytest.mark.parametrize("slug", ["a", "A-b", "a--b", "-a", "a_b", "a" * 61, "é-a"])
def test_a_slug_is_short_plain_and_lower_case(slug: str) -> None:
    assert slug_error(slug) is not None
    assert slug_error("3d-makers-zone") is None
