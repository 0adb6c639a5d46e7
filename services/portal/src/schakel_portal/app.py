"""The one place where the portal is put together: settings to a running application."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from schakel_common.clock import Clock, SystemClock
from schakel_common.database import POOLED_FAILURES, Database
from schakel_common.migrations import ensure_migrated
from schakel_common.problems import Problem
from schakel_common.serve import Parts, ServiceDefinition
from schakel_portal import assets
from schakel_portal.edge import Edge, endpoint
from schakel_portal.graphql import Gateway
from schakel_portal.login import IdentityProvider, keys_of
from schakel_portal.pages import (
    about,
    account,
    desks,
    explaining,
    fieldlabs,
    figures,
    introduction,
    judging,
    need,
    opportunities,
    profile,
    publishing,
    requests,
)
from schakel_portal.security import Seals
from schakel_portal.sessions import Sessions
from schakel_portal.settings import PACKAGE, PortalSettings
from schakel_portal.web import Handler, Portal, environment

MIGRATIONS: Final = PACKAGE / "migrations"
_FORGET_EVERY_SECONDS: Final = 3600

PAGES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/", need.show_home),
    ("POST", "/", need.create_draft),
    ("GET", "/hulp/{draft}", need.show_matches),
    ("POST", "/hulp/{draft}", need.correct_need),
    ("GET", "/hulp/{draft}/waarom", explaining.show_why_of_draft),
    ("GET", "/hulp/{draft}/kennismaking/{fieldlab}", introduction.show_introduction),
    ("POST", "/hulp/{draft}/kennismaking/{fieldlab}", introduction.post_introduction),
    ("GET", "/bel-mij", need.show_call_back),
    ("POST", "/bel-mij", need.request_call_back),
    ("GET", "/bel-mij/gelukt", need.show_call_back_taken),
    ("GET", "/fieldlabs", fieldlabs.show_fieldlabs),
    ("GET", "/fieldlabs/{slug}", fieldlabs.show_fieldlab),
    ("GET", "/mijn", requests.show_mine),
    ("POST", "/mijn", requests.accept_member),
    ("GET", "/mijn/{referral}", requests.show_request),
    ("POST", "/mijn/{referral}", requests.post_request),
    ("GET", "/mijn/{referral}/stand", requests.show_request_state),
    ("GET", "/mijn/vraag/{challenge}", judging.show_own_need),
    ("POST", "/mijn/vraag/{challenge}", judging.post_own_need),
    ("GET", "/loket/{hub}", desks.show_hub_desk),
    ("POST", "/loket/{hub}", desks.post_hub_desk),
    ("GET", "/loket/{hub}/vraag/{challenge}", judging.show_need_at_desk),
    ("POST", "/loket/{hub}/vraag/{challenge}", judging.post_judgement),
    ("GET", "/loket/{hub}/kansen", opportunities.show_hub_opportunities),
    ("GET", "/fieldlab/{slug}/kansen", opportunities.show_fieldlab_opportunities),
    ("GET", "/mijn/vraag/{challenge}/waarom", explaining.show_why_of_own_need),
    ("GET", "/loket/{hub}/vraag/{challenge}/waarom", explaining.show_why_at_desk),
    ("GET", "/fieldlab/{slug}/gevonden", explaining.show_coaching),
    ("GET", "/fieldlab/{slug}/gegevens", profile.show_profile),
    ("POST", "/fieldlab/{slug}/gegevens", profile.post_profile),
    ("GET", "/fieldlab/{slug}/aanvragen", desks.show_inbox),
    ("POST", "/fieldlab/{slug}/aanvragen", desks.post_inbox),
    ("GET", "/agenda", publishing.show_activities),
    ("GET", "/agenda/nieuw", publishing.show_activity_form),
    ("POST", "/agenda/nieuw", publishing.plan_activity),
    ("GET", "/agenda/{slug}", publishing.show_activity),
    ("POST", "/agenda/{slug}", publishing.post_activity),
    ("GET", "/verhalen", publishing.show_cases),
    ("GET", "/verhalen/nieuw", publishing.show_case_form),
    ("POST", "/verhalen/nieuw", publishing.publish_case),
    ("GET", "/verhalen/{slug}", publishing.show_case),
    ("GET", "/cijfers", figures.show_figures),
    ("GET", "/login", account.login),
    ("GET", "/login/callback", account.finish_login),
    ("POST", "/logout", account.logout),
    ("GET", "/toegankelijkheid", about.show_accessibility),
    ("GET", "/privacy", about.show_privacy),
    ("GET", "/{missing:path}", about.show_missing),
    ("POST", "/{missing:path}", about.show_missing),
)
"""Every page: all of them exist in Dutch at this address and in English below ``/en``."""


def build(settings: PortalSettings, *, clock: Clock | None = None) -> Parts:
    """Put the portal together; nothing is opened before the application starts."""
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=True) as http:
            portal = portal_of(settings, database, http, clock or SystemClock())
            app.router.routes.extend(routes_of(portal))
            forgetting = asyncio.create_task(_forget_expired(portal.sessions))
            yield
            forgetting.cancel()
            with suppress(asyncio.CancelledError):
                await forgetting

    app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.add_middleware(Edge, settings=settings)
    return Parts(app=app, database=database)


def portal_of(settings: PortalSettings, database: Database, http: aiohttp.ClientSession, clock: Clock) -> Portal:
    """Return the parts that every page uses."""
    return Portal(
        settings=settings,
        gateway=Gateway(settings, http),
        sessions=Sessions(database, settings, clock),
        identity=IdentityProvider(settings, http, keys_of(settings, time.monotonic), clock),
        seals=Seals(settings.session_key),
        templates=environment(),
        clock=clock,
        database=database,
    )


def routes_of(portal: Portal) -> list[Route]:
    """Return all addresses: health, files, back-channel logout, and the pages."""

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live", headers={"Cache-Control": "no-store"})

    async def ready(_request: Request) -> Response:
        try:
            await ensure_migrated(portal.database, MIGRATIONS)
        except (Problem, *POOLED_FAILURES):
            return PlainTextResponse("the database is not ready", 503, headers={"Cache-Control": "no-store"})
        return PlainTextResponse("ready", headers={"Cache-Control": "no-store"})

    async def logout_elsewhere(request: Request) -> Response:
        return await account.end_from_elsewhere(portal, request)

    async def security_txt(_request: Request) -> Response:
        return about.security_txt(settings=portal.settings, now=portal.clock.now())

    return [
        Route("/.well-known/security.txt", security_txt),
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/static/{name:path}", assets.serve_file),
        Route("/backchannel-logout", logout_elsewhere, methods=["POST"]),
        *(Route(path, endpoint(portal, handler), methods=[method]) for method, path, handler in PAGES),
    ]


async def _forget_expired(sessions: Sessions) -> None:
    while True:
        with suppress(*POOLED_FAILURES):
            await sessions.forget_expired()
        await asyncio.sleep(_FORGET_EVERY_SECONDS)


PORTAL: Final = ServiceDefinition(name="portal", settings=PortalSettings, migrations=MIGRATIONS, build=build)
