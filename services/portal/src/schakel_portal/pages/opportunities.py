"""The other way round: which shared needs fit a fieldlab, or the fieldlabs of a hub."""

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
        technologies={each["key"]: each for each in answer.data["technologies"]},
    )


async def show_hub_opportunities(page: Page) -> Response:
    """Show a hub the needs, also from elsewhere, that fit a fieldlab of its region."""
    page.require_sign_in()
    hub = page.request.path_params["hub"]
    answer = await page.ask("hubOpportunities", hub=hub)
    return await page.show(
        "opportunities.html",
        fieldlab=None,
        hub=hub,
        needs=answer.data["hubOpportunities"],
        technologies={each["key"]: each for each in answer.data["technologies"]},
    )
