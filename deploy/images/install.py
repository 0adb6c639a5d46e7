"""Fills an image: ``install.py MEMBER`` puts what it needs into /packages, ``install.py`` compiles our own in /app.

Byte code carries a hash of its source instead of the source's time, so that two builds are equal; and it is there at
all, because a process that cannot write would compile everything anew at each start.
"""

import compileall
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

HERE = Path(__file__).parent
PACKAGES = Path("/packages")
APP = Path("/app")
NEEDLESS = ("tests", "test", "bin")


def install(member: str) -> None:
    """Install what the lock says that a member needs, without what no program reads."""
    wanted = HERE / "requirements.txt"
    choose = (sys.executable, str(HERE / "requirements.py"), str(HERE / "requirements.lock"), member)
    wanted.write_bytes(subprocess.run(choose, check=True, capture_output=True).stdout)  # noqa: S603 - our own program
    pip = ("-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile")
    subprocess.run([sys.executable, *pip, "--target", str(PACKAGES), "-r", str(wanted)], check=True)  # noqa: S603 - pip
    for folder in [PACKAGES / "bin", *(each for name in NEEDLESS for each in PACKAGES.glob(f"*/**/{name}"))]:
        shutil.rmtree(folder, ignore_errors=True)


def compile_all(folder: Path) -> bool:
    """Compile a folder for the place that it will have in the image."""
    return compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(folder),
        prependdir=f"/opt/schakel/{folder.name}",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        install(sys.argv[1])
    sys.exit(0 if compile_all(PACKAGES if sys.argv[1:] else APP) else 1)
