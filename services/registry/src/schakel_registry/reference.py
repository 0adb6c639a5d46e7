"""The reference tables that the register checks values against: postcodes, SBI codes, technologies."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from schakel_common.problems import FieldError
from schakel_contracts.places import PROVINCE_OF_CBS
from schakel_registry.model import Postcode, normal_postcode, unknown_keys

_KINDS: Final[Mapping[str, Literal["address", "mixed", "po_box", "unknown"]]] = {
    "adres": "address",
    "adres + postbus": "mixed",
    "postbus": "po_box",
    "onbekend": "unknown",
}


@dataclass(frozen=True)
class ReferenceData:
    """The tables in memory; they change with a release, not while a process runs.

    Attributes:
        postcodes: by their four digits.
        sbi: SBI 2008 codes without dots, divisions (two digits) and finer.
        technologies: keys of the technology vocabulary.
    """

    postcodes: Mapping[str, Postcode]
    sbi: frozenset[str]
    technologies: frozenset[str]

    def postcode_error(self, text: str) -> FieldError | None:
        """Say what is wrong with the postcode of a place where somebody works."""
        normal = normal_postcode(text)
        if normal is None:
            message = "Write four digits, or four digits and two letters: 1234 AB."
            return FieldError("postcode", message, "postcode-form")
        area = self.postcodes.get(normal[:4])
        if area is None:
            return FieldError("postcode", "This postcode does not exist; check the digits.", "postcode-unknown")
        if area.kind == "po_box":
            message = "This is a postcode of PO boxes; give the one where you work."
            return FieldError("postcode", message, "postcode-po-box")
        return None

    def area_of(self, text: str) -> Postcode:
        """Return the area of a postcode that has no `postcode_error`."""
        return self.postcodes[text.strip()[:4]]

    def sbi_errors(self, codes: list[str], field: str = "sbi") -> list[FieldError]:
        """Return an error per code that SBI 2008 does not have, at its place in the list."""
        return unknown_keys(field, codes, self.sbi, "sbi-unknown")


def load_reference(data_dir: Path) -> ReferenceData:
    """Read the tables below `data_dir` (the repository's ``data/``); OSError when one is missing."""
    return ReferenceData(
        postcodes={row["pc4"]: _postcode(row) for row in _rows(data_dir / "places" / "pc4.csv")},
        sbi=frozenset(row["code"] for row in _rows(data_dir / "sectors" / "sbi2008.csv") if row["level"] != "1"),
        technologies=frozenset(record["key"] for record in records(data_dir, "technologies")),
    )


def records(data_dir: Path, name: str) -> list[dict[str, Any]]:
    """Read one file of the register, such as ``fieldlabs``: a list of records."""
    text = (data_dir / "register" / f"{name}.yaml").read_bytes()
    found: list[dict[str, Any]] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is the C version of the safe loader
    return found


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _postcode(row: dict[str, str]) -> Postcode:
    return Postcode(
        postcode4=row["pc4"],
        place=row["plaats"],
        province=PROVINCE_OF_CBS[row["pv_code"]],
        municipality_code=row["gm_code"] or None,
        kind=_KINDS[row["soort"]],
    )
