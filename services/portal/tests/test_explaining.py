"""The needs that were read, correcting them, why a fieldlab stands where it stands, and how it is found."""

import re
from typing import Any

import httpx
import pytest
from portal_forms import fill

from schakel_portal.pages.need import corrected
from schakel_portal.reasons import against, by_need, further_but_better, nearness, reason_of, reasons_of, warning
from schakel_portal.settings import PortalSettings

pytestmark = pytest.mark.postgres


def _two(things: Any) -> dict[str, Any]:
    """A text with two needs, of which no fieldlab answers the second."""
    first = things.found_need("n1", "wij frezen kleine series, omstellen kost uren", "robohouse", "campione")
    second = things.found_need(
        "n2", "onze planner stopt ermee", "smart-welding-factory", fits=False, technologies=["cobots"]
    )
    return {
        "text": "wij frezen kleine series, omstellen kost uren, en onze planner stopt ermee",
        "needs": [first, second],
    }


async def _with_draft(browser: httpx.AsyncClient, gateway: Any, **changes: Any) -> None:
    gateway.accept("createDraft", draft={"id": "d1", "secret": "geheim"})
    gateway.values["draft"] = {**gateway.values["draft"], **changes}
    assert (await fill(browser, "/", text="Wij lassen kleine series.", postcode="7521")).status_code == 303


async def test_each_need_is_quoted_and_has_its_own_fieldlabs(
    browser: httpx.AsyncClient, gateway: Any, things: Any
) -> None:
    await _with_draft(browser, gateway, **_two(things))
    page = (await browser.get("/hulp/d1")).text
    first, second = page.split('id="need-n1"')[1].split('id="need-n2"')
    assert "Vraag 1: “wij frezen kleine series, omstellen kost uren”" in first
    assert re.findall(r"/kennismaking/([\w-]+)", first) == ["robohouse", "campione"]
    assert "Vraag 2: “onze planner stopt ermee”" in second
    assert "geen lab dat goed past" in second
    assert "dichtbij" in first
    assert page.count("<h1") == 1


async def test_what_was_read_wrong_is_switched_off_and_what_is_missing_added(
    browser: httpx.AsyncClient, gateway: Any, things: Any
) -> None:
    await _with_draft(browser, gateway, **_two(things))
    gateway.accept("correctDraft", correctedDraft={"id": "d1"})
    reply = await fill(browser, "/hulp/d1", action="correct", kept="robot_welding", added="small_series")
    assert (reply.status_code, reply.headers["location"]) == (303, "/hulp/d1")
    (asked,) = [each for each in gateway.asked if each["operationName"] == "correctDraft"]
    assert asked["variables"]["input"] == {
        "draftId": "d1",
        "draftSecret": "geheim",
        "needs": [],
        "technologies": {"right": ["small_series"], "wrong": ["cobots"]},
        "sizeClass": "UNKNOWN",
    }
    assert "opnieuw gezocht" in (await browser.get("/hulp/d1")).text


def test_a_correction_keeps_what_was_told_before(things: Any) -> None:
    before = things.told(needs=["a b"], technologies={"right": ["x", "y"], "wrong": ["z"]}, trl=4)
    draft = {
        "text": "a b c",
        "concepts": [],
        "needs": [things.found_need("n1", "a b", technologies=["x", "y"])],
        "told": before,
    }
    kept = corrected(draft, {"action": "correct", "kept": "y", "added": "z"})
    assert kept["needs"] == ["a b"]
    assert kept["technologies"] == {"right": ["y", "z"], "wrong": ["x"]}
    assert kept["trl"] == 4
    assert corrected(draft, {"action": "one"})["needs"] == ["a b c"]
    nothing = {"needs": [], "technologies": {"right": [], "wrong": []}}
    assert corrected(draft, {"action": "again"}) == nothing


async def test_a_refused_correction_says_so_and_shows_the_answer_as_it_was(
    browser: httpx.AsyncClient, gateway: Any
) -> None:
    await _with_draft(browser, gateway)
    gateway.refuse("correctDraft", "invalid-input", ("technologies.right.0", "technology-unknown"))
    reply = await fill(browser, "/hulp/d1", action="correct", kept="robot_welding", added="bestaat-niet")
    assert reply.status_code == 400
    assert "Smart Welding Factory" in reply.text


async def test_no_fit_is_said_with_the_closest_and_the_desk_of_the_postcode(
    browser: httpx.AsyncClient, gateway: Any
) -> None:
    await _with_draft(browser, gateway, noFit=True)
    page = (await browser.get("/hulp/d1")).text
    assert "We vonden geen lab dat goed past" in page
    assert "Het loket Oost helpt u kiezen." in page
    assert "Smart Welding Factory" in page


async def test_a_training_is_named_with_the_companys_words(
    browser: httpx.AsyncClient, gateway: Any, things: Any
) -> None:
    ending = {
        "kind": "TRAINING",
        "slug": "opleiding",
        "nameNl": "Leer plannen",
        "nameEn": "Learn to plan",
        "url": "https://example.nl/cursus",
        "quote": "onze planner stopt ermee",
        "reasonNl": "Hier leren mensen plannen.",
        "reasonEn": "People learn to plan here.",
        "needs": ["n2"],
    }
    await _with_draft(browser, gateway, **_two(things), endings=[ending])
    page = (await browser.get("/hulp/d1")).text
    assert '<a class="nl-link" href="https://example.nl/cursus">Leer plannen</a>' in page
    assert "<p>U schrijft: “onze planner stopt ermee”</p>" in page
    assert "<p>Hier leren mensen plannen.</p>" in page


def test_a_company_reads_the_three_strongest_reasons_and_the_worst_against(things: Any) -> None:
    lab = things.match("robohouse", 1)
    assert [part["name"] for part in reasons_of(lab)] == ["text", "technology", "distance"]
    assert [part["name"] for part in against(lab)] == ["freshness"]
    assert nearness(lab) == "near"
    assert nearness({"parts": []}) is None
    (group,) = by_need({"needs": [], "noFit": False, "matches": [lab]})
    assert [each["slug"] for each in group["labs"]] == ["robohouse"]


async def test_why_not_this_one_says_the_place_and_what_would_change_it(
    browser: httpx.AsyncClient, gateway: Any
) -> None:
    await _with_draft(browser, gateway)
    form = (await browser.get("/hulp/d1/waarom")).text
    assert '<option value="robohouse">' in form
    page = (await browser.get("/hulp/d1/waarom?lab=robohouse")).text
    assert "Plaats 4 van 60." in page
    assert "2,5 punten tekort voor plaats drie" in page
    assert "het lab kijkt zijn gegevens na: 6 punten erbij, dan plaats 2" in page
    (asked,) = [each for each in gateway.asked if each["operationName"] == "why"]
    assert asked["variables"] == {"fieldlab": "robohouse", "draftId": "d1", "draftSecret": "geheim"}
    assert (await browser.get("/hulp/d1/waarom?lab=geheim")).status_code == 404
    assert (await browser.get("/hulp/niet-van-mij/waarom?lab=robohouse")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"keptOut": "CAMPUS", "campus": ["A", "B"]}, "al twee labs hoger: A, B."),
        ({"keptOut": "NO_FIT", "changes": []}, "past niet goed genoeg"),
        (
            {"keptOut": "ENDED", "changes": []},
            "Dit lab is gestopt (2021).",
        ),
    ],
)
async def test_a_hard_rule_says_so(
    browser: httpx.AsyncClient, gateway: Any, things: Any, changes: Any, text: str
) -> None:
    await _with_draft(browser, gateway)
    ended = {"on": "2021", "successor": "zuid"} if changes["keptOut"] == "ENDED" else None
    gateway.values["why"] = things.why(match=things.match("x", 0, ended=ended), **changes)
    assert text in (await browser.get("/hulp/d1/waarom?lab=x")).text


async def test_an_adviser_and_a_fieldlab_read_every_factor_at_the_request(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    page = (await browser.get("/mijn/r1")).text
    assert "Waarom dit lab?" in page
    assert "Dit helpt niet" in page
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    page = (await browser.get("/mijn/r1")).text
    assert "Waarom dit bedrijf?" in page
    assert "Met “u” bedoelen we het bedrijf." in page
    await sign_in(browser, settings)
    before = gateway.operations().count("why")
    assert "Waarom dit bedrijf?" not in (await browser.get("/mijn/r1")).text
    assert gateway.operations().count("why") == before


async def test_a_fieldlab_is_coached_with_counts(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    page = (await browser.get("/fieldlab/smart-welding-factory/gevonden")).text
    assert "Hoe ver een idee moet zijn (TRL): onbekend" in page
    assert "3 keer stond u net buiten de eerste drie." in page
    assert "had u er 2 keer wel bij gestaan" in page
    gateway.values["fieldlabCoaching"] = None
    assert (await browser.get("/fieldlab/smart-welding-factory/gevonden")).status_code == 404


async def test_a_company_is_told_what_changed_by_itself(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any, things: Any
) -> None:
    gateway.values["me"] = {"subject": "someone", "scopes": [], "companies": []}
    await sign_in(browser, settings)
    assert "Nieuw bij uw vraag" not in (await browser.get("/mijn")).text
    labs = [
        {"fieldlab": "robohouse", "fieldlabName": "RoboHouse", "what": "ENTERED"},
        {"fieldlab": "campione", "fieldlabName": "Campione", "what": "ENDED"},
    ]
    gateway.values["myChallenges"] = [things.need(news={"on": "2026-11-24", "fieldlabs": labs})]
    page = (await browser.get("/mijn")).text
    assert "RoboHouse staat nu bij de eerste drie." in page
    assert "Campione is gestopt." in page
    assert "sinds 24 november 2026" in page


def test_the_one_line_quotes_the_company_before_it_is_strong(things: Any) -> None:
    strong = {
        "name": "text",
        "value": 30.0,
        "textNl": "Er staat: “wij bouwen robots”.",
        "evidence": ["wij bouwen robots"],
    }
    own = {"name": "technology", "value": 9.0, "textNl": "U noemt “lasrobot”.", "evidence": ["lasrobot"]}
    near = {"name": "distance", "value": 4.0, "textNl": "Ongeveer 6 km bij u vandaan.", "evidence": []}
    lab = things.match("robohouse", 1, parts=[strong, own, near])
    assert reason_of(lab, "Wij zoeken een lasrobot.") == own
    assert reason_of(lab, "Wij zoeken een machine.") == strong
    assert reason_of({"parts": [near]}, "Wij zoeken een lasrobot.") is None


def test_a_fieldlab_that_is_paused_or_full_is_said_before_it_is_asked(things: Any) -> None:
    paused = {"name": "status", "value": -8.0}
    full = {"name": "capacity", "value": -6.0}
    assert warning({"parts": [full, paused]}) == paused
    assert warning(things.match("robohouse", 1)) is None


async def test_one_from_another_region_that_is_clearly_better_has_a_line_of_its_own(
    browser: httpx.AsyncClient, gateway: Any, things: Any
) -> None:
    slugs = ("smart-welding-factory", "perron038", "techwise", "boost")
    near = [things.match(slug, rank) for rank, slug in enumerate(slugs, 1)]
    far = things.match("ramlab", 5, outsideRegion=True)
    await _with_draft(browser, gateway, matches=[*near, far])
    page = (await browser.get("/hulp/d1")).text
    among, apart = page.split("Verder weg, maar duidelijk beter", 1)
    assert re.findall(r"/kennismaking/([\w-]+)", among) == list(slugs[:3])
    assert re.findall(r"/kennismaking/([\w-]+)", apart) == ["ramlab"]
    assert "buiten uw regio" in apart
    (group,) = by_need({"needs": [], "noFit": False, "matches": [{**far, "rank": 1}]})
    assert further_but_better({"matches": [far]}, [group]) == []


async def test_a_company_corrects_its_own_need_and_the_version_that_it_saw_goes_along(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    gateway.accept("correctChallenge", challenge={"id": "ch1", "version": 4})
    reply = await fill(browser, "/mijn/vraag/ch1", action="correct", kept="", added="small_series", version="3")
    assert (reply.status_code, reply.headers["location"]) == (303, "/mijn/vraag/ch1")
    (asked,) = [each for each in gateway.asked if each["operationName"] == "correctChallenge"]
    assert asked["variables"]["input"] == {
        "challengeId": "ch1",
        "needs": [],
        "technologies": {"right": ["small_series"], "wrong": ["robot_welding"]},
        "sizeClass": "UNKNOWN",
        "ifVersion": 3,
    }
    assert "We hebben opnieuw gezocht." in (await browser.get("/mijn/vraag/ch1")).text
    gateway.refuse("correctChallenge", "stale-version")
    stale = await fill(browser, "/mijn/vraag/ch1", action="again", version="3")
    assert (stale.status_code, "Iemand heeft dit net veranderd." in stale.text) == (409, True)


async def test_an_adviser_reads_a_need_and_cannot_correct_it(
    browser: httpx.AsyncClient, settings: PortalSettings, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    page = (await browser.get("/loket/oost/vraag/ch1")).text
    assert 'value="correct"' not in page
    assert 'href="/loket/oost/vraag/ch1/waarom?lab=robohouse"' in page
    assert 'value="correct"' in (await browser.get("/mijn/vraag/ch1")).text


async def test_a_company_asks_another_fieldlab_for_the_same_need(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    page = (await browser.get("/mijn/vraag/ch1")).text
    assert "Naar uw aanvraag" in page.split('id="name-1-1-')[1]  # it was asked already
    gateway.accept("requestReferral", referral={"id": "r9", "version": 1})
    given = {"action": "introduce", "fieldlab": "robohouse", "message": "Graag in de ochtend."}
    reply = await fill(browser, "/mijn/vraag/ch1", **given)
    assert (reply.status_code, reply.headers["location"]) == (303, "/mijn/r9")
    (asked,) = [each for each in gateway.asked if each["operationName"] == "requestReferral"]
    assert asked["variables"]["input"] == {
        "challengeId": "ch1",
        "fieldlab": "robohouse",
        "message": "Graag in de ochtend.",
    }
    gateway.refuse("requestReferral", "conflict")
    refused = await fill(browser, "/mijn/vraag/ch1", **given)
    assert (refused.status_code, "Graag in de ochtend.</textarea>" in refused.text) == (409, True)
