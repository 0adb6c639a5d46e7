"""Figures of a run of the cluster test, in `build/cluster/report.json`."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from running import ROOT

FILE: Final = ROOT / "build" / "cluster" / "report.json"


class Report:
    """What was measured, by name; written at once, so that a run that fails leaves what it had."""

    def __init__(self) -> None:
        self._figures: dict[str, Any] = {}

    def note(self, name: str, figures: object) -> None:
        """Write down figures under a name."""
        self._figures[name] = figures
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps(self._figures, indent=2) + "\n", encoding="utf-8")

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do something and write down its seconds."""
        began = time.monotonic()
        work()
        self.note(f"{name} (s)", round(time.monotonic() - began, 1))

    def __getitem__(self, name: str) -> Any:
        return self._figures[name]
