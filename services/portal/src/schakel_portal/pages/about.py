"""About this site: accessibility and privacy."""

from datetime import datetime, timedelta
from typing import Final

from starlette.responses import PlainTextResponse, Response

from schakel_portal.settings import PortalSettings
from schakel_portal.web import NotFound, Page

SECURITY_TXT_VALID: Final = timedelta(days=180)
"""Less than a year, as RFC 9116 wants; the text is made anew with each request."""


async def show_accessibility(page: Page) -> Response:
    """Say how accessible the site is, and whom to tell when it is not."""
    return await page.show("accessibility.html")


async def show_privacy(page: Page) -> Response:
    """Say what is kept, why and for how long."""
    return await page.show("privacy.html")


def security_txt(*, settings: PortalSettings, now: datetime) -> Response:
    """Say where a weakness is reported (RFC 9116)."""
    if not settings.security_contact:
        return PlainTextResponse("no contact is set\n", 404)
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {(now + SECURITY_TXT_VALID).replace(hour=0, minute=0, second=0, microsecond=0):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: nl, en",
        f"Canonical: {settings.public_url.rstrip('/')}/.well-known/security.txt",
    )
    return PlainTextResponse("\n".join(lines) + "\n")


async def show_missing(_page: Page) -> Response:
    """There is no such page."""
    raise NotFound
