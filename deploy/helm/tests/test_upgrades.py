"""From one version or set of values to the next: nothing changes that a cluster does not allow to change.

``previous/`` holds the archive of each version that somebody may still run; a release adds its own.
"""

import re
from typing import Any

import pytest
import yaml
from charting import ALL, CHART, HERE, LEAST, Manifest, merged, of_kind, render

PREVIOUS = sorted((HERE / "previous").glob("schakel-*.tgz"))
CANNOT_CHANGE = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Job": ("selector", "template", "completions", "completionMode"),
    "Service": ("clusterIP", "clusterIPs", "ipFamilies"),
    "PersistentVolumeClaim": ("storageClassName", "accessModes", "volumeName"),
}
"""Fields of ``spec`` that an API server refuses to change."""


ADDED_SINCE: dict[str, set[str]] = {"schakel-0.9.0": {"postgres", "lag", "accounts", "with", "withSecret", "verify"}}
"""Values that a previous version did not know, by their key; all others it had under the same name."""


def as_known(values: Any, added: set[str]) -> Any:
    """Return values as somebody could have had them before some keys were there."""
    if not isinstance(values, dict):
        return values
    return {key: as_known(each, added) for key, each in values.items() if key not in added}


def immutable(objects: list[Manifest]) -> dict[str, Any]:
    """Return by object what may not change as long as its name stays; of a ConfigMap or Secret what it says of that."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": (
            {field: each["spec"].get(field) for field in CANNOT_CHANGE.get(each["kind"], ())},
            each["data"] if each.get("immutable") else None,
        )
        for each in objects
        if "helm.sh/hook" not in each["metadata"].get("annotations", {})
    }


def clashes(before: list[Manifest], after: list[Manifest]) -> list[str]:
    old, new = immutable(before), immutable(after)
    return sorted(name for name in old.keys() & new.keys() if old[name] != new[name])


def test_there_is_a_previous_version() -> None:
    assert PREVIOUS != []


@pytest.mark.parametrize("previous", PREVIOUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ALL)
def test_an_upgrade_from_a_previous_version_is_one_that_a_cluster_allows(name: str, previous: Any) -> None:
    before = render(as_known(ALL[name], ADDED_SINCE[previous.stem]), chart=previous)
    after = render(ALL[name])
    assert clashes(before, after) == []
    assert len(immutable(before).keys() & immutable(after).keys()) > 15
    deployments = set(of_kind(before, "Deployment"))
    assert deployments <= set(of_kind(after, "Deployment")), (
        "a renamed Deployment would stop before its follower is ready"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"image": {"tag": "1.1.0"}},
        {"logLevel": "DEBUG"},
        {"kafka": {"bootstrap": "other:9093"}},
        {"portal": {"image": {"digest": "sha256:" + "b" * 64}}},
        {"migrations": {"waitSeconds": 30}},
        {"tolerations": [{"key": "a"}]},
        {"podLabels": {"team": "a"}},
        {"portal": {"api": {"autoscaling": {"enabled": True}}}},
    ],
)
def test_another_set_of_values_changes_nothing_that_cannot_be_changed(change: Manifest) -> None:
    assert clashes(render(LEAST), render(merged(LEAST, change))) == []


def test_what_cannot_change_is_seen() -> None:
    before, after = render(LEAST), render(LEAST)
    of_kind(after, "Deployment")["schakel-portal"]["spec"]["selector"]["matchLabels"]["a"] = "b"
    of_kind(after, "Service")["schakel-portal"]["spec"]["clusterIP"] = "None"
    (job,) = [each for name, each in of_kind(after, "Job").items() if "migrate-portal" in name]
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert clashes(before, after) == [
        "Deployment/schakel-portal",
        f"Job/{job['metadata']['name']}",
        "Service/schakel-portal",
    ]


def test_each_major_version_is_told_about_oldest_last() -> None:
    told = re.findall(r"^## To (\d+)\.0\.0$", (CHART / "UPGRADING.md").read_text(encoding="utf-8"), re.MULTILINE)
    major = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"].split(".")[0]
    assert [int(each) for each in told] == list(range(int(major), 0, -1))
