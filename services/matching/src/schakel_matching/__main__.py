"""``python -m schakel_matching``: the commands of every service, and ``match``, which needs no service at all."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec

from schakel_common import cli
from schakel_matching.app import DEFINITION
from schakel_matching.engine.encoders import WeightsError, load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.places import place_of
from schakel_matching.engine.ranges import CURRENT, MODELS, Model
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.masking import mask
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

_LIMIT = 10
_PROGRESS = 100
_ANSWER_SECONDS = 30


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
    if arguments.address:
        answers = ask(sys.stdin, arguments.address)
    else:
        answers = match(sys.stdin, arguments.data, arguments.today, arguments.limit, MODELS[arguments.model])
    try:
        for line in answers:
            sys.stdout.write(line + "\n")
    except (OSError, WeightsError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return cli.MISUSED
    return cli.OK


def match(lines: Iterable[str], data_dir: Path, today: date, limit: int, model: Model = CURRENT) -> Iterator[str]:
    """Match needs against the register's own files.

    Args:
        lines: JSON objects with ``id``, ``text`` and, if known, ``language``, ``sbi``, ``postcode``.
        data_dir: the repository's ``data`` folder.
        today: the day on which freshness is judged.
        limit: fieldlabs per need at most.
        model: which model ranks.

    Raises:
        FileNotFoundError: a file of the register is missing.
        msgspec.DecodeError: a line is not such an object.
    """
    reference = load(data_dir)
    sys.stderr.write("loading the encoders and the register\n")
    encoders = remembering(load_encoders())
    catalogue = catalogue_of(fieldlabs(data_dir), reference, encoders, model)
    for asked in _asked(lines):
        place = place_of(reference.places, asked.postcode)
        need = Need(
            text=mask(asked.text, asked.language),
            language=asked.language,
            postcode4=place.postcode4 if place else None,
            sbi_division=(asked.sbi or "").replace(".", "")[:2] or None,
        )
        slate = rank(catalogue, need, today, shown=limit, whole=True, model=model)
        yield _line(asked.id, msgspec.json.decode(msgspec.json.encode(slate)))


def ask(lines: Iterable[str], address: str) -> Iterator[str]:
    """Match needs at a running service: each becomes a draft there, which is deleted after thirty days.

    Args:
        lines: as for `match`.
        address: of the matching service, such as ``http://127.0.0.1:8403``.

    Raises:
        OSError: it cannot be reached, or it refuses a need; the text says why.
        msgspec.DecodeError: a line is not such an object.
    """
    if not address.startswith(("http://", "https://")):
        raise OSError(f"{address} is no address: write http://host:port of the matching service")
    for asked in _asked(lines):
        body = {"text": asked.text, "language": asked.language, "postcode": asked.postcode, "sbi": asked.sbi}
        request = Request(  # noqa: S310  the scheme was checked above
            f"{address.rstrip('/')}/v1/drafts",
            msgspec.json.encode(body),
            {"Content-Type": "application/json", "Idempotency-Key": token_urlsafe(32)},
        )
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS) as reply:  # noqa: S310  likewise
                yield _line(asked.id, msgspec.json.decode(reply.read()))
        except HTTPError as error:
            raise OSError(f"need {asked.id} was refused: {error.read().decode(errors='replace')}") from error


def _asked(lines: Iterable[str]) -> Iterator[Asked]:
    for count, line in enumerate(lines, start=1):
        if count % _PROGRESS == 0:
            sys.stderr.write(f"{count} lines read\n")
        if line.strip():
            yield msgspec.json.decode(line, type=Asked)


def _line(asked_id: str, slate: dict[str, Any]) -> str:
    """Return a line of answers, from a slate as JSON; those that have ended have rank 0 and are left out."""
    matches = [
        {
            "slug": match["slug"],
            "score": match["score"],
            "parts": {part["name"]: part["value"] for part in match["parts"]},
        }
        for match in slate["matches"]
        if match["rank"]
    ]
    return json.dumps(
        {
            "id": asked_id,
            "noFit": slate["noFit"],
            "matches": matches,
            "needs": slate["needs"],
            "endings": slate["endings"],
            "model": slate["model"],
        },
        ensure_ascii=False,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schakel match",
        description='Reads lines of {"id", "text", "language", "sbi", "postcode"} and writes the matches of each.',
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder with register/, places/, sectors/")
    parser.add_argument("--address", help="of a running matching service, http://host:port, instead of the files")
    parser.add_argument("--model", choices=MODELS, default=CURRENT.name, help="which model ranks the files")
    parser.add_argument("--limit", type=int, default=_LIMIT, help="fieldlabs per need at most")
    parser.add_argument(
        "--today", type=date.fromisoformat, default=datetime.now(UTC).date(), help="day for freshness, YYYY-MM-DD"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
