"""Asking for an introduction, with the sign-up in its course: whatever was typed is still there afterwards."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Refused
from schakel_portal.pages.account import begin_login
from schakel_portal.sessions import Content
from schakel_portal.web import NotFound, Page

COMPANY_FIELDS: Final = ("kvkNumber", "name", "postcode", "contactName", "phone", "sizeClass")
CONTACT_NAMES: Final = {"contact.name": "contactName"}
SIZES: Final = ("MICRO", "SMALL", "MEDIUM", "LARGE", "UNKNOWN")


async def show_introduction(page: Page) -> Response:
    """Show the next thing that is needed: an account, the company, or only a yes."""
    return await _show(page, Form())


async def _show(page: Page, form: Form, *, status: int = 200, join: bool = False) -> Response:
    draft_id, slug = page.request.path_params["draft"], page.request.path_params["fieldlab"]
    known = page.session.content.drafts.get(draft_id)
    if known is None:
        raise NotFound
    answer = await page.ask("introduction", id=draft_id, secret=known.secret, slug=slug)
    draft, fieldlab, me = (answer.data[name] for name in ("draft", "fieldlab", "me"))
    if fieldlab is None or draft is None:
        raise NotFound
    if "message" not in form.values:
        form.values = {**form.values, "message": known.messages.get(slug, "")}
    if not form.value("postcode"):
        form.values = {**form.values, "postcode": known.postcode}
    return await page.show(
        "introduction.html",
        status=status,
        draft=draft,
        fieldlab=fieldlab,
        match=next((each for each in draft["matches"] if each["slug"] == slug), None),
        company=me["companies"][0] if me and me["companies"] else None,
        form=form,
        sizes=SIZES,
        join=join,
    )


async def post_introduction(page: Page) -> Response:
    """Go on: to the identity provider (new or known), to joining a company, or to the request itself."""
    draft_id, slug = page.request.path_params["draft"], page.request.path_params["fieldlab"]
    known = page.session.content.drafts.get(draft_id)
    if known is None:
        raise NotFound
    await page.remember(lambda content: _keep_message(content, draft_id, slug, page.form.get("message", "")))
    if not page.signed_in:
        return await begin_login(page, page.url(page.path), new_account=page.form.get("account") == "new")
    if page.form.get("step") == "join":
        return await _ask_to_join(page)
    try:
        company_id = page.form.get("companyId") or (await _register(page))["id"]
        challenge = await page.command(
            "submitChallenge",
            {"companyId": company_id, "draftId": draft_id, "draftSecret": known.secret},
            # The same for each fieldlab of this need: it becomes the company's once.
            key=f"draft-{draft_id}-submitChallenge",
        )
        if page.form.get("shared") == "ja":
            await page.command("shareChallenge", {"challengeId": challenge["id"], "shared": True})
        referral = await page.command(
            "requestReferral",
            {"challengeId": challenge["id"], "fieldlab": slug, "message": page.form.get("message") or None},
        )
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, (*COMPANY_FIELDS, "message"), named=CONTACT_NAMES)
        known_company = refused.code == "company-already-registered"
        return await _show(page, form, status=400, join=known_company)
    await page.notice("introduction.sent")
    return page.go(f"/mijn/{referral['id']}")


def _keep_message(content: Content, draft_id: str, slug: str, message: str) -> None:
    if draft_id in content.drafts:
        content.drafts[draft_id].messages[slug] = message


async def _register(page: Page) -> Mapping[str, Any]:
    size = page.form.get("sizeClass", "")
    return await page.command(
        "registerCompany",
        {
            "kvkNumber": page.form.get("kvkNumber", ""),
            "name": page.form.get("name", ""),
            "postcode": page.form.get("postcode", ""),
            "sizeClass": size if size in SIZES else "UNKNOWN",
            "contact": _contact(page),
        },
    )


def _contact(page: Page) -> dict[str, str]:
    contact = {"name": page.form.get("contactName", "")}
    return contact | ({"phone": page.form["phone"]} if page.form.get("phone") else {})


async def _ask_to_join(page: Page) -> Response:
    try:
        await page.command("askToJoinCompany", {"kvkNumber": page.form.get("kvkNumber", ""), "contact": _contact(page)})
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, COMPANY_FIELDS, named=CONTACT_NAMES)
        return await _show(page, form, status=400, join=True)
    await page.notice("introduction.join_asked")
    return page.go("/mijn")


async def go_to_introduction(page: Page) -> Response:
    """A look at the address of a form that was sent: show the form."""
    return RedirectResponse(page.url(page.path), status_code=303)
