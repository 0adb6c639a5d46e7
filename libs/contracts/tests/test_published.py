import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from schakel_contracts.breaking import breaks
from schakel_contracts.envelope import envelope_of
from schakel_contracts.publish import PUBLISHED, BreakingChangeError, check, export, schema_of
from schakel_contracts.topics import COMPANIES, HUBS, TOPICS

EXAMPLES = sorted((PUBLISHED / "examples").rglob("*.json"))
COMPANY = "CompanyState"


def test_what_is_published_is_what_the_code_says_and_breaks_nobody() -> None:
    assert check() == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_ever_released_can_still_be_read(path: Path) -> None:
    topic = TOPICS[path.parent.name]
    example = msgspec.json.decode(path.read_bytes())
    value = msgspec.json.encode(example["value"])

    envelope = envelope_of([(name, text.encode()) for name, text in example["headers"].items()], value)
    state = msgspec.json.decode(value, type=topic.state)

    assert envelope.type in topic.types
    assert str(envelope.subject) == example["key"] == str(getattr(state, "id", None))


def test_every_type_has_an_example() -> None:
    shown = {msgspec.json.decode(path.read_bytes())["headers"]["ce_type"] for path in EXAMPLES}

    assert shown == {each for topic in TOPICS.values() for each in topic.types}


def test_no_example_of_a_company_names_a_person_or_a_firm() -> None:
    fields = {
        field for path in EXAMPLES if path.parent.name == COMPANIES.name
        for field in msgspec.json.decode(path.read_bytes())["value"]
    }  # fmt: skip

    assert fields.isdisjoint({"name", "kvk_number", "address", "contact", "contacts", "phone", "email"})


def test_the_asyncapi_document_points_only_at_what_is_there() -> None:
    document = yaml.safe_load((PUBLISHED / "asyncapi.yaml").read_text())

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [each for key, part in value.items() for each in ([part] if key == "$ref" else references(part))]
        return [each for part in value for each in references(part)] if isinstance(value, list) else []

    for reference in references(document):
        if reference.startswith("./"):
            assert (PUBLISHED / reference).exists()
            continue
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert set(document["channels"]) == {
        *TOPICS,
        *(f"{owner}-heartbeats-v1" for owner in ("registry", "matching", "events")),
    }
    assert document["channels"][HUBS.name]["bindings"]["kafka"]["partitions"] == 12


def test_a_released_example_is_never_written_again_and_drift_is_named(tmp_path: Path) -> None:
    export(tmp_path)
    example = tmp_path / "examples" / HUBS.name / "registered.json"
    example.write_text("{}")
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.6.0")
    (tmp_path / "examples" / HUBS.name / "described.json").unlink()

    assert check(tmp_path) == [
        f"examples/{HUBS.name}/described.json is missing: run the export",
        "asyncapi.yaml differs from the code: run the export",
    ]
    assert export(tmp_path) == [f"examples/{HUBS.name}/described.json", "asyncapi.yaml"]
    assert example.read_text() == "{}"


def test_the_export_writes_nothing_that_breaks_what_was_published(tmp_path: Path) -> None:
    export(tmp_path)
    path = tmp_path / "schemas" / f"{HUBS.name}.schema.json"
    older = msgspec.json.decode(path.read_bytes())
    older["$defs"]["HubState"]["properties"]["motto"] = {"type": "string"}
    path.write_bytes(msgspec.json.encode(older))

    with pytest.raises(BreakingChangeError, match=r"registry-hubs-v1.schema.json: HubState.motto is gone"):
        export(tmp_path)

    assert "motto" in path.read_text()


def drop(schema: dict[str, Any]) -> None:
    del schema["$defs"][COMPANY]["properties"]["postcode4"]


def require(schema: dict[str, Any]) -> None:
    schema["$defs"][COMPANY]["required"].append("province")


def release(schema: dict[str, Any]) -> None:
    schema["$defs"][COMPANY]["required"].remove("home_hub")


def retype(schema: dict[str, Any]) -> None:
    schema["$defs"][COMPANY]["properties"]["home_hub"] = {"type": "integer"}


def retype_items(schema: dict[str, Any]) -> None:
    schema["$defs"][COMPANY]["properties"]["sbi"]["items"] = {"type": "integer"}


def narrow(schema: dict[str, Any]) -> None:
    schema["$defs"][COMPANY]["properties"]["status"]["enum"].remove("merged")


def lose_type(schema: dict[str, Any]) -> None:
    schema["x-event-types"].remove("nl.smartindustry.companies.moved.v1")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop, "CompanyState.postcode4 is gone"),
        (require, "CompanyState.province is required now"),
        (release, "CompanyState.home_hub is not required any more"),
        (retype, "CompanyState.home_hub has another type"),
        (retype_items, "CompanyState.sbi has another type"),
        (narrow, "CompanyState.status has another type"),
        (lose_type, "event type nl.smartindustry.companies.moved.v1 is gone"),
    ],
)
def test_a_change_that_breaks_a_reader_is_named(change: Callable[[dict[str, Any]], None], expected: str) -> None:
    new = json.loads(json.dumps(schema_of(COMPANIES)))
    change(new)

    assert breaks(schema_of(COMPANIES), new) == [expected]


def test_a_change_that_only_adds_breaks_nobody() -> None:
    new = copy.deepcopy(schema_of(COMPANIES))
    new["x-event-types"].append("nl.smartindustry.companies.split.v1")
    new["$defs"][COMPANY]["properties"]["founded"] = {"type": "string", "default": None}
    new["$defs"][COMPANY]["properties"]["status"]["enum"].append("dormant")
    new["$defs"][COMPANY]["description"] = "Said better."

    assert breaks(schema_of(COMPANIES), new) == []
