"""What the documents say is what the engine does; and the command line answers as the engine does."""

import io
import json
import sys
from pathlib import Path

import pytest
from matching_world import DATA_DIR

from schakel_matching.__main__ import main
from schakel_matching.engine.ranges import FIT, MODEL, RANGES

DOCUMENT = DATA_DIR.parent / "docs" / "matching.md"


def test_the_published_ranges_are_those_of_the_engine() -> None:
    said = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in RANGES:
            said[cells[0]] = (float(cells[1]), float(cells[2]))
    assert said == dict(RANGES)
    assert MODEL in DOCUMENT.read_text(encoding="utf-8")
    assert f"**{FIT:g}** points" in DOCUMENT.read_text(encoding="utf-8")


def run(monkeypatch: pytest.MonkeyPatch, lines: str, data: Path) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    return main(["match", "--data", str(data), "--today", "2026-11-24", "--limit", "3"])


def test_match_reads_and_writes_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        {"id": "a", "text": "lasrobot voor kleine series", "language": "nl", "sbi": "25.62", "postcode": "7521 AB"},
        {"id": "b", "text": "cyber security", "language": "en"},
    ]
    assert run(monkeypatch, "\n".join(json.dumps(line) for line in asked) + "\n\n", DATA_DIR) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in found] == ["a", "b"]
    assert len(found[0]["matches"]) == 3
    first = found[0]["matches"][0]
    assert set(first) == {"slug", "score", "parts"}
    assert first["score"] == pytest.approx(sum(first["parts"].values()), abs=1e-9)
    assert found[1]["matches"][0]["slug"] == "bic-cyber-defence"


@pytest.mark.parametrize("line", ["not json", '{"id": "a"}', '{"id": "a", "text": "x", "language": "fr"}'])
def test_match_says_what_is_wrong_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert run(monkeypatch, line, DATA_DIR) == 2
    assert capsys.readouterr().err.strip()


def test_match_names_a_missing_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "", tmp_path) == 2
    assert "technologies.yaml" in capsys.readouterr().err
