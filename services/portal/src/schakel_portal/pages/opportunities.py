"""The other way round: which shared needs fit a fieldlab, or the fieldlabs of a hub."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from schakel_portal.web import NotFound, Page


async def show_fieldlab_opportunities(page: Page) -> Response:
    """Show a fieldlab the needs that fit it, without names; who is interested calls the company's hub."""
    page.require_sign_in()
    answer = await page.ask("fieldlabOpportunities", fieldlab=page.request.path_params["slug"])
    if answer.data["fieldlab"] is None:
        raise NotFound
    return await page.show(
        "opportunities.html",
        fieldlab=answer.data["fieldlab"],
        hub=None,
        needs=answer.data["fieldlabOpportunities"],
        bundles=[],
        technologies={each["key"]: each for each in answer.data["technologies"]},
    )


async def show_hub_opportunities(page: Page) -> Response:
    """Show a hub what one session could serve, and the needs from anywhere that fit a fieldlab of its region."""
    page.require_sign_in()
    hub = page.request.path_params["hub"]
    answer = await page.ask("hubOpportunities", hub=hub)
    technologies = {each["key"]: each for each in answer.data["technologies"]}
    return await page.show(
        "opportunities.html",
        fieldlab=None,
        hub=hub,
        needs=answer.data["hubOpportunities"],
        bundles=[_proposed(page, hub, each, technologies) for each in answer.data["hubBundles"]],
        technologies=technologies,
    )


def _proposed(page: Page, hub: str, bundle: Mapping[str, Any], technologies: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bundle with the address of the form for its session; no word of a company goes into that form."""
    keys = bundle["concepts"]
    name = ", ".join(page.t.chosen(technologies[key], "name") if key in technologies else key for key in keys)
    address = page.url(
        "/agenda/nieuw",
        organiser=f"hub:{hub}",
        titleNl=page.t("bundles.session_title", name=name),
        summaryNl=page.t("bundles.session_summary", name=name),
        themes=",".join(keys),
    )
    return {**bundle, "name": name, "address": address}
