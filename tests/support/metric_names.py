"""How Prometheus names our metrics, and where names are used: the contract between code, dashboards and alerts."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from schakel_common.metrics import METRICS, MetricName

FILES = Path(__file__).parents[2] / "deploy" / "helm" / "schakel" / "files"
ALERTS = sorted((FILES / "alerts").glob("*.yaml"))
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))

_USED = re.compile(r"\bschakel_\w+")


def prometheus_names(name: MetricName) -> list[str]:
    """Return the names of the series that Prometheus makes of a metric (its OTLP translation, with suffixes)."""
    metric = METRICS[name]
    base = f"schakel_{name.replace('.', '_')}"
    if metric.unit == "s" and not base.endswith("_seconds"):  # a unit that the name has is not added again
        base += "_seconds"
    if metric.kind == "counter":
        return [f"{base}_total"]
    if metric.kind == "histogram":
        return [f"{base}_{suffix}" for suffix in ("bucket", "sum", "count")]
    return [base]


def rules() -> list[dict[str, Any]]:
    """Return every alert."""
    documents = [yaml.safe_load(path.read_text()) for path in ALERTS]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return every panel of every dashboard."""
    return [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]


def used_series() -> set[str]:
    """Return every series that an alert or a panel reads."""
    expressions = [rule["expr"] for rule in rules()]
    expressions += [target["expr"] for panel in panels() for target in panel["targets"]]
    return {name for expression in expressions for name in _USED.findall(expression)}


def used_metrics() -> set[MetricName]:
    """Return the metrics behind those series; a series that no metric makes is an error.

    Raises:
        KeyError: names the series.
    """
    metric_of = {series: name for name in METRICS for series in prometheus_names(name)}
    return {metric_of[series] for series in used_series()}
