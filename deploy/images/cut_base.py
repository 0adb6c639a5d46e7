"""Makes a base without a registry: ``cut_base.py ROOT.tar RUNTIME.tar`` keeps of a Debian system what Python needs.

The root comes from mmdebstrap, is configured, and serves the first stages of a build. Of the second only the files of
the packages below stay, and those that nobody owns but everybody reads. There is no shell, no package manager, no perl;
byte code is left out too, because the image brings its own, once (``install.py``). The package database is cut to what
stayed, so that a scanner of vulnerabilities sees what is there, and nothing else.
"""

import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

WANTED = ("python3.11", "ca-certificates", "tzdata", "base-files", "libstdc++6", "libc-bin")
NOT_FOLLOWED = {"ca-certificates", "tzdata", "base-files", "libc-bin", "readline-common"}
"""Wanted for their files; what their scripts for installing need is not followed."""
NOT_PYTHON = ("perl", "dpkg", "debconf", "install-info")
OWNED_BY_NOBODY = re.compile(
    r"^(etc/(passwd|group|nsswitch\.conf|localtime|timezone|ld\.so\.cache)|etc/ssl/certs(/.*)?|usr/bin/python3|s?bin|lib(32|64|x32)?"
    r"|usr/lib/ssl(/certs|/openssl\.cnf)?)$"
)
NEEDLESS = re.compile(
    r"/__pycache__/|/(lib2to3|pydoc_data|ensurepip|idlelib|tkinter|turtledemo)/|^(usr/)?s?bin/(?!python3)|^usr/share/(bash-completion"
    r"|common-licenses|doc|info|lintian|perl5|zoneinfo/right|base-files|pixmaps)/|^usr/lib/x86_64-linux-gnu/(gconv|perl.*)/|^var/(cache|log)/."
)
STATUS = "var/lib/dpkg/status"


def packages(status: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return of each installed package its paragraph in the database and the packages that it depends on."""
    found = {}
    for paragraph in status.strip().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        needs = f"{fields.get('Pre-Depends', '')}, {fields.get('Depends', '')}"
        names = {re.split(r"[ :(]", each.strip())[0] for each in re.split(r"[,|]", needs)} - {""}
        found[fields["Package"]] = paragraph, frozenset(names)
    return found


def kept(installed: dict[str, tuple[str, frozenset[str]]]) -> set[str]:
    """Return what is wanted with all that it needs at run time."""
    names = set(WANTED)
    while more := {
        need
        for name in names - NOT_FOLLOWED
        for need in installed[name][1]
        if need in installed and need not in names and not need.startswith(NOT_PYTHON)
    }:
        names |= more
    return names


def paths(root: tarfile.TarFile, names: set[str]) -> Iterator[str]:
    """Give the paths, without a slash in front, of the files that packages own."""
    for member in root.getmembers():
        found = re.search(r"var/lib/dpkg/info/([^/:]+)(?::\w+)?\.list$", member.name)
        if found and found[1] in names and (listed := root.extractfile(member)):
            yield from (line.lstrip("/") for line in listed.read().decode().splitlines())


def runtime(source: Path, target: Path) -> None:
    """Write the cut root."""
    with tarfile.open(source) as root, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
        members = {member.name.removeprefix("./"): member for member in root.getmembers()}
        listed = root.extractfile(members[STATUS])
        installed = packages(listed.read().decode() if listed else "")
        names = kept(installed)
        owned = {merged(path) for path in paths(root, names)}
        for name, member in sorted(members.items()):
            if (name in owned or OWNED_BY_NOBODY.search(name)) and not NEEDLESS.search(name):
                out.addfile(member, root.extractfile(member) if member.isreg() else None)
        cut = "\n\n".join(installed[name][0] for name in sorted(names)) + "\n"
        own = tarfile.TarInfo(STATUS)
        own.size = len(cut.encode())
        out.addfile(own, io.BytesIO(cut.encode()))


def merged(path: str) -> str:
    """Return a path as it is on a system where /bin, /sbin and /lib are links into /usr."""
    return re.sub(r"^(bin|sbin|lib|lib32|lib64|libx32)/", r"usr/\1/", path)


if __name__ == "__main__":
    runtime(Path(sys.argv[1]), Path(sys.argv[2]))
