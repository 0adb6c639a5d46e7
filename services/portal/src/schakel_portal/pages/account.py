"""Signing in and out."""

import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schakel_common.telemetry import trace_id_now
from schakel_portal.graphql import GatewayUnavailable, Refused, SignInRefused
from schakel_portal.login import LoginRefused
from schakel_portal.security import safe_next
from schakel_portal.sessions import Content, IdentityUnavailable, PendingLogin
from schakel_portal.web import Page, Portal, TooLarge, read_form

_logger = logging.getLogger(__name__)


async def login(page: Page) -> Response:
    """Send the browser to the identity provider; ``next`` says where to come back to, ``nieuw`` makes an account."""
    query = page.request.query_params
    return await begin_login(page, query.get("next"), new_account="nieuw" in query)


async def begin_login(page: Page, next_path: str | None, *, new_account: bool) -> Response:
    """Begin a login that only this browser can finish."""
    pending = page.portal.identity.begin(safe_next(next_path, page.url("/mijn")))
    await page.remember(lambda content: content.remember_login(pending))
    address = page.portal.identity.address(pending, page.language, new_account=new_account)
    return RedirectResponse(address, status_code=303)


async def finish_login(page: Page) -> Response:
    """Take the identity provider's answer: new tokens under a new cookie, and back to where the person was going."""
    query = page.request.query_params
    pending = next((each for each in page.session.content.logins if each.state == query.get("state")), None)
    if pending is None:
        return await page.show("login_failed.html", status=400, next=None)
    await page.remember(lambda content: _forget(content, pending))
    if "code" not in query:
        return await page.show("login_failed.html", status=400, next=pending.next)
    try:
        tokens, claims = await page.portal.identity.finish(pending, query)
    except LoginRefused as refused:
        _logger.warning("a login was refused: %s (trace %s)", refused, trace_id_now())
        return await page.show("login_failed.html", status=400, next=pending.next)
    cookie = page.portal.seals.mint()
    page.session = await page.portal.sessions.sign_in(
        page.session, cookie, tokens, sid=claims.get("sid"), subject=str(claims["sub"])
    )
    page.use_cookie(cookie)
    await _remember_scopes(page, str(claims.get("name") or claims.get("preferred_username") or ""))
    return RedirectResponse(pending.next, status_code=303)


def _forget(content: Content, pending: PendingLogin) -> None:
    content.logins = [each for each in content.logins if each.state != pending.state]


async def _remember_scopes(page: Page, name: str) -> None:
    """Ask once who this is, for the menu; when that cannot be known now the menu is only shorter."""
    try:
        me = (await page.ask("me")).data["me"]
    except (GatewayUnavailable, Refused, SignInRefused):
        me = None

    def edit(content: Content) -> None:
        content.scopes = list(me["scopes"]) if me else []
        content.name = name

    await page.remember(edit)


async def logout(page: Page) -> Response:
    """Forget this browser, and end the session at the identity provider too."""
    tokens = page.session.tokens
    if page.cookie is not None:
        await page.portal.sessions.end(page.session)
    if tokens is None:
        return page.go("/")
    response = RedirectResponse(page.portal.identity.logout_address(tokens, page.language), status_code=303)
    settings = page.portal.settings
    response.delete_cookie(settings.cookie_name, path="/", secure=settings.secure, httponly=True, samesite="lax")
    return response


async def end_from_elsewhere(portal: Portal, request: Request) -> Response:
    """End the sessions that have ended at the identity provider (OpenID Connect Back-Channel Logout 1.0)."""
    headers = {"Cache-Control": "no-store"}
    try:
        form = await read_form(request)
        sid, subject = await portal.identity.logged_out(form.get("logout_token", ""))
    except (LoginRefused, TooLarge):
        return Response(status_code=400, headers=headers)
    except IdentityUnavailable:
        return Response(status_code=503, headers=headers)
    ended = await portal.sessions.end_elsewhere(sid=sid, subject=subject)
    _logger.info("sessions ended from elsewhere: %s", ended)
    return Response(status_code=200, headers=headers)
