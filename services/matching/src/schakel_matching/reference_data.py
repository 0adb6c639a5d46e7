"""The reference tables of ``data/`` that matching needs; for the command line also the register itself."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schakel_contracts.fieldlabs import FieldlabState, Recognition
from schakel_contracts.ids import register_id
from schakel_contracts.places import PROVINCE_OF_CBS
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.elsewhere import Destination
from schakel_matching.engine.encoders import TextEncoder
from schakel_matching.engine.places import Place
from schakel_matching.engine.ranges import CURRENT, Model
from schakel_matching.engine.space import SPACES
from schakel_matching.engine.vocabulary import Technology, Vocabulary


class ReferenceData(msgspec.Struct, frozen=True):
    """The tables that do not change while a process runs; sectors are SBI divisions with Dutch and English name."""

    vocabulary: Vocabulary
    places: Mapping[str, Place]
    sectors: Mapping[str, tuple[str, str]]
    destinations: tuple[Destination, ...] = ()


def load(data_dir: Path) -> ReferenceData:
    """Read the tables; FileNotFoundError names the file that is missing.

    Args:
        data_dir: the repository's ``data`` folder, or a copy of it.
    """
    return ReferenceData(
        vocabulary=_vocabulary(data_dir / "register" / "technologies.yaml"),
        places=_places(data_dir / "places" / "pc4.csv"),
        sectors=_sectors(data_dir / "sectors" / "sbi2008.csv"),
        destinations=(
            *(_programme(record) for record in _yaml(data_dir / "register" / "programmes.yaml")),
            *(
                _training(record)
                for record in _yaml(data_dir / "register" / "trainings.yaml")
                if record["status"] != "ended"
            ),
            *(_hub(record) for record in _yaml(data_dir / "register" / "hubs.yaml")),
        ),
    )


def catalogue_of(
    states: Sequence[FieldlabState],
    reference: ReferenceData,
    encoders: tuple[TextEncoder, TextEncoder] | None,
    model: Model = CURRENT,
) -> Catalogue:
    """Return a catalogue of these fieldlabs with the tables of the register, for a model; see `Catalogue`."""
    return Catalogue(
        states,
        reference.vocabulary,
        reference.places,
        reference.sectors,
        encoders,
        reference.destinations,
        SPACES[model.space],
    )


def fieldlabs(data_dir: Path) -> list[FieldlabState]:
    """Read the register's fieldlabs as states, for matching without any service."""
    return [_fieldlab(record) for record in _yaml(data_dir / "register" / "fieldlabs.yaml")]


def _yaml(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        records: list[dict[str, Any]] = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  the C version of the safe loader
    return records


def _vocabulary(path: Path) -> Vocabulary:
    records = _yaml(path)
    uses = Counter(skill["uri"] for record in records for skill in record["esco"])
    return Vocabulary(
        [
            Technology(
                key=record["key"],
                label_nl=record["label_nl"],
                label_en=record["label_en"],
                synonyms_nl=tuple(record["synonyms_nl"]),
                synonyms_en=tuple(record["synonyms_en"]),
                skills=frozenset(skill["uri"] for skill in record["esco"]),
                skill_labels=tuple(
                    label
                    for skill in record["esco"]
                    if uses[skill["uri"]] == 1
                    for label in (skill["label_nl"], skill["label_en"])
                    if label
                ),
                transformations=tuple(record["transformations"]),
            )
            for record in records
        ]
    )


def _places(path: Path) -> dict[str, Place]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["pc4"]: Place(
                postcode4=row["pc4"],
                name=row["plaats"],
                municipality_code=row["gm_code"],
                province=PROVINCE_OF_CBS[row["pv_code"]],
                latitude=float(row["lat"]),
                longitude=float(row["lon"]),
            )
            for row in csv.DictReader(file)
        }


def _sectors(path: Path) -> dict[str, tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["code"]: (row["name_nl"], row["name_en"]) for row in csv.DictReader(file) if row["level"] == "2"}


def _programme(record: dict[str, Any]) -> Destination:
    return Destination(
        kind="programme",
        slug=record["slug"],
        name_nl=record["name"],
        name_en=record.get("name_en") or record["name"],
        url=record["website"],
        reason_nl=record["use_this_when_nl"],
        reason_en=record["use_this_when_en"],
        themes=frozenset(record["themes"]),
        hub=record["hub"],
    )


def _training(record: dict[str, Any]) -> Destination:
    """A training has no advice of its own: its reason is who gives it, where, and for whom."""
    roles = {spoken: ", ".join(role[spoken] for role in record["roles"]) for spoken in ("nl", "en")}
    where = f"{record['provider']}, {record['place']}"
    return Destination(
        kind="training",
        slug=record["slug"],
        name_nl=record["title_nl"],
        name_en=record["title_en"],
        url=None,
        reason_nl=f"{where}. Voor: {roles['nl']}.",
        reason_en=f"{where}. For: {roles['en']}.",
        themes=frozenset(record["themes"]),
        hub=record["hub"],
        postcode4=record["postcode4"],
    )


def _hub(record: dict[str, Any]) -> Destination:
    return Destination(
        kind="hub",
        slug=record["slug"],
        name_nl=record["name_nl"],
        name_en=record["name_en"],
        url=record["website"],
        reason_nl=record["description_nl"],
        reason_en=record["description_en"],
    )


def _fieldlab(record: dict[str, Any]) -> FieldlabState:
    return FieldlabState(
        id=register_id("fieldlab", record["slug"]),
        slug=record["slug"],
        name=record["name"],
        kind=record["kind"],
        hub=record["hub"],
        status=record["status"],
        recognition=Recognition(status="recognised" if record["recognised"] is True else "unknown"),
        published=record["publish"],
        description_nl=record["description_nl"],
        description_en=record["description_en"],
        province=record["province_iso"],
        municipality_code=record["municipality_code"],
        place=record["place"],
        postcode4=record["postcode4"],
        latitude=record["lat"],
        longitude=record["lon"],
        status_as_of=None if record["status_as_of"] is None else str(record["status_as_of"]),
        succeeded_by=record["succeeded_by"],
        themes=record["themes"],
        transformations=record["transformations"],
        services=record["services"],
        sectors=record["sectors"],
        facilities=record["facilities"],
    )
