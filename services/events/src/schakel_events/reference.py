"""The reference tables that events checks values against: postcodes, and the technology vocabulary."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from schakel_common.problems import FieldError
from schakel_contracts.places import PROVINCE_OF_CBS


@dataclass(frozen=True)
class Area:
    """Where a four-digit postcode is: place, province (ISO 3166-2) and municipality as far as known."""

    place: str
    province: str
    municipality_code: str | None


@dataclass(frozen=True)
class ReferenceData:
    """The tables in memory; they change with a release, not while a process runs.

    Attributes:
        areas: by four-digit postcode.
        provinces: ISO 3166-2 code by the name of a province, in Dutch.
        technologies: keys of the technology vocabulary.
    """

    areas: Mapping[str, Area]
    provinces: Mapping[str, str]
    technologies: frozenset[str]

    def area(self, postcode: str) -> Area | FieldError:
        """Return the area of a postcode, with or without letters, or what is wrong with it."""
        digits = postcode.strip()[:4]
        found = self.areas.get(digits)
        if found is not None:
            return found
        if not (digits.isdecimal() and digits.isascii() and len(digits) == 4):  # noqa: PLR2004 - 1234
            message = "Write four digits, or four digits and two letters: 1234 AB."
            return FieldError("postcode", message, "postcode-form")
        return FieldError("postcode", "This postcode does not exist; check the digits.", "postcode-unknown")


def load_reference(data_dir: Path) -> ReferenceData:
    """Read the tables below `data_dir` (the repository's ``data/``); OSError when one is missing."""
    with (data_dir / "places" / "pc4.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    provinces = {row["provincie"]: PROVINCE_OF_CBS[row["pv_code"]] for row in rows}
    return ReferenceData(
        areas={
            row["pc4"]: Area(row["plaats"], PROVINCE_OF_CBS[row["pv_code"]], row["gm_code"] or None) for row in rows
        },
        provinces={**provinces, "Friesland": "NL-FR"},
        technologies=frozenset(record["key"] for record in records(data_dir, "technologies")),
    )


def records(data_dir: Path, name: str) -> list[dict[str, Any]]:
    """Read one file of the register, such as ``events``: a list of records."""
    text = (data_dir / "register" / f"{name}.yaml").read_bytes()
    found: list[dict[str, Any]] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is the C version of the safe loader
    return found


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
