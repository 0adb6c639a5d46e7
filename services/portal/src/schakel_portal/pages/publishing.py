"""Activities and stories: to read, to take part in, and to publish."""

from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Refused
from schakel_portal.texts import AMSTERDAM, today
from schakel_portal.web import NotFound, Page

MODES: Final = ("ON_SITE", "ONLINE", "HYBRID")
ACTIVITY_FIELDS: Final = (
    "organiser",
    "titleNl",
    "titleEn",
    "summaryNl",
    "summaryEn",
    "startsAt",
    "endsAt",
    "mode",
    "place",
    "postcode",
    "capacity",
    "website",
)
PROPOSED_FIELDS: Final = ("organiser", "titleNl", "summaryNl", "themes")
CASE_FIELDS: Final = (
    "owner",
    "titleNl",
    "titleEn",
    "summaryNl",
    "summaryEn",
    "date",
    "fieldlab",
    "place",
    "companyNames",
    "sources",
)
REGISTRATION_FIELDS: Final = ("name", "email")


def publishing_scopes(page: Page) -> list[str]:
    """Return as whom the visitor may publish."""
    return [
        scope for scope in page.session.content.scopes if scope.partition(":")[0] in {"national", "hub", "fieldlab"}
    ]


async def show_activities(page: Page) -> Response:
    """Show what is to come, then what has been."""
    after = page.request.query_params.get("na") or None
    answer = await page.ask("activities", upcoming={"upcoming": True}, past={"upcoming": False}, after=after)
    return await page.show(
        "activities.html",
        upcoming=answer.data["upcoming"]["nodes"],
        past=answer.data["past"],
        may_publish=page.signed_in and bool(publishing_scopes(page)),
    )


async def show_activity(page: Page) -> Response:
    """Show one activity, and the form to take part."""
    return await _show_activity(page, Form())


async def _show_activity(page: Page, form: Form, *, status: int = 200) -> Response:
    answer = await page.ask("activity", slug=page.request.path_params["slug"])
    activity = answer.data["activity"]
    if activity is None:
        raise NotFound
    mine = activity["myRegistration"]
    return await page.show(
        "activity.html",
        status=status,
        activity=activity,
        mine=mine if mine and mine["status"] in {"REGISTERED", "WAITING"} else None,
        runs=activity["organiser"] in page.session.content.scopes,
        form=form,
    )


async def post_activity(page: Page) -> Response:
    """Take a seat, give it back, or call the activity off."""
    page.require_sign_in()
    action = page.form.get("action")
    try:
        if action == "register":
            contact = {name: page.form.get(name, "") for name in REGISTRATION_FIELDS}
            values = {"activityId": page.form.get("activityId", ""), "contact": contact}
            registration = await page.command("registerForActivity", values)
            notice = "activity.waiting" if registration["status"] == "WAITING" else "activity.registered"
        elif action == "cancel-registration":
            await page.command(
                "cancelRegistration", {"registrationId": page.form.get("registrationId", ""), **_version(page)}
            )
            notice = "activity.seat_given_back"
        elif action == "cancel":
            await page.command("cancelActivity", {"activityId": page.form.get("activityId", ""), **_version(page)})
            notice = "activity.called_off"
        else:
            raise NotFound
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, REGISTRATION_FIELDS)
        return await _show_activity(page, form, status=400)
    await page.notice(notice)
    return page.go(f"/agenda/{page.request.path_params['slug']}")


def _version(page: Page) -> dict[str, int]:
    return {"ifVersion": int(page.form["version"])} if page.form.get("version", "").isdigit() else {}


async def show_activity_form(page: Page) -> Response:
    """Show the form for a new activity; what an address proposes stands in it, to be changed and sent by a person."""
    page.require_sign_in()
    proposed = {name: page.request.query_params.get(name, "")[:1000] for name in PROPOSED_FIELDS}
    return await _show_activity_form(page, Form(values={name: value for name, value in proposed.items() if value}))


async def _show_activity_form(page: Page, form: Form, *, status: int = 200) -> Response:
    return await page.show(
        "activity_form.html", status=status, form=form, modes=MODES, organisers=publishing_scopes(page)
    )


async def plan_activity(page: Page) -> Response:
    """Publish a new activity."""
    page.require_sign_in()
    form = page.form
    values: dict[str, Any] = {name: form.get(name, "") for name in ("titleNl", "summaryNl", "organiser")}
    values |= {
        "titleEn": form.get("titleEn") or values["titleNl"],
        "summaryEn": form.get("summaryEn") or values["summaryNl"],
        "startsAt": instant_of(form.get("startsAt", "")),
        "endsAt": instant_of(form.get("endsAt", "")) or None,
        "mode": form["mode"] if form.get("mode") in MODES else "UNKNOWN",
        "themes": [each for each in form.get("themes", "").split(",") if each] or None,
        "capacity": int(form["capacity"]) if form.get("capacity", "").isdecimal() else None,
    }
    values |= {name: form.get(name) or None for name in ("place", "postcode", "website")}
    try:
        activity = await page.command("planActivity", values)
    except Refused as refused:
        shown = refused_form(page.t, form, refused, ACTIVITY_FIELDS)
        return await _show_activity_form(page, shown, status=400)
    await page.notice("activity_form.done")
    return page.go(f"/agenda/{activity['slug']}" if activity.get("slug") else "/agenda")


def instant_of(local: str) -> str:
    """Return the instant of a time typed in a form (``2026-12-01T14:00``, in the Netherlands); other text as it is."""
    try:
        moment = datetime.fromisoformat(local)
    except ValueError:
        return local
    return (moment if moment.tzinfo else moment.replace(tzinfo=AMSTERDAM)).isoformat()


async def show_cases(page: Page) -> Response:
    """Show the stories, newest first."""
    answer = await page.ask("cases", after=page.request.query_params.get("na") or None)
    may_publish = page.signed_in and bool(publishing_scopes(page))
    return await page.show("cases.html", cases=answer.data["cases"], may_publish=may_publish)


async def show_case(page: Page) -> Response:
    """Show one story."""
    answer = await page.ask("case", slug=page.request.path_params["slug"])
    if answer.data["case"] is None:
        raise NotFound
    technologies = {each["key"]: each for each in answer.data["technologies"]}
    return await page.show("case.html", case=answer.data["case"], technologies=technologies)


async def show_case_form(page: Page) -> Response:
    """Show the form for a new story."""
    page.require_sign_in()
    return await _show_case_form(page, Form(values={"date": today(page.portal.clock.now()).isoformat()}))


async def _show_case_form(page: Page, form: Form, *, status: int = 200) -> Response:
    return await page.show("case_form.html", status=status, form=form, owners=publishing_scopes(page))


async def publish_case(page: Page) -> Response:
    """Publish a new story."""
    page.require_sign_in()
    form = page.form
    values: dict[str, Any] = {name: form.get(name, "") for name in ("titleNl", "summaryNl", "owner")}
    values |= {
        "titleEn": form.get("titleEn") or values["titleNl"],
        "summaryEn": form.get("summaryEn") or values["summaryNl"],
        "companyNames": [name.strip() for name in form.get("companyNames", "").split(",") if name.strip()] or None,
        "sources": form.get("sources", "").split() or None,
    }
    values |= {name: form.get(name) or None for name in ("date", "fieldlab", "place")}
    try:
        case = await page.command("publishCase", values)
    except Refused as refused:
        return await _show_case_form(page, refused_form(page.t, form, refused, CASE_FIELDS), status=400)
    await page.notice("case_form.done")
    return page.go(f"/verhalen/{case['slug']}" if case.get("slug") else "/verhalen")
