"""The network in figures: nationally and per region, of today or of any day in the past."""

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from schakel_portal.forms import Form
from schakel_portal.graphql import Refused
from schakel_portal.texts import today
from schakel_portal.web import Page

_DAY: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


async def show_figures(page: Page) -> Response:
    """Show each indicator with its parts and its definition; published figures stand beside, never added."""
    asked = page.request.query_params.get("op", "").strip()
    form = Form(values={"op": asked})
    day = asked if _DAY.fullmatch(asked) else None
    if asked and day is None:
        form.errors["op"] = page.t("errors.op.other")
    try:
        answer = await page.ask("figures", asOf=day, region=_region(page))
    except Refused:
        form.errors["op"] = page.t("errors.op.other")
        answer = await page.ask("figures", asOf=None, region=_region(page))
    network = answer.data["network"]
    return await page.show(
        "figures.html",
        network=network,
        indicators=[_with_largest(each) for each in network["indicators"]],
        published=answer.data["figures"],
        white=answer.data["whiteSpots"],
        technologies={each["key"]: each for each in answer.data["technologies"]},
        form=form,
        today=today(page.portal.clock.now()).isoformat(),
        snapshot=answer.snapshot,
    )


def _region(page: Page) -> str | None:
    """Return the hub of who answers for one region and not for the country: its own white spots are shown exactly."""
    scopes = page.session.content.scopes if page.signed_in else []
    if "national" in scopes:
        return None
    return next((scope.removeprefix("hub:") for scope in scopes if scope.startswith("hub:")), None)


def _with_largest(indicator: Mapping[str, Any]) -> dict[str, Any]:
    counts = [region["count"] or 0 for region in indicator["regions"]]
    largest = max([*counts, indicator["national"] or 0, indicator["unassigned"] or 0, 1])
    return {**indicator, "largest": largest}
