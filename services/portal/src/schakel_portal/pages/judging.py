"""A company's need with its slate: what the adviser says beside it, and whether the company lets others see it."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form, field_text, refused_form
from schakel_portal.graphql import Answer, Refused
from schakel_portal.pages.need import corrected
from schakel_portal.reasons import by_need, further_but_better
from schakel_portal.web import NotFound, Page

STEPS: Final = ("ADD", "PIN", "DROP", "TAKE_BACK")
CORRECTING: Final = frozenset({"correct", "one", "again"})
JUDGING_FIELDS: Final = ("fieldlab", "action", "why")
NAMED: Final = {"reason": "why"}
"""The reason has a name of its own on the page: the texts of an error about it are not those of a refusal."""


async def show_own_need(page: Page) -> Response:
    """Show a company its need: the fieldlabs, what its adviser says of them, and its own consent."""
    page.require_sign_in()
    return await _show(page, Form())


async def post_own_need(page: Page) -> Response:
    """Say what was read wrong, ask for an introduction, or give and withdraw the consent to show the need."""
    page.require_sign_in()
    challenge_id, action = page.request.path_params["challenge"], page.form.get("action")
    about = {"challengeId": challenge_id, **_version(page)}
    try:
        if action in CORRECTING:
            challenge = (await _challenge(page)).data["challenge"]
            await page.command("correctChallenge", {**about, **corrected(challenge, page.form)})
            notice = "matches.corrected"
        elif action == "introduce":
            return await _introduce(page, challenge_id)
        else:
            shared = page.form.get("shared") == "ja"
            await page.command("shareChallenge", {**about, "shared": shared})
            notice = "own_need.done_shared" if shared else "own_need.done_hidden"
    except Refused as refused:
        return await _show(page, refused_form(page.t, page.form, refused, ("message",)), status=409)
    await page.notice(notice)
    return page.go(f"/mijn/vraag/{challenge_id}")


async def _introduce(page: Page, challenge_id: str) -> Response:
    message, fieldlab = page.form.get("message") or None, page.form.get("fieldlab", "")
    values = {"challengeId": challenge_id, "fieldlab": fieldlab, "message": message}
    referral = await page.command("requestReferral", values)
    await page.notice("introduction.sent")
    return page.go(f"/mijn/{referral['id']}")


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


async def _challenge(page: Page) -> Answer:
    """Read a need that the visitor may see.

    Raises:
        NotFound: there is none.
    """
    answer = await page.ask("challenge", id=page.request.path_params["challenge"])
    if answer.data["challenge"] is None:
        raise NotFound
    return answer


def _asked(challenge: Mapping[str, Any]) -> dict[str, Any]:
    """Return a need in the shape of a draft: without its private part it has no needs, labs or endings."""
    lists = {name: challenge[name] or [] for name in ("needs", "matches", "endings")}
    return {**challenge, **lists, "noFit": bool(lists["needs"]) and not any(each["fits"] for each in lists["needs"])}


async def _show(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await _challenge(page)
    challenge = _asked(answer.data["challenge"])
    groups = by_need(challenge)
    labs = answer.data["fieldlabs"]["nodes"]
    technologies = sorted(answer.data["technologies"], key=lambda each: page.t.chosen(each, "name").casefold())
    return await page.show(
        "slate.html",
        status=status,
        challenge=challenge,
        hub=page.request.path_params.get("hub"),
        matches=[match for match in challenge["matches"] if not match["ended"]],
        ended=[match for match in challenge["matches"] if match["ended"]],
        groups=groups,
        outside=further_but_better(challenge, groups),
        introduced={each["fieldlabSlug"]: each for each in challenge["referrals"]},
        judged={each["fieldlab"]: each for each in challenge["judgements"] or []},
        names={lab["slug"]: lab["name"] for lab in labs},
        choices=[lab for lab in labs if lab["status"] != "ENDED"],
        technologies={each["key"]: each for each in technologies},
        steps=STEPS,
        form=form,
    )
