"""What every page shares: the visitor, the language, the gateway in the visitor's name, and one way to answer."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from schakel_common.clock import Clock
from schakel_common.consistency import decode_token, encode_token
from schakel_common.database import Database
from schakel_common.problems import Problem
from schakel_portal import assets, geography, security
from schakel_portal.graphql import Answer, Gateway, Refused, SignInRefused, result_of
from schakel_portal.login import IdentityProvider
from schakel_portal.points import points_of
from schakel_portal.reasons import against, distance_of, nearness, reason_of, reasons_of, warning
from schakel_portal.sessions import Content, IdentityUnavailable, Session, Sessions, key_of
from schakel_portal.settings import PortalSettings
from schakel_portal.texts import Language, Texts

FORM_BYTES_MAX: Final = 128 * 1024
FORM_FIELDS_MAX: Final = 100
_REFERENCES_MAX: Final = 12

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Portal:
    """The parts that live as long as the process."""

    settings: PortalSettings
    gateway: Gateway
    sessions: Sessions
    identity: IdentityProvider
    seals: security.Seals
    templates: Environment
    clock: Clock
    database: Database


class NotSignedIn(Exception):  # noqa: N818 - a way to go, and no failure
    """This page is for who is signed in."""


class NotFound(Exception):  # noqa: N818 - an answer
    """There is no such thing, or not for this visitor."""


class ForgedForm(Exception):  # noqa: N818 - a refusal
    """A form did not come from a page that we gave this visitor; or that page is older than the session."""


class TooLarge(Exception):  # noqa: N818 - a refusal
    """A form is larger than any of ours."""


@dataclass
class Page:
    """One request, and all that a handler needs to answer it.

    Attributes:
        cookie: the visitor cookie when we made it, else None.
        session: what we remember of this browser.
        form: the fields of a posted form; empty for a look.
    """

    portal: Portal
    request: Request
    language: Language
    cookie: str | None
    session: Session
    form: dict[str, str] = field(default_factory=dict)
    _new_cookie: bool = False
    _access_token: str | None = None

    @property
    def t(self) -> Texts:
        """The texts of the visitor's language."""
        return Texts(self.language)

    @property
    def path(self) -> str:
        """The path without the language."""
        return str(self.request.scope["path"])

    @property
    def here(self) -> str:
        """Where we are, to come back to after signing in."""
        query = self.request.url.query
        return f"{self.url(self.path)}?{query}" if query else self.url(self.path)

    @property
    def signed_in(self) -> bool:
        """Whether somebody is signed in."""
        return self.session.signed_in

    @property
    def client(self) -> str | None:
        """The visitor's address."""
        return self.request.client.host if self.request.client else None

    def url(self, path: str, **query: str | None) -> str:
        """Return an address of ours in the visitor's language."""
        prefix = "" if self.language == "nl" else "/en"
        address = f"{prefix}{path}" if path != "/" or not prefix else prefix
        kept = {name: value for name, value in query.items() if value}
        return f"{address}?{urlencode(kept)}" if kept else address

    def require_sign_in(self) -> None:
        """Go and sign in first, then come back here."""
        if not self.signed_in:
            raise NotSignedIn

    def visitor(self) -> str:
        """Return the visitor cookie; a new one is made, and set with the answer, for who has none."""
        if self.cookie is not None:
            return self.cookie
        cookie = self.portal.seals.mint()
        self.use_cookie(cookie)
        self.session = Session(key=key_of(cookie))
        return cookie

    def use_cookie(self, cookie: str) -> None:
        """Set this cookie with the answer."""
        self.cookie = cookie
        self._new_cookie = True

    async def remember(self, edit: Callable[[Content], None]) -> None:
        """Change what we remember of this browser."""
        self.visitor()
        await self.portal.sessions.change(self.session, edit)

    async def access_token(self) -> str | None:
        """Return a valid access token, renewed where needed; None when nobody is signed in (any more)."""
        if self._access_token is None and self.signed_in:
            self._access_token = await self.portal.sessions.access_token(self.session, self.portal.identity.refresh)
        return self._access_token

    async def ask(self, operation: str, **variables: Any) -> Answer:  # noqa: ANN401 - GraphQL variables
        """Ask the gateway in the visitor's name; a public question is still answered when sign-in is not available."""
        try:
            token = await self.access_token()
        except IdentityUnavailable:
            token = None
        content = self.session.content
        return await self.portal.gateway.ask(
            operation,
            variables,
            token=token,
            language=self.language,
            read_after=content.references,
            client=self.client,
        )

    async def command(
        self,
        operation: str,
        values: Mapping[str, Any],
        *,
        key: str | None = None,
        empty: Mapping[str, Any] = MappingProxyType({}),
    ) -> Mapping[str, Any]:
        """Carry out a mutation in the visitor's name; the same key again has the effect once.

        Args:
            operation: name of the mutation.
            values: its input; fields that are None are left out, empty text is sent and judged by the API.
            empty: more of the input, of which None is sent too: nothing, instead of what was there.
            key: idempotency key; by default the one that the form was given.

        Returns:
            The changed thing.

        Raises:
            Refused: with the problem; nothing has changed.
        """
        given = key or f"{self.form.get('idempotencyKey', '')}-{operation}"
        values = {name: value for name, value in values.items() if value is not None} | dict(empty)
        answer = await self.portal.gateway.ask(
            operation,
            {"input": values},
            token=await self.access_token(),
            language=self.language,
            read_after=self.session.content.references,
            idempotency_key=given,
            client=self.client,
        )
        thing, token = result_of(answer)
        if token:
            await self.remember(lambda content: setattr(content, "references", joined(content.references, token)))
        return thing

    async def notice(self, key: str) -> None:
        """Show a text once, on the next page."""
        await self.remember(lambda content: setattr(content, "notice", key))

    async def _take_notice(self) -> str | None:
        notice = self.session.content.notice
        if notice:
            await self.remember(lambda content: setattr(content, "notice", None))
        return notice

    async def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Answer with a page."""
        notice = await self._take_notice()
        html = self.portal.templates.get_template(template).render(
            page=self,
            t=self.t,
            url=self.url,
            lang=self.language,
            other_language=self._other_language(),
            form_token=lambda: self.portal.seals.form_token(self.visitor()),
            new_key=lambda: uuid4().hex,
            notice=notice,
            scopes=self.session.content.scopes if self.signed_in else [],
            **values,
        )
        return HTMLResponse(html, status_code=status)

    def go(self, path: str) -> Response:
        """Answer with: look there (303, so that a reload sends no form again)."""
        return RedirectResponse(self.url(path), status_code=303)

    def _other_language(self) -> str:
        query = self.request.url.query
        target = f"/en{self.path}".rstrip("/") if self.language == "nl" else self.path
        return f"{target}?{query}" if query else target

    def sealed(self, response: Response) -> Response:
        """Set the cookie where it is new, and say that answers made for one visitor are kept nowhere."""
        if self._new_cookie and self.cookie:
            settings = self.portal.settings
            response.set_cookie(
                settings.cookie_name,
                self.cookie,
                max_age=settings.session_days * 86_400,
                path="/",
                secure=settings.secure,
                httponly=True,
                samesite="lax",
            )
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def joined(known: str | None, token: str) -> str:
    """Return one consistency token of the latest references of both; a token that cannot be read is dropped."""
    try:
        references = {(r.kind, r.id): r for r in [*(decode_token(known) if known else []), *decode_token(token)]}
    except Problem:
        return token
    return encode_token(list(references.values())[-_REFERENCES_MAX:])


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; of a repeated field the values are joined by a comma.

    Raises:
        TooLarge: more bytes or fields than any form of ours has.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise TooLarge
    try:
        pairs = parse_qsl(
            body.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX
        )
    except ValueError as error:
        raise TooLarge from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        clean = value.replace("\r\n", "\n").replace("\x00", "").strip()
        fields[name] = f"{fields[name]},{clean}" if name in fields else clean
    return fields


def fieldlabs_of(scopes: Sequence[str]) -> list[str]:
    """Return the slugs of the fieldlabs that somebody works for."""
    return [scope.removeprefix("fieldlab:") for scope in scopes if scope.startswith("fieldlab:")]


def environment() -> Environment:
    """Return the templates: everything is escaped, and a name that is missing is a mistake of ours."""
    templates = Environment(
        loader=PackageLoader("schakel_portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        asset=assets.address_of,
        point=geography.point,
        points_of=points_of,
        fieldlabs_of=fieldlabs_of,
        reason_of=reason_of,
        reasons_of=reasons_of,
        distance_of=distance_of,
        warning=warning,
        against=against,
        nearness=nearness,
    )
    return templates


Handler = Callable[[Page], Awaitable[Response]]
__all__ = ["Answer", "Handler", "NotFound", "NotSignedIn", "Page", "Portal", "Refused", "SignInRefused"]
