"""The one cluster that all tests of this folder share, and the program that they put on it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from schakel_local.cluster.cluster import Cluster, running_cluster
from schakel_local.cluster.requirements import why_not


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Kubernetes of one node, started for this run; its state is not in a directory of pytest's."""
    if reason := why_not():
        pytest.skip(f"no cluster can run here: {reason}")
    with (
        TemporaryDirectory(prefix="schakel-cluster-", dir="/var/tmp", ignore_cleanup_errors=True) as folder,
        running_cluster(Path(folder)) as running,
    ):
        yield running
