"""The limits that keep the tree readable, as a test (docs/adr/0024).

Every exception is named here with its reason, and the lists may only shrink.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

MAY_COMMIT: dict[str, str] = {
    "libs/common/src/schakel_common/database.py": "the unit of work is the one place that commits",
    "libs/common/src/schakel_common/consumers.py": "commits Kafka's offset, after the database has committed",
    "services/matching/src/schakel_matching/engine/encoders.py": "commits a cache of vectors, which holds no fact",
    "libs/common/src/schakel_common/dead_letters.py": "the same, of a dead letter that was taken again",
}


def python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.split() if (ROOT / line).exists()]


def production_files() -> list[Path]:
    return [path for path in python_files() if "/src/" in path.as_posix()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_longer_than_its_budget() -> None:
    too_long = {
        name_of(path): lines
        for path in python_files()
        if (lines := path.read_text(encoding="utf-8").count("\n")) > FILE_LINES_MAX and name_of(path) not in LONG_FILES
    }
    assert too_long == {}


def test_no_function_is_longer_than_its_budget() -> None:
    too_long = {
        f"{name_of(path)}:{node.name}": lines
        for path in python_files()
        for node in functions_of(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        and f"{name_of(path)}:{node.name}" not in LONG_FUNCTIONS
    }
    assert too_long == {}


def test_only_the_unit_of_work_commits() -> None:
    commits = [
        name_of(path)
        for path in production_files()
        if re.search(r"\.commit\(", path.read_text(encoding="utf-8")) and name_of(path) not in MAY_COMMIT
    ]
    assert commits == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\b(TODO|FIXME|XXX)\b", "finish it, or write an issue"),
        (r"except( Exception| BaseException)?:\s*\n\s*(pass|\.\.\.)\s*\n", "a silent except hides the fault"),
        (r"# type: ignore(?!\[)", "a suppression names its code"),
        (r"# noqa(?!: [A-Z])", "a suppression names its code"),
        (r"\btime\.sleep\(", "wait on a condition with a bound, never for a while"),
        (r"raise NotImplementedError", "a stub is not done"),
    ],
)
def test_nothing_unfinished_is_left(pattern: str, why: str) -> None:
    found = [
        name_of(path)
        for path in python_files()
        if path != Path(__file__) and re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    assert found == [], why


def test_handlers_say_what_they_do_on_which_event() -> None:
    badly_named = [
        f"{name_of(path)}:{node.name}"
        for path in production_files()
        if path.name == "consumers.py" and path.parts[-4] in {"registry", "matching", "events"}
        for node in functions_of(path)
        if any(argument.arg == "event" for argument in node.args.args) and "_on_" not in node.name
    ]
    assert badly_named == []


def test_the_root_is_empty() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert root["project"]["dependencies"] == []
    assert root["tool"]["uv"]["package"] is False


def members() -> list[Path]:
    return sorted(
        path.parent
        for pattern in ("libs/*", "services/*", "deploy/*")
        for path in ROOT.glob(f"{pattern}/pyproject.toml")
    )


def test_every_member_has_a_screen_of_readme_and_tests_of_its_own() -> None:
    lacking = [
        name_of(member)
        for member in members()
        if not (member / "README.md").exists() or not any((member / "tests").rglob("test_*.py"))
    ]
    assert lacking == []


def test_the_lock_names_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"https?://", lock) is None
    pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", lock, flags=re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)


def test_every_decision_says_why_and_what_enforces_it() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert len(decisions) >= 10
    lacking = [
        path.name
        for path in decisions
        if not all(
            re.search(rf"^## {heading}", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            for heading in ("Decision", "Why", "Enforced by", "Revisit when")
        )
    ]
    assert lacking == []


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs/adr").glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers))
