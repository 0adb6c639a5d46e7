"""Forms of the portal as a browser without scripts fills them in."""

import re
from html import unescape

import httpx


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return unescape(found[1])


async def fill(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open a page with a form and send it, as a browser does."""
    page = await browser.get(path)
    sealed = {name: hidden(page.text, name) for name in ("formToken", "idempotencyKey")}
    return await browser.post(path, data=sealed | fields)
