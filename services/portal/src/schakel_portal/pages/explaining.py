"""Why a fieldlab stands where it stands, for each of its readers, and how a fieldlab is found."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from schakel_portal.pages.need import open_draft
from schakel_portal.web import NotFound, Page


async def show_why_of_draft(page: Page) -> Response:
    """Let who typed a need choose any fieldlab, and say why it is where it is."""
    draft_id = page.request.path_params["draft"]
    await open_draft(page, draft_id)
    secret = page.session.content.drafts[draft_id].secret
    back = f"/hulp/{draft_id}"
    return await _show(page, back, "company", draftId=draft_id, draftSecret=secret)


async def show_why_of_own_need(page: Page) -> Response:
    """Let a company choose any fieldlab for a need of its own."""
    page.require_sign_in()
    challenge = page.request.path_params["challenge"]
    return await _show(page, f"/mijn/vraag/{challenge}", "company", challengeId=challenge)


async def show_why_at_desk(page: Page) -> Response:
    """Let an adviser choose any fieldlab for the need of a company."""
    page.require_sign_in()
    challenge, hub = page.request.path_params["challenge"], page.request.path_params["hub"]
    return await _show(page, f"/loket/{hub}/vraag/{challenge}", "adviser", challengeId=challenge)


async def _show(page: Page, back: str, reader: str, **asked: str) -> Response:
    labs = (await page.ask("fieldlabNames")).data["fieldlabs"]["nodes"]
    names = {lab["slug"]: lab["name"] for lab in labs}
    chosen = page.request.query_params.get("lab", "")
    why = await why_of(page, chosen, **asked) if chosen else None
    if chosen and why is None:
        raise NotFound
    return await page.show("why.html", back=back, reader=reader, choices=labs, chosen=chosen, why=why, names=names)


async def why_of(page: Page, fieldlab: str, **asked: str) -> Mapping[str, Any] | None:
    """Return why a fieldlab stands where it stands for a draft or a challenge; None when that is not there."""
    found: Mapping[str, Any] | None = (await page.ask("why", fieldlab=fieldlab, **asked)).data["why"]
    return found


async def show_coaching(page: Page) -> Response:
    """Show a fieldlab how often it is found, and what it could tell of itself."""
    page.require_sign_in()
    answer = await page.ask("fieldlabCoaching", fieldlab=page.request.path_params["slug"])
    if answer.data["fieldlab"] is None or answer.data["fieldlabCoaching"] is None:
        raise NotFound
    return await page.show("coaching.html", fieldlab=answer.data["fieldlab"], coaching=answer.data["fieldlabCoaching"])
