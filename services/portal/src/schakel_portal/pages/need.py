"""A company's need: the one question, who can help and why, and being called back."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Answer, Refused
from schakel_portal.reasons import by_need, further_but_better
from schakel_portal.web import NotFound, Page

NEED_FIELDS = ("text", "postcode")
CALL_FIELDS = ("name", "phone", "when", "postcode")


async def show_home(page: Page) -> Response:
    """Ask the one question; with ``?vraag=<draft>`` what was typed before is there to change."""
    values: dict[str, str] = {}
    draft_id = page.request.query_params.get("vraag", "")
    if draft_id in page.session.content.drafts:
        draft = (await open_draft(page, draft_id)).data["draft"]
        values = {"text": draft["text"], "postcode": page.session.content.drafts[draft_id].postcode}
    return await page.show("home.html", form=Form(values=values))


async def create_draft(page: Page) -> Response:
    """Take the need in, without an account, and go to who can help."""
    values = {
        "text": page.form.get("text", ""),
        "language": page.language.upper(),
        "postcode": page.form.get("postcode") or None,
    }
    try:
        draft = await page.command("createDraft", values)
    except Refused as refused:
        return await page.show("home.html", status=400, form=refused_form(page.t, page.form, refused, NEED_FIELDS))
    await page.remember(
        lambda content: content.remember_draft(draft["id"], draft["secret"], page.form.get("postcode", ""))
    )
    return page.go(f"/hulp/{draft['id']}")


async def open_draft(page: Page, draft_id: str) -> Answer:
    """Read a need of this browser; its secret is in the session, so nobody else can.

    Raises:
        NotFound: it is not of this browser, or older than its days.
    """
    known = page.session.content.drafts.get(draft_id)
    if known is None:
        raise NotFound
    answer = await page.ask("draft", id=draft_id, secret=known.secret)
    if answer.data["draft"] is None:
        raise NotFound
    return answer


async def show_matches(page: Page) -> Response:
    """Show who can help with each need and why; those that have ended are named as ended."""
    return await _show_matches(page, Form())


async def _show_matches(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await open_draft(page, page.request.path_params["draft"])
    draft = answer.data["draft"]
    technologies = sorted(answer.data["technologies"], key=lambda each: page.t.chosen(each, "name").casefold())
    groups = by_need(draft)
    return await page.show(
        "matches.html",
        status=status,
        draft=draft,
        groups=groups,
        outside=further_but_better(draft, groups),
        names={each["slug"]: each["name"] for each in answer.data["fieldlabs"]["nodes"]},
        ended=[match for match in draft["matches"] if match["ended"]],
        technologies={each["key"]: each for each in technologies},
        form=form,
    )


async def correct_need(page: Page) -> Response:
    """Let the visitor say what was read wrong; the need is matched anew."""
    draft_id = page.request.path_params["draft"]
    draft = (await open_draft(page, draft_id)).data["draft"]
    secret = page.session.content.drafts[draft_id].secret
    try:
        await page.command("correctDraft", {"draftId": draft_id, "draftSecret": secret, **corrected(draft, page.form)})
    except Refused as refused:
        return await _show_matches(page, refused_form(page.t, page.form, refused, ()), status=400)
    await page.notice("matches.corrected")
    return page.go(f"/hulp/{draft_id}")


def corrected(asked: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a company now tells beside its text: all of it, because it replaces what was told before.

    Args:
        asked: the draft or the need as it was shown, with what was told before.
        form: ``action`` (``correct``, ``one`` for one need, ``again`` to read the text anew), ``kept`` (keys of the
            technologies that are right, joined by commas) and ``added`` (one more).
    """
    told = asked["told"] or {"needs": [], "technologies": {"right": [], "wrong": []}}
    action = form.get("action")
    if action == "again":
        return {"needs": [], "technologies": {"right": [], "wrong": []}}
    rest = {name: told.get(name) for name in ("serviceWanted", "trl", "sizeClass")}
    if action == "one":
        return {**rest, "needs": [asked["text"]], "technologies": told["technologies"]}
    found = [key for need in asked["needs"] for key in need["technologies"]] or asked["concepts"]
    kept = set(form.get("kept", "").split(","))
    added = [form["added"]] if form.get("added") else []
    right = [key for key in told["technologies"]["right"] if key in kept]
    wrong = [*told["technologies"]["wrong"], *(key for key in found if key not in kept)]
    chosen = {
        "right": list(dict.fromkeys([*right, *added])),
        "wrong": [key for key in dict.fromkeys(wrong) if key not in added],
    }
    return {**rest, "needs": told["needs"], "technologies": chosen}


async def show_call_back(page: Page) -> Response:
    """Offer to be called; a need that was typed before goes along."""
    draft_id = page.request.query_params.get("vraag", "")
    values = {"draft": draft_id if draft_id in page.session.content.drafts else ""}
    return await page.show("call_back.html", form=Form(values=values))


async def request_call_back(page: Page) -> Response:
    """Put somebody on the hub's list of whom to call."""
    known = page.session.content.drafts.get(page.form.get("draft", ""))
    values = {name: page.form.get(name, "") for name in ("name", "phone", "when")} | {
        "postcode": page.form.get("postcode") or None,
        "draftId": page.form["draft"] if known else None,
        "draftSecret": known.secret if known else None,
    }
    try:
        await page.command("requestCallBack", values)
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, CALL_FIELDS)
        return await page.show("call_back.html", status=400, form=form)
    await page.notice("call_back.thanks")
    return page.go("/bel-mij/gelukt")


async def show_call_back_taken(page: Page) -> Response:
    """Say what happens now."""
    return await page.show("call_back_taken.html")
