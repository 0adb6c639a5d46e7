"""The documents for security and privacy point at things that are there."""

import re
from pathlib import Path

import pytest

from schakel_local.places import CHECKOUT

PAGES = [
    CHECKOUT / "SECURITY.md",
    CHECKOUT / "CHANGELOG.md",
    *(CHECKOUT / "docs").glob("*.md"),
    *(CHECKOUT / "docs" / "privacy").glob("*.md"),
    *(CHECKOUT / "docs" / "runbooks").glob("*.md"),
]
ROOTS = "|".join(path.name for path in CHECKOUT.iterdir() if path.is_dir() and not path.name.startswith("."))
FILE = re.compile(rf"`((?:{ROOTS})/[\w./-]+)`")
DECISION = re.compile(r"docs/adr/\d{4}$")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_what_a_page_points_at_is_there(page: Path) -> None:
    text = page.read_text()
    linked = [page.parent / target for target in LINK.findall(text)]
    named = [CHECKOUT / target for target in FILE.findall(text)]
    decisions = [next((CHECKOUT / "docs" / "adr").glob(f"{n}-*"), None) for n in re.findall(r"docs/adr/(\d{4})", text)]

    assert None not in decisions
    files = (each for each in (*linked, *named) if not DECISION.search(str(each)))
    missing = [str(each) for each in files if not each.exists()]
    assert missing == []


def test_every_control_of_the_table_has_its_proof() -> None:
    lines = (CHECKOUT / "docs" / "bio2.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line[:3] in {"| 5", "| 8"}]

    assert len(rows) > 20
    for row in rows:
        assert len(row) == 4, row[0]
        assert "`" in row[2], f"{row[0]} has no proof"
