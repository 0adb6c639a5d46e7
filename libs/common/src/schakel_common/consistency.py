"""Read your own writes: a reply is a token, and who brings the token is answered from a state that contains it."""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from schakel_common.database import Database
from schakel_common.problems import FieldError, Problem
from schakel_contracts.envelope import Reference
from schakel_contracts.topics import TOPIC_OF_KIND

REFERENCES_MAX: Final = 20

_POLL_SECONDS_MIN: Final = 0.01
_POLL_SECONDS_MAX: Final = 0.1

_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Rows = Annotated[list[tuple[str, UUID, _Positive, _Positive]], msgspec.Meta(max_length=REFERENCES_MAX)]

_UNKNOWN: Final = text(
    "SELECT count(*) FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS uuid[]), CAST(:epochs AS int[]),"
    " CAST(:versions AS int[])) AS asked (kind, id, epoch, version)"
    " WHERE NOT EXISTS (SELECT FROM replica r WHERE r.kind = asked.kind AND r.id = asked.id"
    " AND (r.epoch, r.version) >= (asked.epoch, asked.version))"
    " AND NOT EXISTS (SELECT FROM journal j WHERE j.kind = asked.kind AND j.aggregate_id = asked.id"
    " AND j.version >= asked.version)"
)


def encode_token(references: Sequence[Reference]) -> str:
    """Write references as a consistency token: JSON in URL-safe base64 without padding."""
    rows = [[each.kind, str(each.id), each.epoch, each.version] for each in references]
    return base64.urlsafe_b64encode(msgspec.json.encode(rows)).rstrip(b"=").decode()


def decode_token(token: str) -> list[Reference]:
    """Read a consistency token.

    Raises:
        Problem: ``invalid-input`` when it is not one of ours or names over 20 aggregates.
    """
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        rows = msgspec.json.decode(raw, type=_Rows)
    except (ValueError, binascii.Error) as error:
        raise _bad_token() from error
    if any(kind not in TOPIC_OF_KIND for kind, _, _, _ in rows):
        raise _bad_token()
    return [Reference(kind=kind, id=id_, epoch=epoch, version=version) for kind, id_, epoch, version in rows]


def _bad_token() -> Problem:
    message = "This is not a consistency token; send the token of an earlier reply, or leave it out."
    return Problem("invalid-input", message, errors=[FieldError("Read-After", message, "token")])


async def wait_until_known(database: Database, references: Sequence[Reference], *, wait_seconds: float) -> None:
    """Wait until this service knows all references, from its replica or, for what it owns, its journal.

    No connection is held while waiting.

    Args:
        database: this service's.
        references: versions that must be known, or be behind what is known.
        wait_seconds: how long to wait at most; 0 looks once.

    Raises:
        Problem: ``not-yet-known`` with ``Retry-After: 1`` when the time is over.
    """
    if not references:
        return
    asked = {
        "kinds": [each.kind for each in references],
        "ids": [each.id for each in references],
        "epochs": [each.epoch for each in references],
        "versions": [each.version for each in references],
    }
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    pause = _POLL_SECONDS_MIN
    while True:
        async with database.reading() as session:
            unknown: int = (await session.execute(_UNKNOWN, asked)).scalar_one()
        if unknown == 0:
            return
        if loop.time() + pause > deadline:
            raise Problem(
                "not-yet-known",
                f"{unknown} of {len(references)} versions in the token have not arrived here yet.",
                retry_after_seconds=1,
            )
        await asyncio.sleep(pause)
        pause = min(pause * 2, _POLL_SECONDS_MAX)
