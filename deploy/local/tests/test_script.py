import shutil
import subprocess
from pathlib import Path

import pytest

from schakel_local.places import CHECKOUT

TOOLS = ("sh", "dirname", "cat", "cksum", "grep", "git", "mkdir")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one member, on a machine that has POSIX tools and git only."""
    for file in ("pyproject.toml", "requirements.lock", "libs/one/pyproject.toml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"# {file}\n")
    shutil.copy(CHECKOUT / "schakel", tmp_path / "schakel")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def script(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "bin" / "sh"), str(checkout / "schakel"), *arguments],
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_missing_python_is_said_in_one_line(checkout: Path) -> None:
    done = script(checkout, "up")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("schakel: Python 3.11 or newer with venv (or uv) is missing: install it")
    assert not (checkout / ".venv").exists()


def test_a_missing_git_is_said_in_one_line(checkout: Path) -> None:
    (checkout / "bin" / "git").unlink()
    done = script(checkout, "up")
    assert (done.returncode, done.stderr) == (1, "schakel: git is missing: install it and try again\n")


def test_it_installs_once_by_hash_and_again_when_the_lock_or_a_member_changed(checkout: Path) -> None:
    calls = checkout / "calls"
    executable(checkout / ".venv" / "bin" / "python", f'echo "python $*" >>{calls}')
    executable(checkout / "bin" / "uv", f'echo "uv $*" >>{calls}')

    assert script(checkout, "status", "--help").returncode == 0
    sync, members, handed_over = calls.read_text().splitlines()
    assert sync.startswith("uv pip sync --quiet")
    assert "--require-hashes" in sync
    assert members.endswith("--no-deps --reinstall -e libs/one")
    assert handed_over == "python -m schakel_local status --help"

    for changed in (None, "requirements.lock", "libs/one/pyproject.toml", None):
        calls.unlink()
        if changed:
            (checkout / changed).write_text("changed\n")
        assert script(checkout, "check").returncode == 0
        installed = [line for line in calls.read_text().splitlines() if line.startswith("uv pip sync")]
        assert len(installed) == (1 if changed else 0)


def test_a_failed_installation_is_said_and_tried_again_next_time(checkout: Path) -> None:
    executable(checkout / ".venv" / "bin" / "python", "exit 0")
    executable(checkout / "bin" / "uv", "exit 2")
    for _ in range(2):
        done = script(checkout, "check")
        assert done.returncode == 1
        assert "schakel: the packages of requirements.lock could not be installed" in done.stderr
