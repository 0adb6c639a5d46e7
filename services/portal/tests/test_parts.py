from pathlib import Path

import pytest

from schakel_portal import assets, geography
from schakel_portal.forms import field_text, refused_form
from schakel_portal.graphql import FieldProblem, Refused
from schakel_portal.points import points_of
from schakel_portal.settings import PACKAGE
from schakel_portal.texts import Texts

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([31.4, 22.5, 6.25, 0.0, -1.15], [31, 23, 6, 0, -1]),
        ([0.5, 0.5], [1, 0]),
        ([10.0], [10]),
        ([3.34, 3.33, 3.33], [4, 3, 3]),
    ],
)
def test_points_are_whole_and_add_up_to_the_rounded_score(values: list[float], shown: list[int]) -> None:
    match = {"score": sum(values), "parts": [{"value": value} for value in values]}
    assert points_of(match) == shown
    assert sum(points_of(match)) == round(sum(values))


def test_the_map_is_the_one_that_the_boundaries_give() -> None:
    drawn = geography.draw(CHECKOUT / "data" / "places" / "provincies_2023.geojson")
    assert (PACKAGE / "templates" / "_provinces.svg").read_text(encoding="utf-8") == drawn
    assert drawn.count("<path") == 12


def test_a_place_lies_where_it_should() -> None:
    maastricht, groningen = geography.point(50.85, 5.69), geography.point(53.22, 6.57)
    assert maastricht[0] < groningen[0] < geography.WIDTH
    assert groningen[1] < maastricht[1] < geography.HEIGHT


def test_simplifying_keeps_corners_and_drops_what_lies_on_the_line() -> None:
    points = [(0.0, 0.0), (5.0, 0.1), (10.0, 0.0), (10.0, 10.0)]
    assert geography.simplified(points) == [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]


def test_an_error_stands_at_its_field_and_contact_is_not_the_company() -> None:
    refused = Refused(
        "invalid-input",
        errors=(
            FieldProblem("kvkNumber", "kvk-number-digits"),
            FieldProblem("contact.name", "required"),
            FieldProblem("If-Match", "not-an-etag", "Send the version."),
        ),
    )
    fields = ("kvkNumber", "name", "contactName")
    form = refused_form(Texts("nl"), {"name": "De Vonk"}, refused, fields, named={"contact.name": "contactName"})
    assert form.errors == {
        "kvkNumber": "Dit KvK-nummer klopt niet. Het heeft precies 8 cijfers.",
        "contactName": "Vul uw naam in.",
    }
    assert form.general == ["Dit klopt nog niet. Kijk het nog eens na."]
    assert form.value("name") == "De Vonk"


def test_a_problem_without_fields_stands_above_the_form() -> None:
    form = refused_form(Texts("en"), {}, Refused("already-asked"), ())
    assert form.general == ["You asked for this introduction before. You find it under My requests."]
    unknown = refused_form(Texts("nl"), {}, Refused("brand-new", title_nl="Iets nieuws.", title_en="New."), ())
    assert unknown.general == ["Iets nieuws."]


def test_english_falls_back_on_the_message_of_the_api() -> None:
    assert field_text(Texts("en"), "website", "brand-new-rule", "Send a web address.") == "Send a web address."
    assert field_text(Texts("nl"), "website", "brand-new-rule", "Send a web address.") != "Send a web address."


def test_styles_are_one_file_whose_address_changes_with_its_content() -> None:
    assert assets.address_of("schakel.css").startswith("/static/schakel.css?v=")
    assert b"@import" not in assets.files()["schakel.css"]
    assert "vendor/utrecht/LICENSE.md" not in assets.files()
