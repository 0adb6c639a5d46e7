"""The committed schema is that of the types; the packaged vocabulary is that of the register."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from schakel_gateway.__main__ import main
from schakel_gateway.commands import COMMANDS, THINGS
from schakel_gateway.schema.schema import sdl

GATEWAY = Path(__file__).parents[2]
TECHNOLOGIES = GATEWAY.parents[1] / "data" / "register" / "technologies.yaml"


def test_the_committed_schema_is_that_of_the_types() -> None:
    assert (GATEWAY / "schema.graphql").read_text() == sdl()


def test_the_command_prints_and_checks_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert printed == sdl()
    file = tmp_path / "schema.graphql"
    file.write_text(printed)
    assert main(["schema", "--check", str(file)]) == 0
    file.write_text(printed.replace("hubs: [Hub!]!", "hubs: [Hub!]"))
    assert main(["schema", "--check", str(file)]) == 1
    assert "differs from the types" in capsys.readouterr().err


def test_every_command_has_its_input_its_thing_and_a_path_of_its_input() -> None:
    for command in COMMANDS:
        fields = {field.name for field in command.input.__strawberry_definition__.fields}  # type: ignore[attr-defined] # set by Strawberry
        assert command.thing in THINGS, command.name
        method, path = command.request.split(" ")
        assert method in {"POST", "PATCH"}
        for part in path.split("/"):
            if part.startswith("{"):
                name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in part[1:-1])
                assert name in fields, command.name


def test_the_packaged_vocabulary_is_that_of_the_register() -> None:
    packaged = json.loads(files("schakel_gateway").joinpath("technologies.json").read_text())
    register = yaml.safe_load(TECHNOLOGIES.read_text())
    assert packaged == [
        {"key": word["key"], "name_nl": word["label_nl"], "name_en": word["label_en"]} for word in register
    ]
