"""The judged set is what its README says, and speaks only of what the register holds."""

import csv
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest
import yaml
from matching_world import DATA_DIR

SET = Path(__file__).parents[2] / "evaluation"
README = (SET / "README.md").read_text(encoding="utf-8")
SAID = dict(re.findall(r"^\| ([^|]+) \| ([0-9.]+) \|$", README, re.MULTILINE))
KINDS = {"sentence", "short", "two_needs", "no_fit", "ended", "better_served", "typos", "plain_speech"}


def rows(name: str) -> list[dict[str, str]]:
    with (SET / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def register(name: str) -> dict[str, dict[str, object]]:
    return {record["slug"]: record for record in yaml.safe_load((DATA_DIR / "register" / name).read_text("utf-8"))}


def codes(path: str, column: str) -> set[str]:
    with (DATA_DIR / path).open(encoding="utf-8", newline="") as lines:
        return {row[column] for row in csv.DictReader(lines)}


QUERIES = {row["id"]: row for row in rows("queries.tsv")}
FIRST = rows("qrels.tsv")
LABS = register("fieldlabs.yaml")


def tagged(tag: str) -> set[str]:
    return {query for query, row in QUERIES.items() if tag in row["kind"].split()}


def best() -> dict[str, int]:
    return {query: max((int(r["grade"]) for r in FIRST if r["query_id"] == query), default=0) for query in QUERIES}


def test_every_challenge_has_one_id_a_language_a_text_of_its_own_and_known_facts() -> None:
    assert len(rows("queries.tsv")) == len(QUERIES) == len({row["text"] for row in QUERIES.values()})
    for query, row in QUERIES.items():
        assert re.fullmatch(r"q\d{3}", query)
        assert row["language"] in {"nl", "en"}
        assert row["text"] == row["text"].strip() != ""
        assert not (set(row["kind"].split()) - KINDS)
        assert ("short" in row["kind"].split()) == (len(row["text"].split()) <= 4)
    assert {row["sbi"] for row in QUERIES.values()} - {""} <= codes("sectors/sbi2008.csv", "code")
    assert {row["postcode"] for row in QUERIES.values()} - {""} <= codes("places/pc4.csv", "pc4")


@pytest.mark.parametrize("name", ["qrels.tsv", "qrels_second.tsv"])
def test_every_grade_is_1_to_3_once_for_a_known_challenge_and_a_published_fieldlab(name: str) -> None:
    judged = rows(name)
    assert len({(row["query_id"], row["slug"]) for row in judged}) == len(judged)
    assert {row["grade"] for row in judged} == {"1", "2", "3"}
    assert {row["query_id"] for row in judged} <= set(QUERIES)
    assert {row["slug"] for row in judged} <= {slug for slug, lab in LABS.items() if lab["publish"]}


def test_the_tags_say_what_the_first_pass_says() -> None:
    highest = best()
    assert tagged("no_fit") == {query for query, grade in highest.items() if grade <= 1}
    assert tagged("ended") == {
        row["query_id"]
        for row in FIRST
        if LABS[row["slug"]]["status"] == "ended" and int(row["grade"]) == highest[row["query_id"]] > 1
    }
    better = rows("better_served_by.tsv")
    assert tagged("better_served") == {row["query_id"] for row in better}
    assert {row["slug"] for row in better} <= {*register("programmes.yaml"), *register("trainings.yaml")}


def test_the_counts_are_those_of_the_readme() -> None:
    long = [row["language"] for query, row in QUERIES.items() if query in tagged("sentence")]
    graded = Counter(row["grade"] for row in FIRST)
    counts = {
        "challenges": len(QUERIES),
        "Dutch sentences": long.count("nl"),
        "English sentences": long.count("en"),
        "one to four words": len(tagged("short")),
        **{f"`{tag}`": len(tagged(tag)) for tag in KINDS - {"sentence", "short"}},
        "no_fit without any grade": list(best().values()).count(0),
        "first pass, graded pairs": len(FIRST),
        **{f"grade {grade}": graded[grade] for grade in "123"},
        "second pass, graded pairs": len(rows("qrels_second.tsv")),
    }
    assert {name: int(SAID[name]) for name in counts} == counts


def test_the_agreement_is_that_of_the_readme() -> None:
    script = runpy.run_path(str(SET / "agreement.py"))
    published = sum(bool(lab["publish"]) for lab in LABS.values())
    first, second = script["grades"]("qrels.tsv"), script["grades"]("qrels_second.tsv")
    found = script["agreement"](first, second, len(QUERIES) * published)
    said = [
        f"weighted kappa (quadratic), all {found['pairs']} pairs",
        f"weighted kappa (quadratic), the {found['named_pairs']} pairs that a pass graded above 0",
        f"share of those {found['named_pairs']} with the same grade",
    ]
    assert [SAID[line] for line in said] == [f"{found[name]:.3f}" for name in ("kappa", "named_kappa", "named_equal")]


def test_kappa_is_1_for_the_same_grades_0_for_chance_and_minus_1_for_the_opposite() -> None:
    kappa = runpy.run_path(str(SET / "agreement.py"))["weighted_kappa"]
    assert kappa([(0, 0), (3, 3)]) == 1
    assert kappa([(0, 0), (0, 3), (3, 0), (3, 3)]) == 0
    assert kappa([(0, 3), (3, 0)]) == -1
