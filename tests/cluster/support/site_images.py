"""The images of the cluster test: this version, a next one with one more migration, and one whose migration fails."""

from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

from alembic.script import ScriptDirectory
from running import ROOT

from schakel_local import images
from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.oci import add_file

THIS: Final = "cluster-this"
NEXT: Final = "cluster-next"
HALF_WAY: Final = "cluster-half-way"
MIGRATING: Final = ("registry", "gateway")
"""The services whose next version brings a migration."""

RECIPES: Final = ROOT / "tests" / "cluster" / "next"


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
    """Put one more migration on the image of this version, and import that."""
    inside = f"schakel_{service}/migrations"
    scripts = ScriptDirectory(str(ROOT / "services" / service / "src" / inside))
    text = Template(migration.read_text()).substitute(head=scripts.get_current_head())
    with TemporaryDirectory(dir=images.OUT) as folder:
        layout = Path(folder) / "layout"
        add_file(images.OUT / service, layout, f"/opt/schakel/app/{inside}/versions/9999_next.py", text.encode())
        cluster.import_image(layout, full_name(service, version))
