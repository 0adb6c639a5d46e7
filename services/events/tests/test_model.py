"""The rules, without a database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from schakel_common.problems import Problem
from schakel_events.model import (
    capacity_error,
    date_error,
    demand_open,
    email_error,
    has_room,
    leaf_of,
    moment_errors,
    normal_instant,
    precision_of,
    slug_of,
    start_of,
)
from schakel_events.reference import Area, ReferenceData

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ROW = UUID("12345678-1234-4234-8234-123456789abc")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Welding with robots", "welding-with-robots-12345678"),
        ("  Één dag: 3D-printen!  ", "een-dag-3d-printen-12345678"),
        ("机器人", "12345678"),
        ("x" * 200, f"{'x' * 60}-12345678"),
    ],
)
def test_a_slug_is_readable_and_unique_by_its_row(title: str, slug: str) -> None:
    assert slug_of(title, ROW) == slug


@pytest.mark.parametrize(
    ("text", "precision", "start"),
    [
        ("2016", "year", datetime(2015, 12, 31, 23, tzinfo=UTC)),
        ("2018-04", "month", datetime(2018, 3, 31, 22, tzinfo=UTC)),
        ("2021-04-22", "day", datetime(2021, 4, 21, 22, tzinfo=UTC)),
        ("2021-04-22T10:00:00+02:00", "instant", datetime(2021, 4, 22, 8, tzinfo=UTC)),
    ],
)
def test_a_moment_keeps_its_precision(text: str, precision: str, start: datetime) -> None:
    assert precision_of(text) == precision
    assert start_of(text) == start


@pytest.mark.parametrize("text", ["", "spring", "2021-13", "2021-02-30", "2021-04-22T10:00:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        precision_of(text)


def test_a_date_is_no_more_precise_than_a_day() -> None:
    assert date_error("date", None) is None
    assert date_error("date", "2021") is None
    error = date_error("date", "2021-04-22T10:00:00Z")
    assert error is not None
    assert error.code == "date-form"


def test_equal_moments_are_equal_texts() -> None:
    assert normal_instant("2027-02-03T14:00:00+01:00") == normal_instant("2027-02-03T13:00:00.5Z")
    assert normal_instant("2027-02-03T14:00:00+01:00") == "2027-02-03T13:00:00Z"


def test_a_planned_activity_is_to_come_and_ends_after_it_starts() -> None:
    def codes(starts_at: str, ends_at: str | None) -> list[str]:
        return [error.code for error in moment_errors(starts_at, ends_at, NOW) if error]

    assert codes("2027-02-03T14:00:00Z", "2027-02-03T15:00:00Z") == []
    assert codes("2026-11-24T09:30:00Z", None) == ["starts-in-the-past"]
    assert codes("2027-02-03", "later") == ["without-offset", "without-offset"]
    assert codes("2027-02-03T14:00:00Z", "2027-02-03T14:00:00Z") == ["ends-before-start"]


def test_what_a_scope_owns_counts_at_one_leaf() -> None:
    assert leaf_of("national", None) == "national"
    assert leaf_of("hub:noord", None) == "noord"
    assert leaf_of("fieldlab:robohouse", "zuid-holland") == "zuid-holland"
    for scope in ("hub:west", "hub:national", "service:schakel-load", "", "company:1"):
        assert leaf_of(scope, None) is None


@pytest.mark.parametrize("status", ["held", "cancelled"])
def test_only_what_is_planned_and_to_come_is_open(status: str) -> None:
    demand_open("planned", "2026-11-24T09:30:01Z", NOW)
    for closed in ((status, "2027-02-03T14:00:00Z"), ("planned", "2026-11-24T09:30:00Z")):
        with pytest.raises(Problem, match="activity-closed"):
            demand_open(*closed, NOW)


def test_seats() -> None:
    assert [has_room(3, taken) for taken in (0, 2, 3)] == [True, True, False]
    assert has_room(None, 10_000)
    assert [capacity_error(capacity, 3) is None for capacity in (None, 4, 3, 2)] == [True, True, True, False]


@pytest.mark.parametrize("email", ["", "ann", "ann@slob", "ann@slob.", "a b@slob.nl", "ann@slob.nl,ben@slob.nl"])
def test_what_is_no_address_is_refused(email: str) -> None:
    assert email_error("ann@slob.example") is None
    assert email_error(email) is not None


def test_a_postcode_is_an_area_or_an_error(reference: ReferenceData) -> None:
    assert reference.area("7521 AB") == Area("Enschede", "NL-OV", "GM0153")
    codes = [error.code for text in ("1999", "here", "12") if not isinstance(error := reference.area(text), Area)]
    assert codes == ["postcode-unknown", "postcode-form", "postcode-form"]
