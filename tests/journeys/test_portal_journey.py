"""The main journey as people take it: typed on a page, signed up at Keycloak, answered by a fieldlab, seen by all."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from main_journey import walk_from_a_need_to_an_outcome
from playwright.async_api import Browser, expect
from portal_browser import chromium, visitor
from running import RunningStack
from steps import HUB

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_from_a_need_to_an_outcome(running_stack: RunningStack, browser: Browser, *, scripts: bool) -> None:
    keycloak = running_stack.address("keycloak")
    await walk_from_a_need_to_an_outcome(browser, running_stack.portal_url, keycloak, scripts=scripts)


async def test_a_strangers_fieldlab_may_not_look(running_stack: RunningStack, browser: Browser) -> None:
    async with visitor(browser, running_stack.portal_url) as stranger:
        await stranger.sign_in("company2", "/mijn")
        await stranger.open(f"/loket/{HUB}")
        assert await stranger.title() == "Deze pagina is niet voor u"
        await stranger.open(f"/mijn/{uuid4()}")
        assert await stranger.title() == "Deze pagina bestaat niet"


async def test_filters_work_with_scripts_and_without(running_stack: RunningStack, browser: Browser) -> None:
    for scripts in (True, False):
        async with visitor(browser, running_stack.portal_url, scripts=scripts) as person:
            await person.open("/fieldlabs")
            await person.picture("fieldlabs")
            all_of_them = await person.page.locator("li.lab").count()
            await person.page.select_option("#regio", "oost")
            if not scripts:
                await person.press("Laat zien")
            await expect(person.page.locator("li.lab")).not_to_have_count(all_of_them)
            places = await person.page.locator(".lab__where").all_inner_texts()
            assert places
            assert all("Oost" in place for place in places)
            assert person.refused == []
