"""The commands of `./schakel`, read from the command line."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from schakel_local import artefacts, checks, holder, images, look, runfile, teststack
from schakel_local.cluster import commands as cluster
from schakel_local.places import CHECKOUT, LOOPBACK, data_directory
from schakel_local.ports import Ports
from schakel_local.secret import Secrets
from schakel_local.services import BY_NAME, SERVICES, Addresses, addresses, environment, realm_environment
from schakel_local.up import keycloak_admin, tell, up

_LOCK = (
    *("uv", "export", "--quiet", "--all-packages", "--all-extras", "--all-groups"),
    *("--no-emit-workspace", "--no-header", "--output-file", "requirements.lock"),
)


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if argv and argv[0] in BY_NAME:
        return _in_service(argv[0], argv[1:])
    if argv and argv[0] in _TAKES_ALL:
        return _TAKES_ALL[argv[0]](argv[1:])
    arguments = parser().parse_args(argv)
    code: int = arguments.run(arguments)
    return code


def parser() -> argparse.ArgumentParser:
    """Return what reads these commands."""
    made = argparse.ArgumentParser(
        prog="./schakel",
        description="Run, test and check Schakel on this machine.",
        epilog=f"Commands of a service, in the surroundings of the run: ./schakel {{{'|'.join(BY_NAME)}}} ...",
    )
    commands = made.add_subparsers(required=True, metavar="command")
    start = commands.add_parser("up", help="start everything and stay; Ctrl-C stops it")
    start.add_argument("--fresh", action="store_true", help="start over: forget all data")
    start.add_argument("--port", type=int, help="the portal's port, kept for later runs")
    start.set_defaults(run=lambda given: up(fresh=given.fresh, port=given.port))
    commands.add_parser("down", help="stop what runs").set_defaults(run=lambda _: look.down())
    commands.add_parser("status", help="what runs, where, and how much memory it takes").set_defaults(
        run=lambda _: look.status()
    )
    logs = commands.add_parser("logs", help="the last lines of a part's log, or of all")
    logs.add_argument("part", nargs="?")
    logs.add_argument("--lines", type=int, default=40)
    logs.set_defaults(run=lambda given: look.logs(given.part, given.lines))
    commands.add_parser("test", help="run the tests; takes pytest's arguments")
    commands.add_parser("check", help="style, types, boundaries, licences, drift").set_defaults(
        run=lambda _: checks.check()
    )
    commands.add_parser("verify", help="compare the journals with the network view").set_defaults()
    commands.add_parser("doctor", help="is everything there that the services need?").set_defaults()
    commands.add_parser("realm", help="diff, or apply [--dry-run]: the realm against its files").set_defaults()
    commands.add_parser("lock", help="resolve the packages and Java artefacts anew").set_defaults(run=lambda _: _lock())
    cluster.add_to(commands)
    build = commands.add_parser("images", help="build the container images, and measure them")
    build.add_argument("targets", nargs="*", metavar="image", help=f"of {', '.join(images.TARGETS)}; all by default")
    build.add_argument("--base", default="", help="image with Python 3.11; a local one is made by default")
    build.add_argument("--version", default="1.0.0", help="tag and label")
    build.add_argument("--twice", action="store_true", help="build again without a cache, and compare the digests")
    build.set_defaults(run=_images)
    stack = commands.add_parser("test-stack", help="a test stack that stays between test runs")
    stack.add_argument("action", choices=("start", "stop"))
    stack.set_defaults(run=lambda given: _test_stack(given.action))
    hold = commands.add_parser("hold")
    hold.add_argument("part", choices=teststack.PARTS)
    hold.add_argument("--directory", type=Path, required=True)
    hold.add_argument("--owner", type=int)
    hold.add_argument("--host", default=LOOPBACK)
    hold.set_defaults(run=lambda given: holder.hold(given.part, given.directory, given.owner, given.host))
    return made


def _in_service(name: str, argv: Sequence[str]) -> int:
    """Become a command of a service, with the addresses and secrets of the data directory."""
    secrets = Secrets(data_directory())
    service = BY_NAME[name]
    if runfile.read(data_directory()) is None:
        sys.stderr.write("schakel: nothing runs; what needs a database will not find it (./schakel up starts all)\n")
    told = environment(service, _kept_addresses(secrets), secrets)
    os.execve(sys.executable, [sys.executable, "-m", service.module, *argv], {**os.environ, **told})  # noqa: S606 - our own program
    raise AssertionError


def _realm(argv: Sequence[str]) -> int:
    """Compare the realm of the run with its files, or apply them."""
    secrets = Secrets(data_directory())
    where = _kept_addresses(secrets)
    admin = keycloak_admin(secrets)
    if admin is None:
        sys.stderr.write("schakel: set SCHAKEL_KEYCLOAK_ADMIN_PASSWORD: Keycloak is your own\n")
        return 2
    user, password = admin
    told = {**realm_environment(where, secrets), "SCHAKEL_KEYCLOAK_ADMIN_PASSWORD": password}
    program = (sys.executable, "-m", "schakel_keycloak", *(argv or ("diff",)))
    program = (*program, "--demo", "--with", "accounts", "--url", where.keycloak, "--admin-user", user)
    return subprocess.run(program, env={**os.environ, **told}, check=False).returncode  # noqa: S603 - our own program


def _doctor(argv: Sequence[str]) -> int:
    """Have each service look at what it needs; the exit code is the worst one.

    With SCHAKEL_DATABASE_URL in the environment it is one service of an installation elsewhere that looks, with the
    addresses that the environment names.
    """
    if "SCHAKEL_DATABASE_URL" in os.environ:
        name = os.environ.get("SCHAKEL_SERVICE", "registry")
        return subprocess.run([sys.executable, "-m", BY_NAME[name].module, "doctor", *argv], check=False).returncode  # noqa: S603 - our own program
    secrets = Secrets(data_directory())
    where = _kept_addresses(secrets)
    codes = []
    for service in SERVICES:
        told = {**os.environ, **environment(service, where, secrets)}
        program = [sys.executable, "-m", service.module, "doctor", *argv]
        codes.append(subprocess.run(program, env=told, check=False).returncode)  # noqa: S603 - our own program
    return max(codes)


def _kept_addresses(secrets: Secrets) -> Addresses:
    kept = Ports(data_directory(), tell).kept
    return addresses(kept.get, secrets)


def _lock() -> int:
    code = subprocess.run(_LOCK, cwd=CHECKOUT, check=False).returncode  # noqa: S603 - a fixed command
    if code:
        return code
    tell(f"requirements.lock and {artefacts.relock()} Java artefacts locked")
    return 0


def _images(given: argparse.Namespace) -> int:
    unknown = [name for name in given.targets if name not in images.TARGETS]
    if unknown:
        sys.stderr.write(f"schakel: no image is called {', '.join(unknown)}; there are {', '.join(images.TARGETS)}\n")
        return 2
    try:
        return images.images(given.targets, given.base, given.version, twice=given.twice)
    except images.ImagesError as error:
        sys.stderr.write(f"schakel: {error}\n")
        return 1


def _test_stack(action: str) -> int:
    if action == "stop":
        tell("stopped" if teststack.stop_standing() else "no test stack runs")
        return 0
    file = teststack.start_standing(Path("/tmp/schakel-test-stack"))  # noqa: S108 - beside the file that names it
    tell(f"ready: export SCHAKEL_TEST_STACK={file}")
    return 0


def _test(argv: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *argv], cwd=CHECKOUT, check=False).returncode  # noqa: S603 - our own tests


_TAKES_ALL: Mapping[str, Callable[[Sequence[str]], int]] = {
    "verify": lambda argv: _in_service("gateway", ("verify", *argv)),
    "doctor": _doctor,
    "realm": _realm,
    "test": _test,
    "cluster-test": cluster.cluster_test,
}
"""Commands that hand what follows to another program."""
