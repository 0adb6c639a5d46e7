"""The desks: a hub's, with all requests of its companies, and a fieldlab's inbox."""

from starlette.responses import Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Refused
from schakel_portal.texts import today
from schakel_portal.web import NotFound, Page

CAPACITIES = ("FREE", "LIMITED", "FULL", "UNKNOWN")


async def show_hub_desk(page: Page) -> Response:
    """Show a hub's desk: whom to call, which companies to confirm, and every request with whose turn it is."""
    page.require_sign_in()
    return await _show_hub_desk(page, Form())


async def _show_hub_desk(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await page.ask("hubDesk", hub=page.request.path_params["hub"])
    return await page.show(
        "hub_desk.html",
        status=status,
        desk=answer.data["hubDesk"],
        form=form,
        today=today(page.portal.clock.now()).isoformat(),
        snapshot=answer.snapshot,
    )


async def post_hub_desk(page: Page) -> Response:
    """Confirm a company, or say that a call was made."""
    page.require_sign_in()
    action, hub = page.form.get("action"), page.request.path_params["hub"]
    try:
        if action == "verify":
            values = {"companyId": page.form.get("companyId", ""), "ifVersion": int(page.form.get("version") or 0)}
            await page.command("verifyCompany", values)
        elif action == "called":
            await page.command("finishCallBack", {"callBackId": page.form.get("callBackId", "")})
        else:
            raise NotFound
    except Refused as refused:
        return await _show_hub_desk(page, refused_form(page.t, page.form, refused, ()), status=409)
    await page.notice(f"hub_desk.done_{action}")
    return page.go(f"/loket/{hub}")


async def show_inbox(page: Page) -> Response:
    """Show a fieldlab's requests, those that wait for it first."""
    page.require_sign_in()
    return await _show_inbox(page, Form())


async def _show_inbox(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await page.ask("fieldlabInbox", fieldlab=page.request.path_params["slug"])
    if answer.data["fieldlab"] is None:
        raise NotFound
    inbox = answer.data["fieldlabInbox"]
    return await page.show(
        "inbox.html",
        status=status,
        fieldlab=answer.data["fieldlab"],
        waiting=[each for each in inbox["nodes"] if each["waitingOn"] == "FIELDLAB"],
        others=[each for each in inbox["nodes"] if each["waitingOn"] != "FIELDLAB"],
        form=form,
        capacities=CAPACITIES,
        today=today(page.portal.clock.now()).isoformat(),
    )


async def post_inbox(page: Page) -> Response:
    """Say how much room there is, or that the record is still right."""
    page.require_sign_in()
    slug = page.request.path_params["slug"]
    action, values = page.form.get("action"), {"slug": slug, "ifVersion": int(page.form.get("version") or 0)}
    try:
        if action == "capacity" and page.form.get("capacity") in CAPACITIES:
            await page.command("changeFieldlab", {**values, "capacity": page.form["capacity"]})
        elif action == "confirm":
            await page.command("confirmFieldlab", values)
        else:
            raise NotFound
    except Refused as refused:
        return await _show_inbox(page, refused_form(page.t, page.form, refused, ()), status=409)
    await page.notice(f"inbox.done_{action}")
    return page.go(f"/fieldlab/{slug}/aanvragen")
