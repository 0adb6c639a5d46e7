"""A company's need: the one question, who can help and why, and being called back."""

from starlette.responses import Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Answer, Refused
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
    """Show who can help and why; those that have ended are named as ended."""
    answer = await open_draft(page, page.request.path_params["draft"])
    draft = answer.data["draft"]
    return await page.show(
        "matches.html",
        draft=draft,
        matches=[match for match in draft["matches"] if not match["ended"]][:3],
        ended=[match for match in draft["matches"] if match["ended"]],
        technologies={each["key"]: each for each in answer.data["technologies"]},
    )


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
