"""The supply side as people take it: an adviser judges, a company consents, a fieldlab and a hub see what fits."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser
from portal_browser import NARROW, WIDE, Visitor, chromium, visitor
from running import RunningStack, wait_until
from steps import HUB, Journey

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

WHY = "Zij hebben dit voorjaar precies zo'n klus gedaan."
OPPORTUNITIES = """query Seen($slug: String!) { fieldlabOpportunities(fieldlab: $slug) {
    challengeId fits { fieldlab score rank } } }"""
SLATE = "query Slate($id: ID!) { challenge(id: $id) { slate { fieldlab score rank } } }"
SHARE = """mutation Share($input: ShareChallengeInput!) { shareChallenge(input: $input) {
    challenge { version } token problem { code } } }"""
WHITE_SPOTS = "query Spots($region: String) { whiteSpots(region: $region) { exact spots { technology province } } }"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as browser:
        yield browser


def asked(stack: RunningStack) -> Journey:
    """A company with a need that nobody but its hub sees."""
    journey = Journey(stack)
    for step in journey.steps()[:3]:
        getattr(journey, step)()
    return journey


def share(journey: Journey, *, shared: bool) -> None:
    """Give or withdraw the consent."""
    given = {"input": {"challengeId": journey.challenge_id, "shared": shared}}
    payload = journey.stack.graphql(SHARE, given, user="company", read_after=journey.token).data["shareChallenge"]
    assert payload["problem"] is None
    journey.token = payload["token"]


def seen_by(stack: RunningStack, slug: str) -> dict[str, dict[str, object]]:
    """How the shared needs that a fieldlab may see fit it, by id."""
    found = stack.graphql(OPPORTUNITIES, {"slug": slug}, user="fieldlab").data["fieldlabOpportunities"]
    return {each["challengeId"]: each["fits"][0] for each in found}


def place_of_ours(journey: Journey) -> dict[str, object]:
    """The first place in the slate of a fieldlab that the demo user works for."""
    asked_for = {"id": journey.challenge_id}
    answer = journey.stack.graphql(SLATE, asked_for, user="company", read_after=journey.token)
    scopes = journey.stack.graphql("{ me { scopes } }", user="fieldlab").data["me"]["scopes"]
    places: list[dict[str, object]] = answer.data["challenge"]["slate"]
    return next(each for each in places if f"fieldlab:{each['fieldlab']}" in scopes)


async def judge(hub: Visitor, challenge_id: str) -> str:
    """Add a fieldlab that is not in the slate; without a reason it is refused first. Return its name."""
    await hub.sign_in("hub", f"/loket/{HUB}")
    await hub.page.locator(f'a[href$="/vraag/{challenge_id}"]').first.click()
    listed = {each.strip() for each in await hub.page.locator(".match__name").all_text_contents()}
    choices = await hub.page.locator("#fieldlab option").all_text_contents()
    name = next(each for each in choices if each.strip() not in listed)
    await hub.page.select_option("#fieldlab", label=name)
    await hub.page.get_by_label("Toevoegen: dit lab hoort erbij").check()
    await hub.page.fill("#why", "Omdat.")
    await hub.press("Bewaar het oordeel")
    assert "Schrijf waarom" in await hub.page.locator("#why-error").inner_text()
    await hub.page.fill("#why", WHY)
    await hub.press("Bewaar het oordeel")
    assert "Het bedrijf ziet uw oordeel naast de lijst." in await hub.text()
    await hub.picture("adviser-desk")
    return name


async def test_a_judgement_is_seen_by_the_company_and_moves_no_point(
    running_stack: RunningStack, browser: Browser
) -> None:
    journey = asked(running_stack)
    path = f"/mijn/vraag/{journey.challenge_id}"
    async with (
        visitor(browser, running_stack.portal_url, scripts=False) as company,
        visitor(browser, running_stack.portal_url, width=NARROW) as hub,
    ):
        await company.sign_in("company", path)
        before = await company.page.locator("#slate-title ~ ol").inner_text()
        name = await judge(hub, journey.challenge_id)
        assert await hub.check_access() == []
        await company.page.reload()
        said = await company.page.locator("section", has=company.page.locator("#adviser-title")).inner_text()
        assert ("Toegevoegd door uw adviseur" in said, name in said, WHY in said) == (True, True, True)
        assert await company.page.locator("#slate-title ~ ol").inner_text() == before
        await company.picture("judged-slate")
        assert hub.refused == []
    leaked = await running_stack.fetch(
        "matching", "SELECT 1 FROM journal WHERE position($1 IN convert_from(value, 'UTF8')) > 0", WHY
    )
    assert leaked == []


async def test_consent_shows_a_need_to_who_it_fits_and_takes_it_away_at_once(
    running_stack: RunningStack, browser: Browser
) -> None:
    journey = asked(running_stack)
    place = place_of_ours(journey)
    slug = str(place["fieldlab"])
    assert journey.challenge_id not in seen_by(running_stack, slug)
    path = f"/mijn/vraag/{journey.challenge_id}"
    async with (
        visitor(browser, running_stack.portal_url) as company,
        visitor(browser, running_stack.portal_url, width=NARROW) as fieldlab,
    ):
        await company.sign_in("company", path)
        await company.press("Laat mijn vraag zien")
        assert "Uw vraag is nu te zien, zonder uw naam." in await company.text()
        assert await company.check_access() == []
        await fieldlab.sign_in("fieldlab", f"/fieldlab/{slug}/kansen")
        assert f"Vraag {journey.challenge_id[:8]}" in await fieldlab.text()
        assert "Lasbedrijf Voorbeeld" not in await fieldlab.page.content()
        assert await fieldlab.check_access() == []
        await fieldlab.picture("opportunities")
        assert seen_by(running_stack, slug)[journey.challenge_id] == place
        await company.press("Stop met laten zien")
        await fieldlab.page.reload()
        assert f"Vraag {journey.challenge_id[:8]}" not in await fieldlab.text()
        assert company.refused + fieldlab.refused == []


async def test_consent_is_asked_in_the_form_and_no_by_default(running_stack: RunningStack, browser: Browser) -> None:
    asked(running_stack)  # so that the person has a company
    async with visitor(browser, running_stack.portal_url, width=NARROW) as company:
        await company.sign_in("company", "/mijn")
        await company.open("/")
        await company.page.fill("#text", "Wij zoeken een lasrobot voor kleine series in Delft.")
        await company.press("Laat zien wie kan helpen")
        await company.page.locator("li.match a.nl-button").first.click()
        box = company.page.get_by_label("Laat mijn vraag ook zien aan andere fieldlabs en hubs die passen")
        assert not await box.is_checked()
        assert await company.check_access() == []
        await box.check()
        await company.press("Vraag de kennismaking aan")
        await company.press("Bekijk uw vraag en wie erbij past", role="link")
        assert "Ja. Fieldlabs en hubs die passen, zien uw vraag zonder uw naam." in await company.text()
        assert company.refused == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_three_companies_with_one_question_become_a_session(
    running_stack: RunningStack, browser: Browser, width: int
) -> None:
    journeys = [asked(running_stack) for _ in range(3)]
    for journey in journeys:
        share(journey, shared=True)
    async with visitor(browser, running_stack.portal_url, width=width) as hub:
        await hub.sign_in("hub", f"/loket/{HUB}/kansen")
        assert "Samen in één bijeenkomst" in await hub.text()
        assert await hub.check_access() == []
        await hub.picture("bundles")
        await hub.page.locator(".actions a", has_text="Maak er een bijeenkomst van").first.click()
        assert (await hub.page.input_value("#titleNl")).startswith("Samen aan de slag met ")
        assert await hub.page.input_value("#organiser") == f"hub:{HUB}"
        assert "lassen kleine series" not in await hub.page.content()
        assert await hub.check_access() == []
        assert hub.refused == []
    for journey in journeys:
        share(journey, shared=False)


async def test_white_spots_are_exact_for_who_answers_for_them(running_stack: RunningStack, browser: Browser) -> None:
    journey = asked(running_stack)

    def spots(user: str | None, region: str | None = None) -> dict[str, object]:
        asked_for = {"region": region}
        reply = running_stack.graphql(WHITE_SPOTS, asked_for, user=user, read_after=journey.token)
        found: dict[str, object] = reply.data["whiteSpots"]
        return found

    wait_until(lambda: spots("national")["exact"], what="the national team's exact answer")
    assert [spots(None)["exact"], spots("company")["exact"], spots("hub", "oost")["exact"]] == [False] * 3
    assert spots("hub", HUB)["exact"] is True
    for user, width in (("national", WIDE), ("hub", NARROW)):
        async with visitor(browser, running_stack.portal_url, width=width) as person:
            await person.sign_in(user, "/mijn")
            await person.open("/cijfers")
            text = await person.page.locator("section", has=person.page.locator("#white-title")).inner_text()
            assert "vijf of meer" not in text
            assert await person.check_access() == []
            await person.picture(f"white-spots-{user}")
