"""`check`: style, types, boundaries, dependencies, licences and drift, one line each with its time."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from schakel_local.places import CHECKOUT
from schakel_local.services import is_there
from schakel_local.up import tell


@dataclass(frozen=True)
class Check:
    """A command that succeeds when the repository is in order."""

    name: str
    command: tuple[str, ...]
    directory: Path = CHECKOUT


def members() -> list[Path]:
    """The folders of all members of the workspace."""
    return sorted(path.parent for path in CHECKOUT.glob("*/*/pyproject.toml"))


def all_checks() -> list[Check]:
    """Every check, the quick ones first."""
    sources = [str(path.relative_to(CHECKOUT)) for path in members()]
    rest = [
        name
        for name in ("tests", "benchmarks", "deploy/helm", "deploy/images", "conftest.py")
        if _holds_python(CHECKOUT / name)
    ]
    checks = [
        Check("ruff check", _tool("ruff", "check", "--quiet")),
        Check("ruff format", _tool("ruff", "format", "--check", "--quiet")),
        Check("mypy", _module("mypy", *sources, *rest)),
        Check("import-linter", _tool("lint-imports", "--no-logo", "--no-cache")),
        *(Check(f"deptry {path.name}", _tool("deptry", "src"), path) for path in members()),
        Check("reuse", _tool("reuse", "lint", "--quiet")),
    ]
    if is_there("schakel_contracts"):
        checks.append(Check("contracts", _module("schakel_contracts", "export", "--check")))
    if is_there("schakel_gateway"):
        checks.append(
            Check("graphql schema", _module("schakel_gateway", "schema", "--check"), CHECKOUT / "services" / "gateway")
        )
    return checks


def check() -> int:
    """Run all checks; one that fails prints what it said. The exit code is 1 when any failed."""
    failed = 0
    for one in all_checks():
        began = time.monotonic()
        done = subprocess.run(one.command, cwd=one.directory, capture_output=True, text=True, check=False)  # noqa: S603 - our own list
        failed += done.returncode != 0
        tell(f"  {one.name:<18} {'failed' if done.returncode else 'ok':<6} {time.monotonic() - began:5.1f} s")
        if done.returncode:
            tell(f"{done.stdout}{done.stderr}".rstrip())
    tell(f"{failed} checks failed" if failed else "all checks passed")
    return 1 if failed else 0


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name(name)), *arguments)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _holds_python(path: Path) -> bool:
    return (path.suffix == ".py" and path.exists()) or any(path.rglob("*.py"))
