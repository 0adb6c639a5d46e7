"""Nobody is kept out: axe finds nothing on any page, on a large and on a narrow screen, in both languages."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser
from portal_browser import NARROW, WIDE, Visitor, chromium, visitor
from running import RunningStack
from steps import HUB, Journey

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

PUBLIC = ["/", "/bel-mij", "/bel-mij/gelukt", "/fieldlabs", "/fieldlabs/robohouse", "/fieldlabs/smart-welding-factory"]
PUBLIC += ["/agenda", "/verhalen", "/cijfers", "/toegankelijkheid", "/privacy", "/nergens", "/login/callback"]
BY_USER = {
    "company": ["/mijn"],
    "fieldlab": [
        "/mijn",
        "/fieldlab/robohouse/aanvragen",
        "/fieldlab/robohouse/gevonden",
        "/fieldlab/robohouse/kansen",
        "/fieldlab/robohouse/gegevens",
        "/agenda/nieuw",
    ],
    "hub": [f"/loket/{HUB}", f"/loket/{HUB}/kansen", "/verhalen/nieuw", "/cijfers"],
}

NEED_OF = {"company": "/mijn", "hub": f"/loket/{HUB}"}
"""Who has a page of a company's need, and where it lies."""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as browser:
        yield browser


def share(stack: RunningStack, journey: Journey) -> None:
    """Agree that others see the need, so that there is something on their pages."""
    mutation = """mutation Share($input: ShareChallengeInput!) { shareChallenge(input: $input) { problem { code } } }"""
    given = {"input": {"challengeId": journey.challenge_id, "shared": True}}
    assert stack.graphql(mutation, given, user="company", read_after=journey.token).data["shareChallenge"] == {
        "problem": None
    }


async def first_of(person: Visitor, path: str, links: str) -> str:
    """The path of the first link on a page."""
    await person.open(path)
    address = await person.page.locator(links).first.get_attribute("href")
    assert address
    return address


@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_public_pages_keep_nobody_out(running_stack: RunningStack, browser: Browser, width: int) -> None:
    wrong: list[str] = []
    async with visitor(browser, running_stack.portal_url, width=width) as person:
        more = [
            await first_of(person, "/agenda", ".event__name a"),
            await first_of(person, "/verhalen", ".story__name a"),
        ]
        for path in [*PUBLIC, *more, "/en", "/en/fieldlabs", "/en/cijfers"]:
            await person.open(path)
            wrong += await person.check_access()
        await person.open("/")
        await person.press("Laat zien wie kan helpen")
        wrong += await person.check_access()
        await person.page.fill("#text", "Wij lassen kleine series en zoeken een lasrobot of cobot.")
        await person.press("Laat zien wie kan helpen")
        for summary in await person.page.locator("summary").all():
            await summary.click()
        wrong += await person.check_access()
        await person.page.locator("li.match a.nl-button").first.click()
        wrong += await person.check_access()
        assert person.refused == []
    assert wrong == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_pages_of_those_who_work_here_keep_nobody_out(
    running_stack: RunningStack, browser: Browser, width: int
) -> None:
    journey = Journey(running_stack)
    for step in journey.steps()[:4]:
        getattr(journey, step)()
    share(running_stack, journey)
    wrong: list[str] = []
    for user, paths in BY_USER.items():
        async with visitor(browser, running_stack.portal_url, width=width) as person:
            await person.sign_in(user, paths[0])
            need = f"{NEED_OF[user]}/vraag/{journey.challenge_id}" if user in NEED_OF else ""
            about = (
                [need, f"{need}/waarom", f"{need}/waarom?lab=robohouse", f"{need}/waarom?lab=ramlab"] if need else []
            )
            for path in [*paths, f"/mijn/{journey.referral_id}", *about]:
                for language in ("", "/en"):
                    await person.open(f"{language}{path}")
                    wrong += await person.check_access()  # as it comes: folded
                    for summary in await person.page.locator("main summary").all():
                        await summary.click()
                    wrong += await person.check_access()
            assert person.refused == []
    assert wrong == []


async def test_the_keyboard_alone_reaches_the_answer(running_stack: RunningStack, browser: Browser) -> None:
    async with visitor(browser, running_stack.portal_url, width=NARROW) as person:
        await person.open("/")
        await person.page.keyboard.press("Tab")
        assert await person.page.evaluate("document.activeElement.textContent") == "Naar de inhoud"
        await person.page.keyboard.press("Enter")
        await person.page.keyboard.press("Tab")
        assert await person.page.evaluate("document.activeElement.id") == "text"
        await person.page.keyboard.type("Wij lassen kleine series en zoeken een lasrobot.")
        await person.page.keyboard.press("Tab")
        await person.page.keyboard.type("2628")
        await person.page.keyboard.press("Enter")
        await person.page.wait_for_url(f"{person.address}/hulp/*")
        assert await person.page.locator("li.match").count() == 3
