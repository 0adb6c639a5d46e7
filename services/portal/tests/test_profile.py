"""What a fieldlab tells of itself, as a browser without scripts sees it."""

from typing import Any

import httpx
import pytest
from portal_forms import fill, hidden

from schakel_portal.settings import PortalSettings

pytestmark = pytest.mark.postgres

PAGE = "/fieldlab/smart-welding-factory/gegevens"
SCOPE = "fieldlab:smart-welding-factory"


async def test_what_was_ticked_is_kept_and_what_is_left_open_is_unknown_again(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, SCOPE)
    lab = gateway.values["fieldlab"](None, slug="smart-welding-factory")
    lab |= {"version": 7, "trlMin": 4, "trlMax": 7, "languages": ["it", "nl"], "services": ["training", "odd"]}
    page = (await browser.get(PAGE)).text
    assert '<option value="4" selected>' in page
    assert 'name="languages" value="nl" checked' in page
    gateway.accept("changeFieldlab", fieldlab={"id": "l1", "version": 8})
    given = {"trlMin": "6", "trlMax": "", "companySizes": "SMALL,MEDIUM", "languages": "nl,en", "services": ""}
    reply = await fill(browser, PAGE, **given, transformations="", version=hidden(page, "version"))
    assert (reply.status_code, reply.headers["location"]) == (303, PAGE)
    (asked,) = [each for each in gateway.asked if each["operationName"] == "changeFieldlab"]
    assert asked["variables"]["input"] == {
        "slug": "smart-welding-factory",
        "companySizes": ["SMALL", "MEDIUM"],
        "languages": ["it", "nl", "en"],  # what this form does not offer stays
        "services": ["odd"],
        "transformations": [],
        "ifVersion": 7,
        "trlMin": 6,
        "trlMax": None,
    }
    assert "telt dit nu mee" in (await browser.get(PAGE)).text


async def test_a_refusal_says_which_field_and_keeps_what_was_chosen(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, SCOPE)
    gateway.refuse("changeFieldlab", "invalid-input", ("trlMax", "trl-order"))
    page = await fill(browser, PAGE, trlMin="7", trlMax="3", languages="en", version="1")
    assert page.status_code == 400
    assert 'href="#trlMax"' in page.text
    assert '<option value="7" selected>' in page.text
    assert 'name="languages" value="en" checked' in page.text


async def test_the_page_is_for_who_works_there(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    assert (await browser.get(PAGE)).status_code == 303
    await sign_in(browser, settings, "fieldlab:robohouse")
    assert (await browser.get(PAGE)).status_code == 404
    assert "changeFieldlab" not in gateway.operations()
