"""The images of the cluster test: this version, a next one with one more migration, and one whose migration fails."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

from alembic.script import ScriptDirectory
from running import ROOT

from schakel_local import images
from schakel_local.cluster.cluster import Cluster

THIS: Final = "cluster-this"
NEXT: Final = "cluster-next"
HALF_WAY: Final = "cluster-half-way"
MIGRATING: Final = ("registry", "gateway")
"""The services whose next version brings a migration."""

RECIPES: Final = ROOT / "tests" / "cluster" / "next"
_SECONDS: Final = 300


def full_name(target: str, version: str) -> str:
    """The name by which a pod asks for an image."""
    return f"localhost/schakel/{target}:{version}"


def bring(cluster: Cluster) -> None:
    """Build what is not built yet and import it all into the node."""
    assert images.images((), "", THIS, twice=False) == 0
    for target in images.TARGETS:
        layout = images.OUT / target
        cluster.import_image(layout, full_name(target, THIS))
        if target not in MIGRATING:
            cluster.import_image(layout, full_name(target, NEXT))
    for service in MIGRATING:
        _import_derived(cluster, service, NEXT, RECIPES / "additive.py")
    _import_derived(cluster, "registry", HALF_WAY, RECIPES / "half_way.py")
    for target in set(images.TARGETS) - {"registry"}:
        cluster.import_image(images.OUT / target, full_name(target, HALF_WAY))


def _import_derived(cluster: Cluster, service: str, version: str, migration: Path) -> None:
    """Build an image on that of this version with one more migration, and import it."""
    scripts = ScriptDirectory(str(ROOT / "services" / service / "src" / f"schakel_{service}" / "migrations"))
    name = full_name(service, version)
    with TemporaryDirectory() as folder:
        context, layout = Path(folder) / "context", Path(folder) / "layout"
        context.mkdir()
        text = Template(migration.read_text()).substitute(head=scripts.get_current_head())
        (context / "migration.py").write_text(text)
        shutil.copy(RECIPES / "Containerfile", context)
        given = ("--build-arg", f"FROM={full_name(service, THIS)}", "--build-arg", f"SERVICE={service}")
        _run("buildah", "build", "--isolation", "chroot", "--layers", "--quiet", *given, "-t", name, str(context))
        _run("skopeo", "copy", "--quiet", f"containers-storage:{name}", f"oci:{layout}:{version}")
        cluster.import_image(layout, name)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, f"{command[:2]}: {done.stderr}"


def tags(objects: Iterable[str]) -> set[str]:
    """The tags of image names."""
    return {name.rpartition(":")[2] for name in objects}
