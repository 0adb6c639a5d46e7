"""A company's need with its slate: what the adviser says beside it, and whether the company lets others see it."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form, field_text, refused_form
from schakel_portal.graphql import Refused
from schakel_portal.web import NotFound, Page

STEPS: Final = ("ADD", "PIN", "DROP", "TAKE_BACK")
JUDGING_FIELDS: Final = ("fieldlab", "action", "why")
NAMED: Final = {"reason": "why"}
"""The reason has a name of its own on the page: the texts of an error about it are not those of a refusal."""


async def show_own_need(page: Page) -> Response:
    """Show a company its need: the fieldlabs, what its adviser says of them, and its own consent."""
    page.require_sign_in()
    return await _show(page, Form())


async def post_own_need(page: Page) -> Response:
    """Give the consent to show the need, or withdraw it."""
    page.require_sign_in()
    shared = page.form.get("shared") == "ja"
    values = {"challengeId": page.request.path_params["challenge"], "shared": shared, **_version(page)}
    try:
        await page.command("shareChallenge", values)
    except Refused as refused:
        return await _show(page, refused_form(page.t, page.form, refused, ()), status=409)
    await page.notice("own_need.done_shared" if shared else "own_need.done_hidden")
    return page.go(f"/mijn/vraag/{page.request.path_params['challenge']}")


async def show_need_at_desk(page: Page) -> Response:
    """Show an adviser the need of a company, with the form to judge the slate."""
    page.require_sign_in()
    return await _show(page, Form())


async def post_judgement(page: Page) -> Response:
    """Add, pin or drop a fieldlab, or take that back."""
    page.require_sign_in()
    if page.form.get("action") not in STEPS:
        error = field_text(page.t, "action", "required")
        return await _show(page, Form(values=page.form, errors={"action": error}), status=400)
    values = {
        "challengeId": page.request.path_params["challenge"],
        "fieldlab": page.form.get("fieldlab", ""),
        "action": page.form["action"],
        "reason": page.form.get("why", ""),
        **_version(page),
    }
    try:
        await page.command("judgeFieldlab", values)
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, JUDGING_FIELDS, named=NAMED)
        return await _show(page, form, status=400)
    await page.notice("judge.done")
    return page.go(f"/loket/{page.request.path_params['hub']}/vraag/{page.request.path_params['challenge']}")


def _version(page: Page) -> dict[str, int]:
    return {"ifVersion": int(page.form["version"])} if page.form.get("version", "").isdigit() else {}


async def _show(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await page.ask("challenge", id=page.request.path_params["challenge"])
    challenge: Mapping[str, Any] | None = answer.data["challenge"]
    if challenge is None:
        raise NotFound
    labs = answer.data["fieldlabs"]["nodes"]
    return await page.show(
        "slate.html",
        status=status,
        challenge=challenge,
        hub=page.request.path_params.get("hub"),
        matches=[match for match in challenge["matches"] or [] if not match["ended"]],
        judged={each["fieldlab"]: each for each in challenge["judgements"] or []},
        names={lab["slug"]: lab["name"] for lab in labs},
        choices=[lab for lab in labs if lab["status"] != "ENDED"],
        technologies={each["key"]: each for each in answer.data["technologies"]},
        steps=STEPS,
        form=form,
    )
