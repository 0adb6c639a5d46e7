"""The images of the cluster test: this version, the next with one more migration, and the one after it, that fails."""

from collections.abc import Sequence
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

from alembic.script import ScriptDirectory
from running import ROOT

from schakel_local import images
from schakel_local.cluster.cluster import Cluster
from schakel_local.cluster.oci import add_files

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
        _import_derived(cluster, service, NEXT, ("additive.py",))
    _import_derived(cluster, "registry", HALF_WAY, ("additive.py", "half_way.py"))
    for target in set(images.TARGETS) - {"registry"}:
        cluster.import_image(images.OUT / target, full_name(target, HALF_WAY))


def _import_derived(cluster: Cluster, service: str, version: str, migrations: Sequence[str]) -> None:
    """Put more migrations on the image of this version, one after another, and import that."""
    inside = f"schakel_{service}/migrations"
    head = ScriptDirectory(str(ROOT / "services" / service / "src" / inside)).get_current_head()
    files = {}
    for number, name in enumerate(migrations, start=9001):
        text = Template((RECIPES / name).read_text()).substitute(revision=number, head=head)
        files[f"/opt/schakel/app/{inside}/versions/{number}_{name}"] = text.encode()
        head = str(number)
    with TemporaryDirectory(dir=images.OUT) as folder:
        layout = Path(folder) / "layout"
        add_files(images.OUT / service, layout, files)
        cluster.import_image(layout, full_name(service, version))
