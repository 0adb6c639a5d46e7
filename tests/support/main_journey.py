"""The main journey as people take it in a browser, against whichever platform serves the address."""

import secrets
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, expect
from portal_browser import Visitor, visitor
from steps import HUB, new_kvk_number

NEED = "Wij lassen kleine series in Delft en willen weten of een robot of cobot bij ons past."
ANSWERING = {
    "robohouse": "RoboHouse",
    "sam-xl": "SAM XL",
    "duurzaamheidsfabriek": "Duurzaamheidsfabriek",
    "flexible-manufacturing": "Flexible Manufacturing",
    "fieldlab-industrial-robotics": "Fieldlab Industrial Robotics",
}


async def ask_and_match(company: Visitor) -> str:
    """Type the need; return the slug of the first match that a demo fieldlab can answer for."""
    await company.open("/")
    await company.picture("home")
    await company.page.fill("#text", NEED)
    await company.page.fill("#postcode", "2628 CD")
    await company.press("Laat zien wie kan helpen")
    await expect(company.page.locator("h1")).to_have_text("Deze fieldlabs kunnen u helpen")
    assert await company.page.locator("li.match").count() == 3
    reasons = company.page.locator("li.match").first.locator("table.points")
    points = [int(each) for each in await reasons.locator("td.number").all_text_contents()]
    assert sum(points[:-1]) == points[-1]
    await company.picture("matches")
    links = await company.page.locator("li.match a.nl-button").evaluate_all("all => all.map(each => each.href)")
    slugs = [str(link).rsplit("/", 1)[1] for link in links]
    return next(slug for slug in slugs if slug in ANSWERING)


async def sign_up(company: Visitor, slug: str) -> None:
    """Ask for the introduction and make an account on the way; what was typed is still there afterwards."""
    await company.page.locator(f'a.nl-button[href$="/kennismaking/{slug}"]').click()
    await company.page.fill("#message", "Bellen kan elke ochtend.")
    await company.press("Ik ben nieuw: maak een account")
    password = f"een lang wachtwoord {uuid4().hex}"
    fields = {"email": f"{uuid4().hex}@bedrijf.example", "password": password, "password-confirm": password}
    for name, value in fields.items():
        await company.page.fill(f"#{name}", value)
    await company.page.locator("[type=submit]").first.click()
    await company.page.wait_for_url(f"{company.address}/hulp/*/kennismaking/{slug}")
    assert await company.page.input_value("#message") == "Bellen kan elke ochtend."
    assert await company.page.input_value("#postcode") == "2628 CD"


async def register_and_send(company: Visitor, name: str) -> str:
    """Fill in the company, wrongly first; return the path of the request."""
    await company.page.fill("#kvkNumber", "1234567")
    await company.page.fill("#name", name)
    await company.page.fill("#contactName", "Ans de Vries")
    await company.page.fill("#phone", "015 123 45 67")
    await company.press("Vraag de kennismaking aan")
    assert "precies 8 cijfers" in await company.page.locator("#kvkNumber-error").inner_text()
    assert await company.page.input_value("#name") == name
    await company.picture("company-error")
    await company.page.fill("#kvkNumber", new_kvk_number())
    await company.press("Vraag de kennismaking aan")
    await company.page.wait_for_url(f"{company.address}/mijn/*")
    assert "Verstuurd. Het lab heeft uw aanvraag." in await company.text()
    assert "Het lab is aan de beurt" in await company.text()
    await company.picture("request")
    return company.page.url.removeprefix(company.address)


async def answer(fieldlab: Visitor, company: Visitor, path: str, slug: str, name: str) -> None:
    """The fieldlab asks, the company answers, the fieldlab says yes; each sees it without being told."""
    await fieldlab.sign_in("fieldlab", f"/fieldlab/{slug}/aanvragen")
    assert name in await fieldlab.text()
    await fieldlab.picture("inbox")
    await fieldlab.open(path)
    assert "Bellen kan elke ochtend." in await fieldlab.text()
    assert "015 123 45 67" in await fieldlab.text()
    await fieldlab.page.locator("summary", has_text="Eerst iets vragen").click()
    await fieldlab.page.fill("#ask-message", "Welk materiaal last u?")
    await fieldlab.press("Stel de vraag")
    assert "Uw vraag is verstuurd." in await fieldlab.text()
    if company.scripts:
        await expect(company.page.locator("#state")).to_contain_text("U bent aan de beurt", timeout=20_000)
    await company.page.reload()
    assert "Welk materiaal last u?" in await company.text()
    await company.page.fill("#answer-message", "Vooral roestvrij staal.")
    await company.press("Stuur het antwoord")
    assert "Uw antwoord is verstuurd." in await company.text()
    await fieldlab.open(path)
    await fieldlab.page.fill("#accept-message", "Welkom, komt dinsdag uit?")
    await fieldlab.press("Zeg ja")
    assert "U zei ja. Het bedrijf weet het." in await fieldlab.text()
    await company.page.reload()
    assert "Welkom, komt dinsdag uit?" in await company.text()
    await company.page.locator("summary", has_text="Wat leverde het op?").click()
    await company.page.get_by_label("Iets getest").check()
    await company.press("Leg de uitkomst vast")
    assert "De uitkomst is vastgelegd." in await company.text()
    assert "Niemand hoeft nu iets te doen" in await company.text()


async def work_at_the_desk(hub: Visitor, name: str, caller: str) -> str:
    """The hub sees the request and the call-back, confirms the company, and publishes; returns the activity's title."""
    await hub.sign_in("hub", f"/loket/{HUB}")
    desk = await hub.text()
    assert name in desk
    assert caller in desk
    await hub.picture("hub-desk")
    await hub.press(f"Gebeld met {caller}")
    assert "Gebeld. Het nummer is gewist." in await hub.text()
    assert caller not in await hub.text()
    await hub.press(f"Klopt, bevestig: {name}")
    assert "Het bedrijf is bevestigd." in await hub.text()
    title = f"Open dag {secrets.token_hex(4)}"
    starts = datetime.now(ZoneInfo("Europe/Amsterdam")) + timedelta(days=20)
    await hub.open("/agenda/nieuw")
    await hub.page.fill("#titleNl", title)
    await hub.page.fill("#summaryNl", "Kom kijken naar lassen met een robot.")
    await hub.page.fill("#startsAt", f"{starts:%Y-%m-%dT14:00}")
    await hub.page.fill("#place", "Delft")
    await hub.page.fill("#capacity", "12")
    await hub.press("Zet in de agenda")
    assert await hub.title() == title
    await hub.open("/verhalen/nieuw")
    await hub.page.fill("#titleNl", f"Verhaal van {title}")
    await hub.page.fill("#summaryNl", "Een lasbedrijf probeerde een cobot en hield hem.")
    await hub.press("Plaats het verhaal")
    assert await hub.title() == f"Verhaal van {title}"
    return title


async def ask_to_be_called(passer_by: Visitor, caller: str) -> None:
    """Leave a number, without an account."""
    await passer_by.open("/")
    await passer_by.picture("home")
    await passer_by.open("/bel-mij")
    fields = {"name": caller, "phone": "06 12 34 56 78", "when": "morgen na 14 uur", "postcode": "2628"}
    for name, value in fields.items():
        await passer_by.page.fill(f"#{name}", value)
    await passer_by.press("Bel mij")
    await passer_by.page.wait_for_url(f"{passer_by.address}/bel-mij/gelukt")


async def walk_from_a_need_to_an_outcome(browser: Browser, address: str, keycloak: str, *, scripts: bool) -> None:
    """Four people go from a typed need to an outcome, and look at each other's pages; nothing is refused on the way."""
    name, caller = f"De Vonk {uuid4().hex[:8]}", f"Piet {uuid4().hex[:8]}"
    async with (
        visitor(browser, address, scripts=scripts) as company,
        visitor(browser, address, scripts=scripts) as fieldlab,
        visitor(browser, address, scripts=scripts) as hub,
        visitor(browser, address, scripts=scripts, width=360) as passer_by,
    ):
        slug = await ask_and_match(company)
        await sign_up(company, slug)
        path = await register_and_send(company, name)
        await ask_to_be_called(passer_by, caller)
        await answer(fieldlab, company, path, slug, name)
        title = await work_at_the_desk(hub, name, caller)

        await passer_by.open("/fieldlabs")
        await passer_by.picture("fieldlabs")
        await passer_by.open("/agenda")
        assert title in await passer_by.text()
        await passer_by.open("/verhalen")
        assert f"Verhaal van {title}" in await passer_by.text()
        await passer_by.open(path)
        assert passer_by.page.url.startswith(keycloak)

        await hub.open("/cijfers")
        assert "Kennismakingen aangevraagd" in await hub.text()
        await hub.picture("figures")
        assert [each for person in (company, fieldlab, hub, passer_by) for each in person.refused] == []
