"""A request for an introduction, as the company, the fieldlab and the hub see it: every step, and whose turn it is."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form, field_text, refused_form
from schakel_portal.graphql import GatewayUnavailable, Refused
from schakel_portal.pages.explaining import why_of
from schakel_portal.texts import today
from schakel_portal.web import NotFound, Page

DECLINE_REASONS: Final = ("NO_CAPACITY", "NOT_OUR_FIELD", "TOO_EARLY", "DUPLICATE", "OTHER")
OUTCOMES: Final = ("VISITED", "TESTED", "TRAINED", "INVESTED", "NOTHING")
OPEN: Final = frozenset({"REQUESTED", "QUESTION", "ACCEPTED"})
_OVER: Final = frozenset({"DECLINED", "WITHDRAWN", "ERASED"})
"""Then a fieldlab may not read the need any more, or there is none."""
_ACTIONS: Final = {
    "accept": "acceptReferral",
    "decline": "declineReferral",
    "ask": "askQuestion",
    "answer": "answerQuestion",
    "withdraw": "withdrawReferral",
    "outcome": "recordOutcome",
}
_CHOICE_OF: Final = {"decline": ("reason", DECLINE_REASONS), "outcome": ("outcome", OUTCOMES)}


async def show_mine(page: Page) -> Response:
    """Show a company's own requests, those that wait for it first."""
    page.require_sign_in()
    answer = await page.ask("myRequests")
    referrals = sorted(answer.data["myReferrals"], key=lambda each: each["waitingOn"] != "COMPANY")
    needs = [each for each in answer.data["myChallenges"] if each["status"] == "OPEN"]
    return await page.show(
        "mine.html", me=answer.data["me"], referrals=referrals, needs=needs, snapshot=answer.snapshot
    )


async def accept_member(page: Page) -> Response:
    """Let a colleague in who asked to join."""
    page.require_sign_in()
    await page.command("acceptMember", {"companyId": page.form.get("companyId", ""), "sub": page.form.get("sub", "")})
    await page.notice("mine.member_accepted")
    return page.go("/mijn")


async def show_request(page: Page) -> Response:
    """Show one request to whoever may see it."""
    page.require_sign_in()
    return await _show(page, Form())


async def show_request_state(page: Page) -> Response:
    """Answer the browser that looks whether something changed: nothing (204), or the new state."""
    page.require_sign_in()
    referral = await _referral(page)
    if page.request.query_params.get("versie") == str(referral["version"]):
        return Response(status_code=204)
    response = await page.show(
        "_request_state.html", referral=referral, side=side_of(page, referral), today=_today(page)
    )
    response.headers["ETag"] = f'"{referral["version"]}"'
    return response


async def post_request(page: Page) -> Response:
    """Carry out one step; what was typed is shown again when it is refused."""
    page.require_sign_in()
    action = page.form.get("action", "")
    if action not in _ACTIONS:
        raise NotFound
    form = _choice_missing(page, action)
    if form is not None:
        return await _show(page, form, status=400)
    try:
        await page.command(_ACTIONS[action], _input_of(page, action))
    except Refused as refused:
        named = {"message": f"{action}-message"}
        form = refused_form(page.t, page.form, refused, (f"{action}-message", "on"), named=named)
        return await _show(page, form, status=400)
    await page.notice(f"request.done_{action}")
    return page.go(f"/mijn/{page.request.path_params['referral']}")


def _choice_missing(page: Page, action: str) -> Form | None:
    if action not in _CHOICE_OF:
        return None
    name, allowed = _CHOICE_OF[action]
    if page.form.get(name) in allowed:
        return None
    return Form(values=page.form, errors={f"{action}-{name}": field_text(page.t, name, "required")})


def _input_of(page: Page, action: str) -> dict[str, Any]:
    values: dict[str, Any] = {"referralId": page.request.path_params["referral"]}
    message = page.form.get("message", "")
    values["message"] = message if action in {"ask", "answer"} else message or None
    if page.form.get("version", "").isdigit():
        values["ifVersion"] = int(page.form["version"])
    if action == "decline":
        values["reason"] = page.form["reason"]
    if action == "outcome":
        values |= {"outcome": page.form["outcome"], "on": page.form.get("on") or _today(page).isoformat()}
    return values


async def _referral(page: Page) -> Mapping[str, Any]:
    answer = await page.ask("referral", id=page.request.path_params["referral"])
    referral: Mapping[str, Any] | None = answer.data["referral"]
    if referral is None:
        raise NotFound
    return referral


def side_of(page: Page, referral: Mapping[str, Any]) -> str:
    """Return as who the visitor looks at it: ``fieldlab``, ``hub`` or ``company``; the API decides what each may do."""
    scopes = page.session.content.scopes
    if f"fieldlab:{referral['fieldlabSlug']}" in scopes:
        return "fieldlab"
    if {f"hub:{referral['homeHub']}", f"hub:{referral['routedHub']}"} & set(scopes):
        return "hub"
    return "company"


async def _show(page: Page, form: Form, *, status: int = 200) -> Response:
    referral = await _referral(page)
    side = side_of(page, referral)
    return await page.show(
        "request.html",
        status=status,
        referral=referral,
        side=side,
        names={},
        why=None if side == "company" else await _why(page, referral),
        form=form,
        reasons=DECLINE_REASONS,
        outcomes=OUTCOMES,
        today=_today(page),
        open=referral["status"] in OPEN,
    )


async def _why(page: Page, referral: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return why the fieldlab is where it is; None where that cannot be told now, which must not hide the request."""
    if referral["status"] in _OVER:
        return None
    try:
        return await why_of(page, referral["fieldlabSlug"], challengeId=referral["challengeId"])
    except (Refused, GatewayUnavailable):
        return None


def _today(page: Page) -> date:
    return today(page.portal.clock.now())
