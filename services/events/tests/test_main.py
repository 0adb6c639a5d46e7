"""The command that loads says in one line what is wrong, and shows no stack trace and no address."""

from pathlib import Path

import pytest

from schakel_events.__main__ import main


def test_a_folder_without_the_register_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHAKEL_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/none")
    assert main(["load", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(str(tmp_path))
    assert said.err.count("\n") == 1
    assert "secret" not in said.err


def test_a_setting_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SCHAKEL_DATABASE_URL", raising=False)
    assert main(["load", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "database_url: Field required\n"


def test_a_load_into_a_database_that_is_not_there_fails_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHAKEL_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/none")
    assert main(["load", "--data", str(Path(__file__).parents[3] / "data")]) == 1
    said = capsys.readouterr().err
    assert "is the data there, and the database at its address, and migrated?" in said
    assert "secret" not in said
