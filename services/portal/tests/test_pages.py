"""The pages as a browser without scripts sees them."""

import re
from typing import Any

import httpx
import pytest
from portal_forms import fill, hidden

from schakel_portal.settings import PortalSettings

pytestmark = pytest.mark.postgres

PUBLIC = ["/", "/bel-mij", "/bel-mij/gelukt", "/fieldlabs", "/fieldlabs/smart-welding-factory", "/fieldlabs/campione"]
PUBLIC += ["/agenda", "/agenda/open-dag", "/verhalen", "/verhalen/tima-robotlassen", "/cijfers"]
PUBLIC += ["/toegankelijkheid", "/privacy"]
PRIVATE = [
    "/mijn",
    "/mijn/r1",
    "/mijn/vraag/ch1",
    "/loket/oost",
    "/loket/oost/vraag/ch1",
    "/loket/oost/kansen",
    "/fieldlab/smart-welding-factory/kansen",
    "/fieldlab/smart-welding-factory/aanvragen",
    "/fieldlab/smart-welding-factory/gevonden",
    "/mijn/vraag/ch1/waarom",
    "/loket/oost/vraag/ch1/waarom",
    "/agenda/nieuw",
    "/verhalen/nieuw",
]


async def with_draft(browser: httpx.AsyncClient, gateway: Any) -> None:
    gateway.accept("createDraft", draft={"id": "d1", "secret": "geheim"})
    reply = await fill(browser, "/", text="Wij lassen kleine series met de hand.", postcode="7521")
    assert (reply.status_code, reply.headers["location"]) == (303, "/hulp/d1")


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("language", ["nl", "en"])
async def test_public_pages_are_there_in_both_languages(browser: httpx.AsyncClient, path: str, language: str) -> None:
    address = path if language == "nl" else f"/en{path}".rstrip("/")
    page = await browser.get(address)
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert page.text.count("<h1") == 1
    assert "unsafe" not in page.headers["content-security-policy"]
    other = f"/en{path}".rstrip("/") if language == "nl" else path
    assert f'href="{other}"' in page.text


@pytest.mark.parametrize("path", PRIVATE)
async def test_private_pages_ask_to_sign_in_and_come_back(browser: httpx.AsyncClient, path: str, gateway: Any) -> None:
    page = await browser.get(f"/en{path}")
    assert page.status_code == 303
    assert page.headers["location"] == f"/en/login?next=%2Fen{path.replace('/', '%2F')}"
    assert gateway.operations() == []


@pytest.mark.parametrize("path", PRIVATE)
async def test_private_pages_are_kept_nowhere(
    browser: httpx.AsyncClient, settings: PortalSettings, path: str, gateway: Any, sign_in: Any
) -> None:
    gateway.values["me"] = {"subject": "someone", "scopes": [], "companies": []}
    await sign_in(browser, settings, "hub:oost", "fieldlab:smart-welding-factory")
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    assert all(asked["headers"]["Authorization"] == "Bearer token-of-someone" for asked in gateway.asked)


async def test_a_page_that_is_not_there_says_so_with_a_number(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/nergens")
    assert page.status_code == 404
    assert "Deze pagina bestaat niet" in page.text
    assert re.search(r"<code>[0-9a-f]{32}</code>", page.text)


async def test_reading_sets_no_cookie_and_a_form_sets_one(browser: httpx.AsyncClient) -> None:
    assert "set-cookie" not in (await browser.get("/privacy")).headers
    cookie = (await browser.get("/")).headers["set-cookie"]
    assert re.match(r"schakel=[\w.-]+; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax$", cookie)


async def test_a_need_becomes_matches_with_reasons_that_add_up(browser: httpx.AsyncClient, gateway: Any) -> None:
    await with_draft(browser, gateway)
    sent = gateway.asked[-1]
    assert sent["variables"]["input"] == {
        "text": "Wij lassen kleine series met de hand.",
        "language": "NL",
        "postcode": "7521",
    }
    assert re.fullmatch(r"[0-9a-f]{32}-createDraft", sent["headers"]["Idempotency-Key"])
    assert "Authorization" not in sent["headers"]
    page = await browser.get("/hulp/d1")
    assert gateway.asked[-1]["variables"] == {"id": "d1", "secret": "geheim"}
    assert page.text.count('<li class="match match--short"') == 3
    points = [int(each) for each in re.findall(r'<td class="number">(-?\d+)</td>', page.text)]
    assert points[:6] == [31, 23, 6, 0, -1, 59]
    assert "of er plek is, in welke sector u werkt." in page.text
    ended = page.text.split("Deze labs pasten ook, maar zijn gestopt")[1]
    assert "gestopt (2021)" in ended
    assert "hub Zuid" in ended


async def test_somebody_elses_need_is_not_there(browser: httpx.AsyncClient, gateway: Any) -> None:
    assert (await browser.get("/hulp/d1")).status_code == 404
    assert gateway.operations() == []


async def test_a_need_that_is_too_short_keeps_what_was_typed(browser: httpx.AsyncClient, gateway: Any) -> None:
    gateway.refuse("createDraft", "invalid-input", ("text", "too-short"), ("postcode", "postcode-unknown"))
    page = await fill(browser, "/", text="<b>hm</b>", postcode="0000")
    assert page.status_code == 400
    assert "<title>Fout: " in page.text
    assert '<a class="nl-link" href="#text">Vertel iets meer. Een paar zinnen is genoeg.</a>' in page.text
    assert re.search(r'id="postcode"[^>]*value="0000"[^>]*aria-describedby="postcode-hint postcode-error"', page.text)
    assert 'aria-invalid="true"' in page.text
    assert "&lt;b&gt;hm&lt;/b&gt;</textarea>" in page.text


async def test_a_form_from_elsewhere_changes_nothing(browser: httpx.AsyncClient, gateway: Any) -> None:
    page = await browser.get("/")
    sealed = {"formToken": hidden(page.text, "formToken"), "text": "Wij lassen."}
    evil = await browser.post("/", data=sealed, headers={"Origin": "https://evil.example"})
    site = await browser.post("/", data=sealed, headers={"Sec-Fetch-Site": "same-site"})
    bare = await browser.post("/", data={"text": "Wij lassen."})
    wrong = await browser.post("/", data=sealed | {"formToken": "0" * 64})
    assert [each.status_code for each in (evil, site, bare, wrong)] == [403] * 4
    assert "Deze pagina stond te lang open" in bare.text
    assert gateway.operations() == []


async def test_a_form_larger_than_any_of_ours_is_refused(browser: httpx.AsyncClient, gateway: Any) -> None:
    assert (await fill(browser, "/", text="a" * 140_000)).status_code == 413
    page = await browser.get("/")
    many = {f"f{i}": "" for i in range(200)} | {"formToken": hidden(page.text, "formToken")}
    assert (await browser.post("/", data=many)).status_code == 413
    assert gateway.operations() == []


async def test_a_gateway_that_is_down_gets_a_clear_page(browser: httpx.AsyncClient, gateway: Any) -> None:
    gateway.down = True
    page = await browser.get("/fieldlabs")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert "De gegevens zijn even niet te bereiken" in page.text
    assert (await browser.get("/")).status_code == 200


async def test_the_way_to_a_request_keeps_what_was_typed(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any
) -> None:
    await with_draft(browser, gateway)
    path = "/hulp/d1/kennismaking/robohouse"
    gone = await fill(browser, path, message="Bellen kan <altijd>.", account="new")
    assert gone.status_code == 303
    address = httpx.URL(gone.headers["location"])
    assert str(address).startswith(f"{settings.issuer}/protocol/openid-connect/auth?")
    assert address.params["prompt"] == "create"
    assert address.params["code_challenge_method"] == "S256"
    assert address.params["redirect_uri"] == "http://127.0.0.1:8400/login/callback"
    assert "Bellen kan &lt;altijd&gt;.</textarea>" in (await browser.get(path)).text


async def ready_to_ask(browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any) -> None:
    """Signed in with a need, without a company; every command succeeds."""
    session = await sign_in(browser, settings)
    assert session.signed_in
    await with_draft(browser, gateway)
    gateway.values["me"] = {"subject": "someone", "scopes": [], "companies": []}
    gateway.accept("registerCompany", company={"id": "c1", "status": "UNVERIFIED", "homeHub": "oost"})
    gateway.accept("submitChallenge", challenge={"id": "ch1"})
    gateway.accept("requestReferral", referral={"id": "r1", "version": 1})


COMPANY = {
    "kvkNumber": "01234567",
    "name": "De Vonk",
    "postcode": "7521",
    "sizeClass": "SMALL",
    "contactName": "Ans",
    "phone": "",
    "message": "Graag snel.",
}


async def test_one_form_registers_the_company_and_asks(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await ready_to_ask(browser, settings, gateway, sign_in)
    path = "/hulp/d1/kennismaking/robohouse"
    before = len(gateway.asked)
    reply = await fill(browser, path, **COMPANY)
    assert (reply.status_code, reply.headers["location"]) == (303, "/mijn/r1")
    _, company, challenge, asked = gateway.asked[before:]
    assert company["variables"]["input"] == {
        "kvkNumber": "01234567",
        "name": "De Vonk",
        "postcode": "7521",
        "sizeClass": "SMALL",
        "contact": {"name": "Ans"},
    }
    assert challenge["variables"]["input"] == {"companyId": "c1", "draftId": "d1", "draftSecret": "geheim"}
    assert challenge["headers"]["Idempotency-Key"] == "draft-d1-submitChallenge"
    assert asked["variables"]["input"] == {"challengeId": "ch1", "fieldlab": "robohouse", "message": "Graag snel."}
    assert "Verstuurd. Het lab heeft uw aanvraag." in (await browser.get("/mijn/r1")).text
    assert "Verstuurd. Het lab heeft uw aanvraag." not in (await browser.get("/mijn/r1")).text


async def test_a_double_submit_carries_the_same_keys(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await ready_to_ask(browser, settings, gateway, sign_in)
    path = "/hulp/d1/kennismaking/robohouse"
    html = (await browser.get(path)).text
    data = COMPANY | {name: hidden(html, name) for name in ("formToken", "idempotencyKey")}
    before = len(gateway.asked)
    first, second = await browser.post(path, data=data), await browser.post(path, data=data)
    assert first.headers["location"] == second.headers["location"]
    keys = [each["headers"]["Idempotency-Key"] for each in gateway.asked[before:]]
    assert keys[:3] == keys[3:]
    assert len(set(keys)) == 3


async def test_a_known_company_is_asked_to_be_joined_and_nothing_of_it_is_shown(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await ready_to_ask(browser, settings, gateway, sign_in)
    gateway.refuse("registerCompany", "company-already-registered")
    gateway.accept("askToJoinCompany", joinRequest={"accepted": True})
    path = "/hulp/d1/kennismaking/robohouse"
    page = await fill(browser, path, **COMPANY)
    assert page.status_code == 400
    assert "Dit bedrijf is al bekend" in page.text
    assert 'value="01234567"' in page.text
    assert "requestReferral" not in gateway.operations()
    sealed = {name: hidden(page.text, name) for name in ("formToken", "idempotencyKey")}
    joined = await browser.post(path, data=sealed | {"step": "join", "kvkNumber": "01234567", "contactName": "Ans"})
    assert joined.headers["location"] == "/mijn"
    assert gateway.asked[-1]["variables"]["input"] == {"kvkNumber": "01234567", "contact": {"name": "Ans"}}


async def test_seven_digits_are_said_at_the_field(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await ready_to_ask(browser, settings, gateway, sign_in)
    gateway.refuse(
        "registerCompany", "invalid-input", ("kvkNumber", "kvk-number-digits"), ("contact.name", "too-short")
    )
    page = await fill(browser, "/hulp/d1/kennismaking/robohouse", **COMPANY | {"kvkNumber": "1234567"})
    assert page.status_code == 400
    assert '<p class="utrecht-form-field-error-message" id="kvkNumber-error">' in page.text
    assert '<p class="utrecht-form-field-error-message" id="contactName-error">Vul uw naam in.</p>' in page.text
    assert 'value="1234567"' in page.text
    assert "Graag snel.</textarea>" in page.text
    assert "submitChallenge" not in gateway.operations()


async def test_the_next_read_carries_the_token_of_the_last_command(
    browser: httpx.AsyncClient, gateway: Any, as_token: Any
) -> None:
    first, second = as_token("company", 1), as_token("challenge", 1)
    gateway.accept("createDraft", first, draft={"id": "d1", "secret": "geheim"})
    await fill(browser, "/", text="Een vraag over lassen.")
    gateway.accept("createDraft", second, draft={"id": "d2", "secret": "geheim"})
    await fill(browser, "/", text="Nog een vraag over lassen.")
    await browser.get("/hulp/d2")
    read_after = gateway.asked[-1]["headers"]["Read-After"]
    assert as_token.kinds(read_after) == ["company", "challenge"]


async def test_a_fieldlab_answers_with_the_version_it_saw(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    page = (await browser.get("/mijn/r1")).text
    assert "Aanvraag van Lasbedrijf De Vonk" in page
    assert "074 123 45 67" in page
    gateway.accept("acceptReferral", referral={"id": "r1", "version": 2})
    reply = await fill(browser, "/mijn/r1", action="accept", message="Welkom", version=hidden(page, "version"))
    assert (reply.status_code, reply.headers["location"]) == (303, "/mijn/r1")
    assert gateway.asked[-1]["variables"]["input"] == {"referralId": "r1", "message": "Welkom", "ifVersion": 1}


async def test_a_refusal_needs_a_reason(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    page = await fill(browser, "/mijn/r1", action="decline", message="Helaas", version="1")
    assert page.status_code == 400
    assert '<a class="nl-link" href="#decline-reason">Kies een reden.</a>' in page.text
    assert "declineReferral" not in gateway.operations()


async def test_a_stale_form_says_so_and_shows_how_it_stands(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "fieldlab:smart-welding-factory")
    gateway.refuse("acceptReferral", "stale-version")
    page = await fill(browser, "/mijn/r1", action="accept", message="Welkom", version="1")
    assert page.status_code == 400
    assert "Iemand heeft dit net veranderd." in page.text
    assert "Welkom</textarea>" in page.text


async def test_the_browser_that_looks_for_news_gets_none_or_the_new_state(
    browser: httpx.AsyncClient, settings: PortalSettings, sign_in: Any
) -> None:
    await sign_in(browser, settings)
    same = await browser.get("/mijn/r1/stand?versie=1")
    assert (same.status_code, same.content) == (204, b"")
    newer = await browser.get("/mijn/r1/stand?versie=0")
    assert newer.status_code == 200
    assert newer.headers["etag"] == '"1"'
    assert newer.text.lstrip().startswith('<section class="state"')


async def test_a_desk_confirms_a_company_and_takes_somebody_off_the_list(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    page = (await browser.get("/loket/oost")).text
    assert 'class="late">20 november 2026' in page
    gateway.accept("verifyCompany", company={"id": "c1", "version": 3})
    await fill(browser, "/loket/oost", action="verify", companyId="c1", version="2")
    assert gateway.asked[-1]["variables"]["input"] == {"companyId": "c1", "ifVersion": 2}
    gateway.accept("finishCallBack", callBack={"accepted": True})
    await fill(browser, "/loket/oost", action="called", callBackId="b1")
    assert gateway.asked[-1]["variables"]["input"] == {"callBackId": "b1"}
    assert "Gebeld. Het nummer is gewist." in (await browser.get("/loket/oost")).text


async def test_an_activity_is_planned_in_the_time_of_the_netherlands(
    browser: httpx.AsyncClient, settings: PortalSettings, gateway: Any, sign_in: Any
) -> None:
    await sign_in(browser, settings, "hub:oost")
    gateway.accept("planActivity", activity={"id": "a1", "slug": "open-dag"})
    reply = await fill(
        browser,
        "/agenda/nieuw",
        organiser="hub:oost",
        titleNl="Open dag",
        summaryNl="Kom kijken.",
        startsAt="2026-12-10T14:00",
        mode="ON_SITE",
        place="Enschede",
        capacity="12",
    )
    assert reply.headers["location"] == "/agenda/open-dag"
    assert gateway.asked[-1]["variables"]["input"] == {
        "organiser": "hub:oost",
        "titleNl": "Open dag",
        "titleEn": "Open dag",
        "summaryNl": "Kom kijken.",
        "summaryEn": "Kom kijken.",
        "startsAt": "2026-12-10T14:00:00+01:00",
        "mode": "ON_SITE",
        "place": "Enschede",
        "capacity": 12,
    }


async def test_figures_of_a_past_day_are_asked_for_and_unknown_is_no_zero(
    browser: httpx.AsyncClient, gateway: Any
) -> None:
    page = (await browser.get("/cijfers?op=2026-01-31")).text
    assert gateway.asked[-1]["variables"] == {"asOf": "2026-01-31", "region": None}
    assert "Wij tellen dit sinds 1 november 2026." in page
    assert "Te weinig om te laten zien" in page
    assert "Positie 42" in page
    wrong = await browser.get("/cijfers?op=gisteren")
    assert "Kies een dag, bijvoorbeeld 2026-01-31." in wrong.text
    assert gateway.asked[-1]["variables"] == {"asOf": None, "region": None}


async def test_files_are_kept_and_pages_name_their_version(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/")).text
    address = re.search(r'href="(/static/schakel.css\?v=[0-9a-f]{12})"', page)
    assert address
    file = await browser.get(address[1])
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-type"] == "text/css; charset=utf-8"
    assert (await browser.get("/static/../settings.py")).status_code == 404
    assert (await browser.get("/static/vendor/README.md")).status_code == 404
