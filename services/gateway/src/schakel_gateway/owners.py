"""Calls to the services that own the facts, always with the user's own token: the gateway has no rights of its own."""

import uuid
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import aiohttp
import orjson
from strawberry import UNSET
from yarl import URL

from schakel_common.calls import read_whole, sent_again
from schakel_common.commands import KEY_CHARACTERS_MAX, KEY_CHARACTERS_MIN
from schakel_common.consistency import encode_token
from schakel_common.metrics import measure
from schakel_common.problems import FieldError, Problem, problem_of
from schakel_common.telemetry import outgoing_headers, span
from schakel_contracts.topics import Service
from schakel_gateway.answers import problem_fields, problem_of_exception
from schakel_gateway.commands import Command
from schakel_gateway.keys import camel, snake_keys
from schakel_gateway.private import Batch, match_fields, need_fields
from schakel_gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation, Session

REFUSED: Final = 300
"""Statuses from here on are no success (RFC 9110, 15); a redirect is not followed, so it is none either."""
REPLY_BYTES_MAX: Final = 4 * 1024 * 1024
_KEY_SPACE: Final = uuid.UUID("7a0a9c1e-0f3c-5a55-9f2e-6d2a3a1c5b10")
ANONYMOUS_KEY_CHARACTERS_MIN: Final = 32

KINDS_KNOWN: Final[Mapping[Service, frozenset[str]]] = {
    "registry": frozenset({"hub", "fieldlab", "company", "figure", "referral"}),
    "matching": frozenset({"hub", "fieldlab", "company", "challenge", "referral"}),
    "events": frozenset({"fieldlab", "company", "activity", "registration", "case"}),
}
"""What each service owns or keeps a copy of: to wait there for anything else would be to wait for nothing."""

Reply = tuple[int, Mapping[str, str], dict[str, Any]]


class Owners:
    """The services behind the gateway.

    Args:
        settings: their addresses and how long to wait for them.
        session: one shared session; closed by who made it.
    """

    def __init__(self, settings: GatewaySettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._urls: dict[Service, str] = {
            "registry": settings.registry_url.rstrip("/"),
            "matching": settings.matching_url.rstrip("/"),
            "events": settings.events_url.rstrip("/"),
        }

    def batch(self, operation: "Operation") -> Batch:
        """Return what collects the private fields of one operation."""
        return Batch(operation, self)

    async def forward(
        self, operation: "Operation", command: Command, given: object, response_name: str
    ) -> dict[str, Any]:
        """Send a command to its service and return the payload: the thing and its token, or the problem.

        Args:
            operation: whose caller, key and token travel along.
            command: which command.
            given: the input object.
            response_name: of the field in the answer; two fields of one operation are two commands.
        """
        try:
            fields = body_of(given)
            if operation.principal is None:
                await operation.gateway.limits.take("anonymous-command", operation.session.client)
            headers = _command_headers(operation.session, command.service, fields.pop("ifVersion", None), response_name)
            if command.secret_field is not None:
                headers["Draft-Secret"] = _header_value(fields.pop(command.secret_field))
            method, _, template = command.request.partition(" ")
            path = _path(template, fields)
            seconds = self._settings.owner_seconds_max
            status, reply_headers, body = await self._call(
                operation.session, command.service, method, path, seconds, headers=headers, json=fields
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem of the one table
            return _refused(problem_of_exception(error))
        if status >= REFUSED:
            return _refused(_problem(status, reply_headers, body))
        return {
            command.thing: _thing(body, reply_headers),
            "token": reply_headers.get("Consistency-Token", body.get("token")),
        }

    async def draft(self, operation: "Operation", draft_id: str, secret: str) -> dict[str, Any] | None:
        """Read a draft with its secret; None when there is no such draft under that secret."""
        path = _path("/v1/drafts/{draftId}", {"draftId": draft_id})
        headers = {"Draft-Secret": _header_value(secret)}
        seconds = self._settings.owner_seconds_max  # it is what the page is about, and it is matched anew
        status, reply_headers, body = await self._call(
            operation.session, "matching", "GET", path, seconds, headers=headers
        )
        if status in {400, 401, 403, 404}:
            return None
        if status >= REFUSED:
            raise _problem(status, reply_headers, body)
        found: dict[str, Any] = snake_keys(body)
        given = {key: value for key, value in found.items() if value is not None}
        draft: dict[str, Any] = {"no_fit": False, "concepts": [], "matches": [], "needs": [], "endings": [], **given}
        draft["matches"] = [match_fields(match) for match in draft["matches"]]
        draft["needs"] = [need_fields(need) for need in draft["needs"]]
        return draft

    async def why(
        self, session: "Session", fieldlab: str, *, draft: tuple[str, str] | None, challenge_id: str | None
    ) -> dict[str, Any] | None:
        """Ask why a fieldlab stands where it stands for a draft (id and secret) or a challenge; None when not found.

        Raises:
            Problem: ``forbidden`` to who may not read the challenge, ``token-required`` to anonymous for one.
        """
        headers = _read_after(session, "matching")
        if draft is not None:
            fields, template = {"id": draft[0], "fieldlab": fieldlab}, "/v1/drafts/{id}/explanations/{fieldlab}"
            headers = {**headers, "Draft-Secret": _header_value(draft[1])}
        else:
            fields = {"id": challenge_id or "", "fieldlab": fieldlab}
            template = "/v1/challenges/{id}/explanations/{fieldlab}"
        found = await self._one(session, _path(template, fields), headers)
        if found is None:
            return None
        return {**found, "match": match_fields(found["match"])}

    async def coaching(self, session: "Session", fieldlab: str) -> dict[str, Any] | None:
        """Ask what the needs of late say of a fieldlab's record."""
        path = _path("/v1/fieldlabs/{fieldlab}/coaching", {"fieldlab": fieldlab})
        return await self._one(session, path, _read_after(session, "matching"))

    async def _one(self, session: "Session", path: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """Read one thing of the matching service, which works it out; None when there is no such thing."""
        seconds = self._settings.owner_seconds_max
        status, reply_headers, body = await self._call(session, "matching", "GET", path, seconds, headers=headers)
        if status == 404:  # noqa: PLR2004 - RFC 9110, 15.5.5
            return None
        if status >= REFUSED:
            raise _problem(status, reply_headers, body)
        found: dict[str, Any] = snake_keys(body)
        return found

    async def private(self, session: "Session", service: Service, path: str, ids: Iterable[str]) -> dict[str, Any]:
        """Ask for the private fields of many objects at once; the reply says per id what the caller may see."""
        seconds = self._settings.private_seconds_max
        status, headers, body = await self._call(
            session, service, "POST", path, seconds, headers=_read_after(session, service), json={"ids": list(ids)}
        )
        if status >= REFUSED:
            raise _problem(status, headers, body)
        items = body.get("items")
        return items if isinstance(items, dict) else {}

    async def call_backs(self, session: "Session", path: str, hub: str) -> list[dict[str, Any]]:
        """Ask who wants to be called by a hub."""
        seconds = self._settings.private_seconds_max
        status, headers, body = await self._call(
            session, "matching", "GET", f"{path}?hub={quote(hub, safe='')}", seconds
        )
        if status >= REFUSED:
            raise _problem(status, headers, body)
        return [snake_keys(item) for item in body.get("items", [])]

    async def opportunities(self, session: "Session", **whose: str) -> list[dict[str, Any]]:
        """Ask which shared needs fit a ``fieldlab``, or the fieldlabs of a ``hub``.

        Raises:
            Problem: as matching said it, or ``unavailable``.
        """
        found = await self._items(session, "/v1/opportunities", whose, self._settings.owner_seconds_max)
        for need in found:
            need["fits"] = [{"shown": True, **match_fields(fit)} for fit in need["fits"]]
        return found

    async def bundles(self, session: "Session", hub: str) -> list[dict[str, Any]]:
        """Ask which shared needs of a hub's companies one session could serve; needs may have to be read first.

        Raises:
            Problem: as matching said it, or ``unavailable``.
        """
        return await self._items(session, "/v1/bundles", {"hub": hub}, self._settings.owner_seconds_max)

    async def _items(
        self, session: "Session", path: str, query: Mapping[str, str], seconds: float
    ) -> list[dict[str, Any]]:
        """Read a list of the matching service, after what the caller has seen."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        status, headers, body = await self._call(
            session, "matching", "GET", f"{path}?{asked}", seconds, headers=_read_after(session, "matching")
        )
        if status >= REFUSED:
            raise _problem(status, headers, body)
        return [snake_keys(item) for item in body.get("items", [])]

    async def _call(
        self,
        session: "Session",
        service: Service,
        method: str,
        path: str,
        seconds_max: float,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Reply:
        route = path.partition("?")[0].split("/")[2]
        with span(f"{method} {service}/{route}", kind="client"):
            sent = {"Accept": "application/json, application/problem+json", **outgoing_headers(), **(headers or {})}
            if session.principal is not None:
                sent["Authorization"] = f"Bearer {session.principal.token}"
            if json is not None:
                sent["Content-Type"] = "application/json"

            async def send() -> Reply:
                async with self._session.request(
                    method,
                    URL(f"{self._urls[service]}{path}", encoded=True),
                    data=None if json is None else orjson.dumps(json),
                    headers=sent,
                    timeout=aiohttp.ClientTimeout(total=seconds_max),
                    allow_redirects=False,
                ) as reply:
                    content = await read_whole(reply, REPLY_BYTES_MAX)
                    return reply.status, reply.headers, _json(reply.status, content)

            try:
                return await sent_again(send)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Problem("unavailable", retry_after_seconds=2) from error


def body_of(given: object) -> dict[str, Any]:
    """Return an input object as the body of the service's command; what was not given is not in it, null stays null."""
    body: dict[str, Any] = {}
    for name, value in vars(given).items():
        if value is not UNSET:
            body[camel(name)] = _plain(value)
    return body


def _refused(problem: Problem) -> dict[str, Any]:
    """Return the payload of a command that has had no effect; counted, because it is no error of the operation."""
    measure("graphql.error.count", 1, reason=problem.slug)
    return {"problem": problem_fields(problem)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if hasattr(value, "__strawberry_definition__"):
        return body_of(value)
    return value


def _path(template: str, fields: dict[str, Any]) -> str:
    """Fill a path from fields, which leave the body; one that would change the path's shape is refused."""
    parts = []
    for part in template.split("/"):
        if not part.startswith("{"):
            parts.append(part)
            continue
        name = part[1:-1]
        value = str(fields.pop(name))
        if value.strip() in {"", ".", ".."} or len(value) > 200:  # noqa: PLR2004 - longer than any id or slug
            raise Problem("not-found", errors=[FieldError(name, "There is no such thing.", "not-found")])
        parts.append(quote(value, safe=""))
    return "/".join(parts)


def _command_headers(session: "Session", service: Service, version: int | None, response_name: str) -> dict[str, str]:
    key = session.idempotency_key
    if not key:
        raise Problem("idempotency-key-missing")
    least = KEY_CHARACTERS_MIN if session.principal else ANONYMOUS_KEY_CHARACTERS_MIN
    if not least <= len(key) <= KEY_CHARACTERS_MAX:
        message = f"Use {least} to {KEY_CHARACTERS_MAX} characters; a random UUID will do."
        raise Problem("invalid-input", errors=[FieldError("Idempotency-Key", message, "length")])
    headers = {"Idempotency-Key": str(uuid.uuid5(_KEY_SPACE, f"{key}/{response_name}"))}
    headers |= _read_after(session, service)
    if session.accept_language:
        headers["Accept-Language"] = session.accept_language
    if version is not None:
        headers["If-Match"] = f'"{version}"'
    return headers


def _read_after(session: "Session", service: Service) -> dict[str, str]:
    known = [each for each in session.references if each.kind in KINDS_KNOWN[service]]
    return {"Read-After": encode_token(known)} if known else {}


def _header_value(text: str) -> str:
    """A secret travels as a header; one that cannot is nobody's secret."""
    if not text.isascii() or not text.isprintable() or not text:
        raise Problem("not-found")
    return text


def _json(status: int, content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError as error:
        if status >= REFUSED:
            return {}  # the page of somebody in between; its status says enough
        raise Problem("unavailable", retry_after_seconds=2) from error
    return body if isinstance(body, dict) else {"items": body}


def _thing(body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    thing: dict[str, Any] = {"accepted": True, "no_fit": False, "matches": [], **snake_keys(body)}
    etag = headers.get("ETag", "").removeprefix("W/").strip('"')
    if etag.isdigit():
        thing["version"] = int(etag)
    thing["matches"] = [match_fields(match) for match in thing["matches"]]
    return thing


def _problem(status: int, headers: Mapping[str, str], body: dict[str, Any]) -> Problem:
    problem = problem_of(status, body)
    seconds = headers.get("Retry-After", "")
    if seconds.isdigit():
        problem.retry_after_seconds = int(seconds)
    return problem
