"""A text with two needs, typed on a phone without an account: each need has its labs, reasons and a next step."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect
from portal_browser import NARROW, SECONDS_MAX, Visitor, chromium, visitor
from running import RunningStack
from steps import Journey

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

TEXT = "wij frezen kleine series, omstellen kost uren, en onze planner stopt ermee"
TALL_MAX = 5000
"""Pixels of the answer on the narrowest phone, with everything folded: two needs, three fieldlabs each."""
COBOT = "Wij willen een cobot proberen voor het inpakken, naast onze mensen, en onze mensen leren ermee te werken."
NO_FIT = "Ik zoek een kapper voor mijn hond, het liefst op zaterdag."
ENDED = "sensoren op pompen, voorspellend onderhoud in de procesindustrie"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as browser:
        yield browser


async def ask(person: Visitor, text: str, postcode: str = "7521") -> None:
    """Type a need and look who can help."""
    await person.open("/")
    await person.page.fill("#text", text)
    await person.page.fill("#postcode", postcode)
    await person.press("Laat zien wie kan helpen")
    await expect(person.page.locator("h1")).not_to_have_text("Waar loopt uw bedrijf tegenaan?")


async def accessible(person: Visitor) -> list[str]:
    """Return what keeps people out; without scripts nothing can look."""
    return await person.check_access() if person.scripts else []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_two_needs_each_with_labs_reasons_and_a_next_step(
    running_stack: RunningStack, browser: Browser, *, scripts: bool
) -> None:
    async with visitor(browser, running_stack.portal_url, scripts=scripts, width=NARROW) as person:
        await ask(person, TEXT)
        needs = person.page.locator("section.need")
        quotes = [text.split("“")[1].rstrip("”") for text in await needs.locator("h2").all_inner_texts()]
        assert len(quotes) == 2
        assert all(quote in TEXT for quote in quotes)
        for at in range(2):
            labs = needs.nth(at).locator("li.match")
            assert await labs.count() >= 1
            assert 1 <= await labs.first.locator(".reasons .reason").count() <= 3
            assert "U " in await labs.first.locator(".match__reason").inner_text()  # before anything unfolds
        assert await needs.locator(".nl-data-badge", has_text="dichtbij").count() >= 1
        assert await needs.locator(".nl-data-badge", has_text="verder weg").count() >= 1
        assert "Uw volgende stap" in await person.text()
        if scripts:
            assert await person.page.evaluate("document.documentElement.scrollHeight") < TALL_MAX
        wrong = await accessible(person)
        await person.picture("needs")

        await person.page.locator("summary", has_text="Klopt dit niet?").click()
        await person.page.locator("input[name=kept]").first.uncheck()
        gone = await person.page.locator("label[for=kept-1]").inner_text()
        wrong += await accessible(person)
        await person.press("Zoek opnieuw")
        assert "We hebben opnieuw gezocht." in await person.page.locator("body").inner_text()
        assert gone not in await person.page.locator(".asked .nl-data-badge").all_inner_texts()

        await person.press("Waarom staat een ander lab hier niet?", role="link")
        await person.page.select_option("#lab", "ramlab")
        await person.press("Laat zien waarom")
        assert await person.title() == "Waarom staat RAMLAB hier?"
        assert "Plaats " in await person.page.locator(".why__place").inner_text()
        wrong += await accessible(person)
        await person.picture("why")
        assert wrong == []
        assert person.refused == []


async def test_no_fit_is_said_and_leads_to_the_desk_of_the_postcode(
    running_stack: RunningStack, browser: Browser
) -> None:
    async with visitor(browser, running_stack.portal_url, width=NARROW) as person:
        await ask(person, NO_FIT)
        assert await person.title() == "We vonden geen lab dat goed past"
        assert "Het loket Oost helpt u kiezen." in await person.text()
        assert await person.check_access() == []
        await person.picture("no-fit")


async def test_a_lab_that_would_have_fitted_is_named_as_ended(running_stack: RunningStack, browser: Browser) -> None:
    async with visitor(browser, running_stack.portal_url, width=NARROW) as person:
        await ask(person, ENDED)
        ended = person.page.locator("section.ended li")
        assert await ended.count() >= 1
        assert "gestopt" in await ended.first.inner_text()
        assert await person.check_access() == []


async def test_a_company_corrects_its_own_need_after_signing_in(running_stack: RunningStack, browser: Browser) -> None:
    journey = asked(running_stack)
    path = f"/mijn/vraag/{journey.challenge_id}"
    async with visitor(browser, running_stack.portal_url, scripts=False, width=NARROW) as company:
        await company.sign_in("company", path)
        await company.page.locator("summary", has_text="Klopt dit niet?").click()
        gone = await company.page.locator("label[for=kept-1]").inner_text()
        await company.page.locator("input[name=kept]").first.uncheck()
        await company.press("Zoek opnieuw")
        assert "We hebben opnieuw gezocht." in await company.page.locator("body").inner_text()
        assert gone not in await company.page.locator(".asked__read .nl-data-badge").all_inner_texts()
        await company.picture("own-need")
        assert company.refused == []


async def test_a_fieldlab_that_tells_of_itself_is_ranked_anew_in_an_open_need_within_seconds(
    running_stack: RunningStack, browser: Browser
) -> None:
    journey = asked(running_stack)
    path = f"/mijn/vraag/{journey.challenge_id}"
    async with (
        visitor(browser, running_stack.portal_url, scripts=False) as company,
        visitor(browser, running_stack.portal_url, scripts=False) as fieldlab,
    ):
        await company.sign_in("company", path)
        slate = company.page.locator(".matches", has_text="RoboHouse").first
        before = await slate.text_content()
        assert "U kunt er Nederlands spreken." not in str(before)
        await fieldlab.sign_in("fieldlab", "/fieldlab/robohouse/gegevens")
        await fieldlab.page.get_by_label("Nederlands").check()
        await fieldlab.press("Bewaar")
        assert "telt dit nu mee" in await fieldlab.text()
        async with asyncio.timeout(SECONDS_MAX):
            while "U kunt er Nederlands spreken." not in str(await slate.text_content()):
                await company.page.reload()
        await fieldlab.page.get_by_label("Nederlands").uncheck()
        await fieldlab.press("Bewaar")
        assert company.refused + fieldlab.refused == []


def asked(stack: RunningStack) -> Journey:
    """A company with an open need that RoboHouse answers among the first three."""
    journey = Journey(stack)
    given = {"text": COBOT, "language": "NL", "postcode": "2628"}
    journey.draft = journey.take("createDraft", given, user=None)["draft"]
    journey.register()
    journey.submit()
    return journey
