"""Quotes are verbatim: twenty random matches of the judged set, and every quote is in its source."""

import re
from pathlib import Path
from random import Random

import pytest
from matching_world import TODAY

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Match, Need

QUERIES = Path(__file__).parents[2] / "evaluation" / "queries.tsv"
QUOTED = re.compile(r"“([^”]+)”")


def _needs() -> list[Need]:
    found = []
    lines = QUERIES.read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t")
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t"), strict=True))
        language = "en" if row["language"] == "en" else "nl"
        found.append(Need(row["text"], "en" if language == "en" else "nl", row["postcode"] or None, row["sbi"] or None))
    return found


def _sources(register: Catalogue, need: Need, match: Match) -> list[str]:
    lab = next(each for each in register.labs if each.state.slug == match.slug)
    known = register.vocabulary.technologies.values()
    return [need.text, lab.text, *(label for each in known for label in (each.label_nl, each.label_en))]


def test_each_quote_of_twenty_random_matches_is_in_its_source(register: Catalogue) -> None:
    chosen = Random(20).sample(_needs(), 20)
    checked = 0
    for need in chosen:
        match = Random(need.text).choice(rank(register, need, TODAY).matches)
        sources = _sources(register, need, match)
        for part in match.parts:
            quotes = [*part.evidence, *QUOTED.findall(part.text_nl), *QUOTED.findall(part.text_en)]
            for quote in quotes:
                assert any(quote in source for source in sources), (need.text, match.slug, part.name, quote)
                checked += 1
    assert checked > 40


@pytest.mark.parametrize("at", range(3))
def test_each_need_that_is_found_is_a_piece_of_its_text(register: Catalogue, at: int) -> None:
    for need in _needs()[at::3]:
        for found in rank(register, need, TODAY).needs:
            assert found.quote in need.text
