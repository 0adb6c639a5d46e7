"""The adviser's judgement and the company's consent, as a browser without scripts sees them."""

import re
from html import unescape
from typing import Any

import httpx
import pytest
from portal_forms import fill, hidden

from schakel_portal.settings import PortalSettings

pytestmark = pytest.mark.postgres

DESK = "/loket/oost/vraag/ch1"


async def test_a_company_sees_what_its_adviser_says_apart_from_the_points(
    browser: httpx.AsyncClient, settings: PortalSettings, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    page = (await browser.get("/mijn/vraag/ch1")).text
    adviser, slate = page.split('id="slate-title"')
    assert "Dit zegt uw adviseur" in adviser
    assert "Toegevoegd door uw adviseur" in adviser
    assert "Zij kennen &lt;kleine&gt; series." in adviser
    assert "Toegevoegd door uw adviseur" not in slate  # what was added is in no place of the list
    assert slate.count("Aanbevolen door uw adviseur") == 1
    assert slate.count('<td class="number">59</td>') == 2
    assert "Geef uw oordeel" not in page


async def test_an_adviser_judges_with_the_version_that_was_seen(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    page = (await browser.get(DESK)).text
    assert "Vraag van Lasbedrijf De Vonk" in page
    assert 'value="campione"' not in page  # it has ended
    gateway.accept("judgeFieldlab", challenge={"id": "ch1", "version": 4})
    given = {
        "fieldlab": "robohouse",
        "action": "DROP",
        "why": "Daar is nu geen plek.",
        "version": hidden(page, "version"),
    }
    reply = await fill(browser, DESK, **given)
    assert (reply.status_code, reply.headers["location"]) == (303, DESK)
    assert gateway.asked[-1]["variables"]["input"] == {
        "challengeId": "ch1",
        "fieldlab": "robohouse",
        "action": "DROP",
        "reason": "Daar is nu geen plek.",
        "ifVersion": 3,
    }
    assert "Bewaard. Het bedrijf ziet uw oordeel naast de lijst." in (await browser.get(DESK)).text


async def test_a_judgement_that_is_refused_keeps_what_was_typed(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    gateway.refuse("judgeFieldlab", "invalid-input", ("fieldlab", "not-in-slate"), ("reason", "too-short"))
    page = await fill(browser, DESK, fieldlab="robohouse", action="PIN", why="<kort>", version="3")
    assert page.status_code == 400
    assert '<a class="nl-link" href="#fieldlab">Dit lab staat niet in de lijst. Voeg het eerst toe.</a>' in page.text
    assert '<a class="nl-link" href="#why">Schrijf waarom, in 10 tot 500 tekens.</a>' in page.text
    assert "&lt;kort&gt;</textarea>" in page.text
    gateway.refuse("judgeFieldlab", "stale-version")
    stale = await fill(browser, DESK, fieldlab="robohouse", action="PIN", why="Zij kunnen dit goed.", version="2")
    assert "Iemand heeft dit net veranderd." in stale.text
    nothing = await fill(browser, DESK, fieldlab="robohouse", why="Zij kunnen dit goed.", version="3")
    assert (nothing.status_code, "Kies wat u ervan zegt." in nothing.text) == (400, True)
    assert gateway.operations().count("judgeFieldlab") == 2


async def test_a_need_that_is_not_for_this_visitor_is_not_there(
    browser: httpx.AsyncClient, settings: PortalSettings, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:zuid")
    assert (await browser.get("/loket/zuid/vraag/another")).status_code == 404


async def test_consent_is_asked_and_given_only_when_ticked(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    gateway.accept("createDraft", draft={"id": "d1", "secret": "geheim"})
    await fill(browser, "/", text="Wij lassen kleine series met de hand.")
    own = {"id": "c1", "status": "VERIFIED", "homeHub": "oost", "privateState": "OK", "name": "De Vonk"}
    gateway.values["me"] = {"subject": "someone", "scopes": [], "companies": [own]}
    gateway.accept("submitChallenge", challenge={"id": "ch1"})
    gateway.accept("requestReferral", referral={"id": "r1", "version": 1})
    gateway.accept("shareChallenge", challenge={"id": "ch1", "version": 2})
    path = "/hulp/d1/kennismaking/robohouse"
    form = (await browser.get(path)).text
    assert 'type="checkbox" id="shared" name="shared" value="ja" aria' in form
    await fill(browser, path, companyId="c1")
    assert "shareChallenge" not in gateway.operations()
    await fill(browser, path, companyId="c1", shared="ja")
    given = [each for each in gateway.asked if each["operationName"] == "shareChallenge"]
    assert [each["variables"]["input"] for each in given] == [{"challengeId": "ch1", "shared": True}]


async def test_consent_is_withdrawn_with_one_button(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    gateway.accept("shareChallenge", challenge={"id": "ch1", "version": 4})
    page = (await browser.get("/mijn/vraag/ch1")).text
    assert "Nee. Alleen uw hub en de labs die u zelf vraagt, zien uw vraag." in page
    reply = await fill(browser, "/mijn/vraag/ch1", shared="nee", version=hidden(page, "version"))
    assert reply.headers["location"] == "/mijn/vraag/ch1"
    assert gateway.asked[-1]["variables"]["input"] == {"challengeId": "ch1", "shared": False, "ifVersion": 3}
    assert "Uw vraag is niet meer te zien voor anderen." in (await browser.get("/mijn/vraag/ch1")).text


async def test_a_fieldlab_sees_a_shared_need_with_reasons_and_whom_to_call(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    page = (await browser.get("/fieldlab/smart-welding-factory/kansen")).text
    assert "Wij lassen &lt;kleine&gt; series met de hand." in page
    assert "sector 25 · 10 tot 49 mensen · postcode niet te zien" in page
    assert "Aanbevolen door de adviseur van het bedrijf" in page
    assert "59 punten" in page
    assert "Het bedrijf ziet dit lab op plek 2" in page
    assert "Bel of mail hub Zuid en noem vraag 0c6f9a1e." in page
    assert gateway.asked[-1]["variables"] == {"fieldlab": "smart-welding-factory"}
    gateway.values["fieldlabOpportunities"] = []
    assert "geen vragen die u mag zien" in (await browser.get("/fieldlab/smart-welding-factory/kansen")).text


async def test_white_spots_say_of_when_they_are_and_what_is_not_shown(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    spots = (await browser.get("/cijfers")).text.split('id="white-title"')[1]
    assert "Stand van 31 oktober 2026, 23.59 uur. Positie 42." in spots
    assert "alleen wat vijf of meer bedrijven vroegen" in spots
    assert re.search(r"Drenthe</td>\s*<td[^>]*>7</td>\s*<td[^>]*>3</td>", spots)
    assert re.search(r"Zeeland</td>\s*<td[^>]*>5</td>\s*<td[^>]*>geen</td>", spots)
    await sign_in(browser, settings, "hub:oost")
    own = (await browser.get("/cijfers")).text.split('id="white-title"')[1]
    assert gateway.asked[-1]["variables"] == {"asOf": None, "region": "oost"}
    assert own.startswith(">Witte vlekken in regio Oost<")
    assert "vijf of meer" not in own
    await sign_in(browser, settings, "hub:oost", "national")
    await browser.get("/cijfers")
    assert gateway.asked[-1]["variables"] == {"asOf": None, "region": None}


async def test_a_hub_turns_a_bundle_into_an_activity_without_a_word_of_the_companies(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:zuid", "hub:oost")
    page = (await browser.get("/loket/oost/kansen")).text
    assert "3 bedrijven</h3>" in page
    assert "Wij &lt;2&gt; zoeken een lasrobot.</a>" in page
    found = re.search(r'href="(/agenda/nieuw\?[^"]*)"', page)
    assert found
    address = unescape(found[1])
    assert "zoeken" not in address
    form = (await browser.get(address)).text
    assert '<option value="hub:oost" selected>' in form
    assert re.search(r'name="titleNl" value="Samen aan de slag met [^"]+"', form)
    assert hidden(form, "themes") == "robot_welding"
    gateway.accept("planActivity", activity={"id": "a1", "slug": "samen"})
    sealed = {name: hidden(form, name) for name in ("formToken", "idempotencyKey", "themes")}
    given = {"organiser": "hub:oost", "titleNl": "Samen", "summaryNl": "Kom.", "startsAt": "2026-12-10T14:00"}
    reply = await browser.post("/agenda/nieuw", data=sealed | given)
    assert reply.headers["location"] == "/agenda/samen"
    assert gateway.asked[-1]["variables"]["input"]["themes"] == ["robot_welding"]


async def test_what_an_address_proposes_for_an_activity_is_only_text(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    form = (await browser.get('/agenda/nieuw?titleNl="><script>x</script>&organiser=national&capacity=9')).text
    assert 'value="&#34;&gt;&lt;script&gt;x&lt;/script&gt;"' in form
    assert "selected" not in form
    assert 'value="9"' not in form
    assert gateway.operations() == []
