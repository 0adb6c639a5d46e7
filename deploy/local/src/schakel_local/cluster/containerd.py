"""containerd of the distribution, with a root, a state and a socket of its own, and the images in it."""

import asyncio
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from schakel_local.cluster import oci
from schakel_local.cluster.namespaces import in_node
from schakel_local.cluster.run import checked, output_of
from schakel_local.cluster.site import Site
from schakel_local.process import Command
from schakel_local.supervisor import Job, Part, Say

PAUSE_IMAGE = "localhost/schakel-pause:1"
PLUGINS = Path("/usr/lib/cni")
"""Where Debian keeps the programs that connect pods."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_IMPORT_SECONDS = 300.0


def socket_of(site: Site) -> Path:
    """The socket on which containerd listens."""
    return site.folder / "containerd.sock"


def containerd_part(site: Site, first: Callable[[], int]) -> Part:
    """Run containerd inside the node; what it starts ends with the node."""

    async def prepare(_say: Say) -> Command:
        socket_of(site).unlink(missing_ok=True)
        config = site.write("containerd.toml", _config(site))
        return Command(argv=in_node(first(), "containerd", "--config", str(config)))

    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(socket_of(site))
        except OSError:
            return False
        writer.close()
        return True

    return Part("containerd", prepare, ready, needs=("cable",), ready_seconds=30.0)


def pause_job(site: Site) -> Job:
    """Import the image whose program holds the namespaces of each pod."""

    async def run(_say: Say) -> str:
        with tempfile.TemporaryDirectory(dir=site.folder) as scratch:
            layout, archive = Path(scratch) / "layout", Path(scratch) / "image.tar"
            architecture = ARCHITECTURES[platform.machine()]
            oci.write_image(layout, site.programs / "pause", user="65535:65535", architecture=architecture)
            oci.pack_as(layout, PAUSE_IMAGE, archive)
            await checked(*_ctr(site, "images", "import", str(archive)))
        return "imported"

    return Job("pause-image", run, needs=("containerd",))


def import_image(site: Site, image: Path, name: str) -> str:
    """Bring an image into the node under a full name such as `localhost/schakel/portal:1.0.0`; return its digest.

    `image` is an OCI layout (a folder) of one image. It is known by its digest as well, so that a pod may pin it.

    Raises:
        ClusterError: containerd refused it.
        ValueError: the folder does not hold one image.
    """
    with tempfile.TemporaryDirectory(dir=site.folder) as scratch:
        archive = Path(scratch) / "image.tar"
        digest = oci.pack_as(image, name, archive)
        output_of([*_ctr(site, "images", "import", str(archive))], seconds=_IMPORT_SECONDS)
    pinned = f"{name.rpartition(':')[0]}@{digest}"
    output_of([*_ctr(site, "images", "tag", "--force", name, pinned)], seconds=_IMPORT_SECONDS)
    return digest


def _ctr(site: Site, *arguments: str) -> tuple[str, ...]:
    return ("ctr", "--address", str(socket_of(site)), "--namespace", "k8s.io", *arguments)


def _config(site: Site) -> str:
    return f"""version = 2
root = "{site.folder}/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{socket_of(site)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true  # a container of a build machine may not lower the score
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{PLUGINS}"
  conf_dir = "{site.folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
"""
