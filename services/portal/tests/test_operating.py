"""What whoever operates the portal relies on: read-only mode, security.txt, and whom a request is counted for."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from schakel_common.clock import FixedClock
from schakel_common.testing.client import api_client
from schakel_portal.app import build
from schakel_portal.settings import PortalSettings

pytestmark = pytest.mark.postgres
BANNER = "U kunt nu alles bekijken, maar even niets versturen of wijzigen."


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the page's last form."""
    fields = {}
    for name in ("formToken", "idempotencyKey"):
        fields[name] = page.rpartition(f'name="{name}" value="')[2].partition('"')[0]
    return fields


async def test_every_page_says_that_nothing_can_be_changed(settings: PortalSettings, now: datetime) -> None:
    parts = build(settings.model_copy(update={"read_only": True}), clock=FixedClock(now))
    async with api_client(parts.app) as client:
        dutch = await client.get("/fieldlabs")
        english = await client.get("/en/bel-mij")
    await parts.database.close()

    assert (dutch.status_code, english.status_code) == (200, 200)
    assert BANNER in dutch.text
    assert 'role="status"' in dutch.text
    assert "send or change nothing for a while" in english.text


async def test_without_it_there_is_no_banner(browser: httpx.AsyncClient) -> None:
    assert BANNER not in (await browser.get("/fieldlabs")).text


async def test_a_form_that_is_refused_for_it_says_so(browser: httpx.AsyncClient, gateway: Any) -> None:
    form = form_of((await browser.get("/bel-mij")).text)
    gateway.refuse("requestCallBack", "read-only")

    reply = await browser.post(
        "/bel-mij",
        data={**form, "name": "A. Beller", "phone": "0151234567", "postcode": "2628 CD", "when": "morgen"},
        headers={"Origin": "http://127.0.0.1:8400"},
    )

    assert reply.status_code == 400
    assert "U kunt nu even niets versturen. Er is niets gewijzigd." in reply.text
    assert "A. Beller" in reply.text, "what was typed is still there"


async def test_a_weakness_can_be_reported(settings: PortalSettings, now: datetime) -> None:
    contact = "mailto:security@example.nl"
    parts = build(settings.model_copy(update={"security_contact": contact}), clock=FixedClock(now))
    async with api_client(parts.app) as client:
        reply = await client.get("/.well-known/security.txt")
    await parts.database.close()

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    fields = dict(line.split(": ", 1) for line in reply.text.splitlines())
    assert fields == {
        "Contact": contact,
        "Expires": "2027-05-23T00:00:00Z",
        "Preferred-Languages": "nl, en",
        "Canonical": "http://127.0.0.1:8400/.well-known/security.txt",
    }


async def test_without_a_contact_there_is_none_and_a_wrong_one_is_refused(
    browser: httpx.AsyncClient, settings: PortalSettings
) -> None:
    assert (await browser.get("/.well-known/security.txt")).status_code == 404
    with pytest.raises(ValidationError, match="security_contact"):
        PortalSettings(**{**settings.model_dump(), "security_contact": "security@example.nl"})


async def test_the_gateway_counts_a_question_for_the_visitor(
    browser: httpx.AsyncClient, gateway: Any, sign_in: Callable[..., Awaitable[Any]], settings: PortalSettings
) -> None:
    await browser.get("/fieldlabs")
    assert gateway.asked[-1]["headers"]["X-Forwarded-For"] == "127.0.0.1"
    await sign_in(browser, settings)
    await browser.get("/mijn")
    assert gateway.asked[-1]["headers"]["X-Forwarded-For"] == "127.0.0.1"
