"""Commands over HTTP: each has its effect once, whatever is sent how often (`docs/adr/0010`).

The reply is stored with the idempotency key in the transaction of the use case. The key's row is inserted before the
use case runs, so a second request with the key waits for the first and gets its reply.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import Depends, Header, Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from schakel_common.auth import Principal
from schakel_common.consistency import decode_token, encode_token, wait_until_known
from schakel_common.database import Database
from schakel_common.http import OptionalPrincipalDep, PrincipalDep
from schakel_common.problems import FieldError, Problem
from schakel_common.processing import activity_of, record
from schakel_common.settings import ServiceSettings
from schakel_common.telemetry import measure
from schakel_contracts.envelope import Reference

KEY_CHARACTERS_MIN: Final = 8
ANONYMOUS_KEY_CHARACTERS_MIN: Final = 32
"""Without a caller the key alone tells whose reply is stored, so it must not be guessed; a UUID does."""
KEY_CHARACTERS_MAX: Final = 128
READ_ONLY_RETRY_SECONDS: Final = 300
KEYS_KEPT: Final = timedelta(hours=24)


class Changed(msgspec.Struct, frozen=True):
    """What a use case did, as its caller is told.

    Attributes:
        body: the reply, without its token.
        references: the versions it made; the consistency token.
        status: the HTTP status.
        etag_version: the version of the resource after it, for ``ETag`` and a later ``If-Match``.
        location: the path of what was made.
        concerns: records about people that it touched and that have no versions.
    """

    body: dict[str, Any] = {}
    references: list[Reference] = []
    status: int = 200
    etag_version: int | None = None
    location: str | None = None
    concerns: list[UUID] = []

    @property
    def subjects(self) -> list[object]:
        """Which records about people it touched: those whose versions it made, else what it made."""
        made = [self.body["id"]] if "id" in self.body else []
        return [reference.id for reference in self.references] or [*self.concerns] or made


UseCase = Callable[[AsyncSession], Awaitable[Changed]]


class CommandContext:
    """One command: who sends it, on which version it builds, and what it must have seen.

    Attributes:
        caller: who sends it, None when nobody has signed in.
        if_match: the version in ``If-Match``, None without that header.
    """

    def __init__(self, request: Request, caller: Principal | None, headers: "CommandHeaders") -> None:
        self.caller = caller
        self.if_match = version_of_etag(headers.if_match)
        self._request = request
        self._key = _checked_key(headers.idempotency_key, anonymous=caller is None)
        self._references = decode_token(headers.read_after) if headers.read_after else []
        self._secret = headers.draft_secret

    @property
    def principal(self) -> Principal:
        """Who sends it; Problem ``not-signed-in`` when nobody has signed in."""
        if self.caller is None:
            raise Problem("not-signed-in")
        return self.caller

    @property
    def expected_version(self) -> int:
        """The version this builds on; Problem ``precondition-required`` when ``If-Match`` is missing."""
        if self.if_match is None:
            raise Problem("precondition-required")
        return self.if_match

    async def run(self, use_case: UseCase) -> Response:
        """Run a use case in one transaction with its stored reply, or answer with the reply of the first time.

        Raises:
            Problem: ``read-only`` while changes are stopped, ``not-yet-known`` when what ``Read-After`` names
                does not arrive in time, ``idempotency-key-reused`` when the key came with another request, and
                whatever the use case raises.
                Nothing is stored then.
        """
        database: Database = self._request.app.state.database
        settings: ServiceSettings = self._request.app.state.settings
        if settings.read_only:
            raise Problem("read-only", retry_after_seconds=READ_ONLY_RETRY_SECONDS)
        digest = await self._digest()
        await wait_until_known(database, self._references, wait_seconds=settings.not_yet_known_wait_seconds)
        async with database.unit_of_work() as session:
            row = {"owner": self._owner(), "key": _sha256(self._key), "digest": digest}
            if not await _claim(session, row):
                return await _stored_reply(session, row)
            changed = await use_case(session)
            if (activity := activity_of(self._request)) is not None:
                subjects = changed.subjects or [self.caller.subject if self.caller else self._owner()]
                await record(session, settings, activity, subjects)
            reply = reply_of(changed)
            await _store(session, row, reply)
        return reply

    def _owner(self) -> str:
        if self.caller is not None:
            return _sha256(f"subject:{self.caller.subject}")
        return _sha256(f"secret:{self._secret}") if self._secret else "anonymous"

    async def _digest(self) -> str:
        request = self._request
        head = f"{request.method} {request.url.path}?{request.url.query} {self.if_match}\n"
        return hashlib.sha256(head.encode() + await request.body()).hexdigest()


class CommandHeaders(msgspec.Struct, frozen=True):
    """The headers of a command, as they came."""

    idempotency_key: str | None
    if_match: str | None
    read_after: str | None
    draft_secret: str | None


async def command_headers(
    idempotency_key: Annotated[
        str | None,
        Header(description="8 to 128 visible ASCII characters, new for each command; a UUID is good. Required."),
    ] = None,
    if_match: Annotated[str | None, Header(description='The ETag that the change builds on, such as "3".')] = None,
    read_after: Annotated[str | None, Header(description="Consistency token that must be known first.")] = None,
    draft_secret: Annotated[str | None, Header(description="Secret of an anonymous draft.")] = None,
) -> CommandHeaders:
    """Collect the headers of a command."""
    return CommandHeaders(idempotency_key, if_match, read_after, draft_secret)


_HeadersDep = Annotated[CommandHeaders, Depends(command_headers)]


async def _command(request: Request, caller: PrincipalDep, headers: _HeadersDep) -> CommandContext:
    return CommandContext(request, caller, headers)


async def _anonymous_command(request: Request, caller: OptionalPrincipalDep, headers: _HeadersDep) -> CommandContext:
    return CommandContext(request, caller, headers)


CommandDep = Annotated[CommandContext, Depends(_command)]
"""A command of somebody who has signed in."""
AnonymousCommandDep = Annotated[CommandContext, Depends(_anonymous_command)]
"""A command that anybody may send: the closed list of drafts and call-backs."""


def etag_of(version: int) -> str:
    """Return the strong ETag of a version."""
    return f'"{version}"'


def version_of_etag(if_match: str | None) -> int | None:
    """Return the version that an ``If-Match`` header names, None without the header.

    Raises:
        Problem: ``invalid-input`` for anything but one strong ETag of ours.
    """
    if if_match is None:
        return None
    inner = if_match.strip().removeprefix('"').removesuffix('"')
    if etag_of(0).replace("0", inner) != if_match.strip() or not inner.isascii() or not inner.isdigit():
        message = 'Send the ETag you got, such as "3".'
        raise Problem("invalid-input", errors=[FieldError("If-Match", message, "not-an-etag")])
    return int(inner)


def check_version(expected: int, actual: int) -> None:
    """Raise Problem ``stale-version`` when somebody changed the aggregate meanwhile."""
    if expected != actual:
        raise Problem("stale-version")


def reply_of(changed: Changed) -> Response:
    """Write the reply of a use case: its body with ``token``, and the headers ``Consistency-Token`` and ``ETag``."""
    token = encode_token(changed.references) if changed.references else None
    response = Response(
        msgspec.json.encode({**changed.body, "token": token}), changed.status, media_type="application/json"
    )
    if token is not None:
        response.headers["Consistency-Token"] = token
    if changed.etag_version is not None:
        response.headers["ETag"] = etag_of(changed.etag_version)
    if changed.location is not None:
        response.headers["Location"] = changed.location
    return response


async def delete_old_keys(database: Database, *, kept: timedelta = KEYS_KEPT) -> int:
    """Delete the keys and replies that are older than ``kept``; return how many."""
    async with database.unit_of_work() as session:
        deleted = await session.execute(
            text(
                "DELETE FROM idempotency WHERE created_at < clock_timestamp() - CAST(:kept AS interval) RETURNING key"
            ),
            {"kept": kept},
        )
        return len(deleted.all())


async def _claim(session: AsyncSession, row: dict[str, str]) -> bool:
    """Insert the key; when another transaction has inserted it, wait for its end first."""
    claimed = await session.execute(
        text(
            "INSERT INTO idempotency (owner, key, request_digest, status, headers, body)"
            " VALUES (:owner, :key, :digest, 0, '{}', '') ON CONFLICT DO NOTHING RETURNING key"
        ),
        row,
    )
    return claimed.first() is not None


async def _store(session: AsyncSession, row: dict[str, str], reply: Response) -> None:
    headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
    await session.execute(
        text(
            "UPDATE idempotency SET status = :status, headers = CAST(:headers AS jsonb), body = :body"
            " WHERE owner = :owner AND key = :key"
        ),
        {**row, "status": reply.status_code, "headers": msgspec.json.encode(headers).decode(), "body": reply.body},
    )


async def _stored_reply(session: AsyncSession, row: dict[str, str]) -> Response:
    found = await session.execute(
        text("SELECT request_digest, status, headers, body FROM idempotency WHERE owner = :owner AND key = :key"), row
    )
    digest, status, headers, body = found.one()
    if digest != row["digest"]:
        raise Problem("idempotency-key-reused")
    measure("idempotency.repeat.count", 1)
    return Response(body, status, headers)


def _checked_key(key: str | None, *, anonymous: bool) -> str:
    if key is None:
        raise Problem("idempotency-key-missing")
    least = ANONYMOUS_KEY_CHARACTERS_MIN if anonymous else KEY_CHARACTERS_MIN
    if not least <= len(key) <= KEY_CHARACTERS_MAX or not all("!" <= character <= "~" for character in key):
        message = f"Use {least} to {KEY_CHARACTERS_MAX} visible ASCII characters; a UUID is good."
        raise Problem(
            "invalid-input", errors=[FieldError(field="Idempotency-Key", message=message, code="wrong-format")]
        )
    return key


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
