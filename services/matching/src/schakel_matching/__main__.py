"""``python -m schakel_matching``: the commands of every service, and ``match``, which needs no service at all."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import msgspec

from schakel_common import cli
from schakel_matching.app import DEFINITION
from schakel_matching.engine.encoders import WeightsError, load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.places import place_of
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.masking import mask
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

_LIMIT = 10
_PROGRESS = 100


class Asked(msgspec.Struct):
    """A line that `match` reads."""

    id: str
    text: str
    language: Literal["nl", "en"] = "nl"
    sbi: str | None = None
    postcode: str | None = None


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    if not argv or argv[0] != "match":
        return cli.main(DEFINITION, argv)
    arguments = _parser().parse_args(argv[1:])
    try:
        for line in match(sys.stdin, arguments.data, arguments.today, arguments.limit):
            sys.stdout.write(line + "\n")
    except (FileNotFoundError, WeightsError, msgspec.DecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return cli.MISUSED
    return cli.OK


def match(lines: Iterable[str], data_dir: Path, today: date, limit: int) -> Iterator[str]:
    """Match needs against the register's own files.

    Args:
        lines: JSON objects with ``id``, ``text`` and, if known, ``language``, ``sbi``, ``postcode``.
        data_dir: the repository's ``data`` folder.
        today: the day on which freshness is judged.
        limit: fieldlabs per need at most.

    Raises:
        FileNotFoundError: a file of the register is missing.
        msgspec.DecodeError: a line is not such an object.
    """
    reference = load(data_dir)
    sys.stderr.write("loading the encoders and the register\n")
    encoders = remembering(load_encoders())
    catalogue = catalogue_of(fieldlabs(data_dir), reference, encoders)
    for count, line in enumerate(lines, start=1):
        if count % _PROGRESS == 0:
            sys.stderr.write(f"{count} lines read\n")
        if not line.strip():
            continue
        asked = msgspec.json.decode(line, type=Asked)
        place = place_of(reference.places, asked.postcode)
        need = Need(
            text=mask(asked.text, asked.language),
            language=asked.language,
            postcode4=place.postcode4 if place else None,
            sbi_division=(asked.sbi or "").replace(".", "")[:2] or None,
        )
        slate = rank(catalogue, need, today, shown=limit, whole=True)
        matches = [
            {"slug": m.slug, "score": m.score, "parts": {part.name: part.value for part in m.parts}}
            for m in slate.matches
        ]
        yield json.dumps({"id": asked.id, "noFit": slate.no_fit, "matches": matches}, ensure_ascii=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m schakel_matching match",
        description='Reads lines of {"id", "text", "language", "sbi", "postcode"} and writes the matches of each.',
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder with register/, places/, sectors/")
    parser.add_argument("--limit", type=int, default=_LIMIT, help="fieldlabs per need at most")
    parser.add_argument(
        "--today", type=date.fromisoformat, default=datetime.now(UTC).date(), help="day for freshness, YYYY-MM-DD"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
