"""About this site: accessibility and privacy."""

from starlette.responses import Response

from schakel_portal.web import NotFound, Page


async def show_accessibility(page: Page) -> Response:
    """Say how accessible the site is, and whom to tell when it is not."""
    return await page.show("accessibility.html")


async def show_privacy(page: Page) -> Response:
    """Say what is kept, why and for how long."""
    return await page.show("privacy.html")


async def show_missing(_page: Page) -> Response:
    """There is no such page."""
    raise NotFound
