"""The gateway as any client sees it: named operations from files, over HTTP, in the user's name."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import aiohttp

from schakel_common.calls import sent_again
from schakel_common.telemetry import outgoing_headers, span
from schakel_portal.settings import PACKAGE, PortalSettings

_FOLDER: Final = PACKAGE / "operations"
_SPREAD: Final = re.compile(r"\.\.\.(\w+)")
_logger = logging.getLogger(__name__)


class GatewayUnavailable(Exception):  # noqa: N818 - a state of the gateway, and no mistake of the caller
    """The gateway does not answer, or not as it should."""


class SignInRefused(Exception):  # noqa: N818 - the gateway's word about a token
    """The gateway does not accept the access token (any more)."""


@dataclass(frozen=True)
class FieldProblem:
    """One field that is not right; ``code`` finds the text in the page's language."""

    field: str
    code: str
    message: str = ""


class Refused(Exception):  # noqa: N818 - an expected answer of a command
    """A command that was not carried out: nothing has changed.

    Attributes:
        code: the slug of the problem type, such as ``already-asked``.
    """

    def __init__(
        self, code: str, *, title_nl: str = "", title_en: str = "", errors: tuple[FieldProblem, ...] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.title_nl = title_nl
        self.title_en = title_en
        self.errors = errors


@dataclass(frozen=True)
class Answer:
    """What the gateway said, and of which moment it is.

    Attributes:
        data: the operation's root fields.
        snapshot: ``asOf``, ``knownAt``, ``position`` and ``stale``; empty when the answer has none.
    """

    data: Mapping[str, Any]
    snapshot: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """Whether the newest command of this person is not in it yet."""
        return bool(self.snapshot.get("stale"))


@cache
def operations() -> dict[str, str]:
    """Return each operation's document by name; a file is one operation, ``_name.graphql`` a fragment for several."""
    fragments = {path.stem[1:]: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("_*.graphql"))}
    return {
        path.stem: _with_fragments(path.read_text(encoding="utf-8"), fragments)
        for path in sorted(_FOLDER.glob("[!_]*.graphql"))
    }


def _with_fragments(text: str, fragments: Mapping[str, str]) -> str:
    wanted = list(dict.fromkeys(_SPREAD.findall(text)))
    for name in wanted:
        wanted.extend(inner for inner in _SPREAD.findall(fragments[name]) if inner not in wanted)
    return "\n".join([text, *(fragments[name] for name in wanted)])


class Gateway:
    """Sends operations to the gateway with one shared HTTP client."""

    def __init__(self, settings: PortalSettings, http: aiohttp.ClientSession) -> None:
        self._address = f"{settings.gateway_url.rstrip('/')}/graphql"
        self._timeout = aiohttp.ClientTimeout(total=settings.gateway_seconds_max)
        self._http = http

    async def ask(
        self,
        operation: str,
        variables: Mapping[str, Any],
        *,
        token: str | None = None,
        language: str = "nl",
        read_after: str | None = None,
        idempotency_key: str | None = None,
        client: str | None = None,
    ) -> Answer:
        """Send one operation.

        Args:
            operation: name of a file in ``operations/``.
            variables: of that operation.
            token: access token of the person, or None.
            language: for ``Accept-Language``.
            read_after: consistency token of the person's latest commands.
            idempotency_key: for a mutation; the same key again has the effect once.
            client: address of the visitor, whom the gateway counts the request for.

        Raises:
            GatewayUnavailable: no answer, or none that can be read.
            SignInRefused: the token is not accepted.
            Refused: the gateway refuses the operation as such (for instance too many requests).
        """
        headers = {"Accept": "application/json", "Accept-Language": language}
        optional = {
            "Read-After": read_after,
            "Idempotency-Key": idempotency_key,
            "X-Forwarded-For": client,
            "Authorization": f"Bearer {token}" if token else None,
        }
        headers |= {name: value for name, value in optional.items() if value}
        body = {"operationName": operation, "query": operations()[operation], "variables": dict(variables)}
        with span(f"ask {operation}", kind="client"):
            status, document = await self._send(body, headers | outgoing_headers())
        return _read(operation, status, document)

    async def _send(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        async def send() -> tuple[int, Any]:
            async with self._http.post(
                self._address, json=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as reply:
                return reply.status, await reply.json(content_type=None)

        try:
            status, document = await sent_again(send)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise GatewayUnavailable(type(error).__name__) from error
        if not isinstance(document, dict):
            raise GatewayUnavailable("the reply is no JSON object")
        return status, document


def _read(operation: str, status: int, document: Mapping[str, Any]) -> Answer:
    errors = document.get("errors") or []
    codes = {_code(error) for error in errors if isinstance(error, dict)}
    slug = str(document.get("type", "")).rpartition("/")[2]
    if status == 401 or {"token-refused", "not-signed-in"} & codes:  # noqa: PLR2004 - an HTTP status
        raise SignInRefused
    refusals = codes & {"forbidden", "not-found", "too-many-requests", "invalid-input"}
    if refusals or slug in {"forbidden", "too-many-requests", "invalid-input"}:
        raise Refused(min(refusals, default=slug))
    data = document.get("data")
    if errors or not isinstance(data, dict):
        _logger.warning("the gateway did not answer %s: status %s, codes %s", operation, status, sorted(codes))
        raise GatewayUnavailable("the reply holds no data")
    snapshot = (document.get("extensions") or {}).get("snapshot") or {}
    return Answer(data, snapshot)


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions") or {}
    return str(extensions.get("code") or extensions.get("problem") or "unknown").lower().replace("_", "-")


def result_of(answer: Answer) -> tuple[Mapping[str, Any], str | None]:
    """Return the changed thing and the consistency token of a mutation's payload.

    Raises:
        Refused: the payload holds a problem.
    """
    (payload,) = answer.data.values()
    problem = payload.get("problem")
    if problem is not None:
        raise Refused(
            problem["code"],
            title_nl=problem["titleNl"],
            title_en=problem["title"],
            errors=tuple(FieldProblem(e["field"], e["code"], e["message"]) for e in problem["errors"]),
        )
    things = [value for name, value in payload.items() if name not in {"token", "problem"}]
    return (things[0] if things else {}), payload.get("token")
