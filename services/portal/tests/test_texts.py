import re
from pathlib import Path

import pytest

from schakel_portal.settings import PACKAGE
from schakel_portal.texts import LANGUAGES, Language, Texts, table_of

TEMPLATES = sorted((PACKAGE / "templates").glob("*.html"))
FORBIDDEN = re.compile(r"\b(referrals?|assessments?|stakeholders?|doorverwijz\w*)\b", re.IGNORECASE)


def test_both_languages_have_the_same_keys() -> None:
    assert set(table_of("nl")) ^ set(table_of("en")) == set()


def test_both_languages_fill_in_the_same_values() -> None:
    def names(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)}", text))

    differing = [key for key, text in table_of("nl").items() if names(text) != names(table_of("en")[key])]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_users_never_read_the_words_of_the_machinery(language: Language) -> None:
    assert [key for key, text in table_of(language).items() if FORBIDDEN.search(text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own_and_every_key_exists(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    keys = set(re.findall(r"""\bt\(["']([\w.-]+)["']\s*[,)]""", text))
    assert keys <= set(table_of("nl"))
    bare = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL)
    bare = re.sub(r'\S*[-="]\S*', " ", bare)  # parts of attributes, in macros
    assert set(re.findall(r"[A-Za-z]{3,}", bare)) <= {"Hub", "hub", "Fieldlab", "home", "open"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_style_or_script(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|hx-on", text) == []


def test_a_date_keeps_the_precision_of_its_source() -> None:
    nl, en = Texts("nl"), Texts("en")
    assert nl.day("2016") == "2016"
    assert nl.day("2016-12") == "december 2016"
    assert nl.day("2016-06-01") == "1 juni 2016"
    assert en.day("2016-06-01") == "1 June 2016"
    assert nl.day(None) == "onbekend"


def test_an_instant_is_shown_in_the_time_of_the_netherlands() -> None:
    assert Texts("nl").moment("2026-06-30T22:30:00Z") == "1 juli 2026, 00.30 uur"
    assert Texts("en").moment("2026-12-10T13:00:00Z") == "10 December 2026, 14:00"
    assert Texts("nl").moment("2026-12") == "december 2026"


def test_numbers_have_the_marks_of_the_language_and_unknown_is_no_zero() -> None:
    assert Texts("nl").number(1_234_567) == "1.234.567"
    assert Texts("en").number(1234.5) == "1,234.5"
    assert Texts("nl").number(None) == "onbekend"
    assert Texts("nl").number(0) == "0"


def test_a_code_that_is_not_known_yet_is_shown_as_it_is() -> None:
    assert Texts("nl").word("status", "ACTIVE") == "Actief"
    assert Texts("nl").word("kind", "something_new") == "something new"
