"""What a fieldlab tells of itself: facts that the register lacks, and that matching counts once known."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form, refused_form
from schakel_portal.graphql import Answer, Refused
from schakel_portal.web import NotFound, Page

LEVELS: Final = tuple(str(level) for level in range(1, 10))
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "companySizes": ("MICRO", "SMALL", "MEDIUM", "LARGE"),
    "languages": ("nl", "en", "de", "fr"),
    "services": (
        "consultancy",
        "demonstration",
        "networking",
        "piloting",
        "prototyping",
        "shared_facility",
        "test_before_invest",
        "training",
    ),
    "transformations": (
        "digital_factory",
        "flexible_manufacturing",
        "advanced_manufacturing",
        "connected_factories",
        "smart_products",
        "servitization",
        "sustainable_factory",
        "smart_working",
    ),
}
"""Lists of which any number may be ticked; what is told beyond these stays as it is."""


async def show_profile(page: Page) -> Response:
    """Show what a fieldlab tells of itself, to change."""
    page.require_sign_in()
    answer = await _fieldlab(page)
    return await _show(page, answer, Form(values=_told(answer.data["fieldlab"])))


async def post_profile(page: Page) -> Response:
    """Keep what a fieldlab tells of itself; what is left open is unknown again."""
    page.require_sign_in()
    answer = await _fieldlab(page)
    fieldlab = answer.data["fieldlab"]
    values = {name: _chosen(page.form.get(name, ""), fieldlab[name] or [], CHOICES[name]) for name in CHOICES}
    levels = {name: int(page.form[name]) if page.form.get(name) in LEVELS else None for name in ("trlMin", "trlMax")}
    version = page.form.get("version", "")
    given = {"slug": fieldlab["slug"], **values, "ifVersion": int(version) if version.isdigit() else 0}
    try:
        await page.command("changeFieldlab", given, empty=levels)
    except Refused as refused:
        form = refused_form(page.t, page.form, refused, (*CHOICES, "trlMin", "trlMax"))
        return await _show(page, answer, form, status=400)
    await page.notice("profile.done")
    return page.go(f"/fieldlab/{fieldlab['slug']}/gegevens")


async def _fieldlab(page: Page) -> Answer:
    """Read a fieldlab that the visitor works for.

    Raises:
        NotFound: there is none, or the visitor works elsewhere; the owning service decides again.
    """
    slug = page.request.path_params["slug"]
    answer = await page.ask("fieldlabProfile", fieldlab=slug)
    if answer.data["fieldlab"] is None or f"fieldlab:{slug}" not in page.session.content.scopes:
        raise NotFound
    return answer


async def _show(page: Page, answer: Answer, form: Form, *, status: int = 200) -> Response:
    fieldlab = answer.data["fieldlab"]
    return await page.show("profile.html", status=status, fieldlab=fieldlab, form=form, choices=CHOICES, levels=LEVELS)


def _told(fieldlab: Mapping[str, Any]) -> dict[str, str]:
    lists = {name: ",".join(fieldlab[name] or []) for name in CHOICES}
    return lists | {name: str(fieldlab[name] or "") for name in ("trlMin", "trlMax")}


def _chosen(ticked: str, before: list[str], offered: tuple[str, ...]) -> list[str]:
    wanted = ticked.split(",")
    return [*(each for each in before if each not in offered), *(each for each in offered if each in wanted)]
