"""Dashboards, alerts and runbooks: each name exists in the code, each alert fires when it should and has a way out."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from metric_names import ALERTS, DASHBOARDS, panels, prometheus_names, rules, used_metrics, used_series

from schakel_common.metrics import METRICS, MetricName
from schakel_local.places import CHECKOUT, cache_directory

RUNBOOKS = CHECKOUT / "docs" / "runbooks"
PROMTOOL_VERSION = "0.316.0"
"""Of the Go module; the release of Prometheus is 3.16."""


@pytest.fixture(scope="session")
def promtool() -> Iterator[Path]:
    """The program on the path, from our cache, or built once by Go (ten minutes on two cores)."""
    if found := shutil.which("promtool"):
        yield Path(found)
        return
    cached = cache_directory() / f"promtool-{PROMTOOL_VERSION}"
    if not cached.exists():
        go = shutil.which("go")
        if go is None:
            pytest.skip("neither promtool nor Go is on this machine")
        building = cached.with_suffix(".building")
        module = f"github.com/prometheus/prometheus/cmd/promtool@v{PROMTOOL_VERSION}"
        built = subprocess.run(
            ["nice", "-n", "15", go, "install", "-ldflags", "-s -w", module],
            env=os.environ | {"GOBIN": str(building)},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            pytest.skip(f"promtool cannot be built here: {built.stderr.splitlines()[-1]}")
        shutil.move(building / "promtool", cached)
        shutil.rmtree(building)
    yield cached


def test_every_series_that_is_looked_at_is_made_by_a_metric_of_ours() -> None:
    known = {series for name in METRICS for series in prometheus_names(name)}

    assert used_series() - known == set()
    assert len(used_metrics()) > 15


def test_every_metric_is_looked_at_or_explains_why_not() -> None:
    details = {"relay.batch.size", "consumer.batch.size", "projection.batch.size", "view.position"}

    assert set(get_args(MetricName)) - used_metrics() == details, "sizes of batches are for whoever tunes them"


def test_alerts_are_named_once_say_what_it_means_and_have_a_runbook() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) == 19
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert (CHECKOUT / rule["annotations"]["runbook_url"]).is_file(), rule["alert"]


def test_every_runbook_has_its_parts_and_names_its_alerts() -> None:
    of_alert = {rule["alert"]: CHECKOUT / rule["annotations"]["runbook_url"] for rule in rules()}
    index = (RUNBOOKS / "README.md").read_text()
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        if path.name == "README.md":
            continue
        assert f"({path.name})" in index, f"{path.name} is not in the index"
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert parts[:3] == ["Symptom", "Check", "Repair"], path.name
        for alert, runbook in of_alert.items():
            assert (alert in text) == (runbook == path), f"{path.name} and {alert}"


def test_every_alerts_runbook_says_when_it_was_followed_or_why_not() -> None:
    for rule in rules():
        text = (CHECKOUT / rule["annotations"]["runbook_url"]).read_text()
        _, _, followed = text.partition("\n## Followed\n")
        lines = [line for line in followed.splitlines() if rule["alert"] in line]
        assert lines, f"nobody has followed the runbook of {rule['alert']}"
        assert all(re.match(r"- \d{1,2} [A-Z][a-z]+ 20\d\d, ", line) for line in lines), rule["alert"]


def test_panels_have_a_place_a_unit_and_a_sentence() -> None:
    assert len({path.stem for path in DASHBOARDS}) == 3
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]


@pytest.mark.timeout(1800)
def test_the_rules_are_valid_and_fire_when_they_should(promtool: Path) -> None:
    checked = subprocess.run([promtool, "check", "rules", *ALERTS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    cases = Path(__file__).parent / "alert_cases.yaml"
    tested = subprocess.run([promtool, "test", "rules", cases], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    text = (Path(__file__).parent / "alert_cases.yaml").read_text()
    for rule in rules():
        fired = re.findall(rf"alertname: {rule['alert']}\n\s+exp_alerts:( \[\])?", text)
        assert "" in fired, f"{rule['alert']} never fires"
        assert " []" in fired, f"{rule['alert']} is never quiet"
