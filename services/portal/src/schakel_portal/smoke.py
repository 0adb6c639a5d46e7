"""``python -m schakel_portal.smoke``: asks a running installation whether it works; reads only, needs no account.

``helm test`` runs it inside the cluster. It prints a line per question; the exit code is 0 when all were answered well.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import aiohttp

SECONDS_MAX: Final = 15

Question = Callable[[aiohttp.ClientSession, argparse.Namespace], Awaitable[str]]
"""Asks one thing; returns what is wrong, or an empty string."""


async def portal_is_ready(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """The portal's own database is at the schema it needs."""
    return await _status(http, f"{at.portal}/readyz", 200)


async def gateway_is_ready(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """The gateway has its view."""
    return await _status(http, f"{at.gateway}/readyz", 200)


async def home_is_shown_in_both_languages(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """Dutch at /, English below /en, and neither may be framed."""
    for path, language in (("/", "nl"), ("/en/", "en")):
        async with http.get(f"{at.portal}{path}", headers=_seen_as(at)) as answer:
            page = await answer.text()
            if answer.status != 200 or f'lang="{language}"' not in page:  # noqa: PLR2004 - HTTP's OK
                return f"{path} answers {answer.status} and is not in {language}"
            if "frame-ancestors 'none'" not in answer.headers.get("Content-Security-Policy", ""):
                return f"{path} may be framed"
    return ""


async def fieldlabs_come_from_the_gateway(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """A public page that needs the view."""
    return await _status(http, f"{at.portal}/fieldlabs", 200, _seen_as(at))


async def graphql_answers(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """Anyone may ask a public question."""
    async with http.post(f"{at.gateway}/graphql", json={"query": "{ __typename }"}) as answer:
        body = await answer.json()
        return "" if body.get("data") == {"__typename": "Query"} else f"GraphQL answers {answer.status}: {body}"


async def a_forged_token_is_refused(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """Tokens are checked at all."""
    forged = {"Authorization": "Bearer e30.e30.e30"}
    async with http.post(f"{at.gateway}/graphql", json={"query": "{ __typename }"}, headers=forged) as answer:
        return "" if answer.status == 401 else f"a forged token is answered with {answer.status}"  # noqa: PLR2004 - unauthorized


async def sign_in_leads_to_the_issuer(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """Code flow with PKCE, at the right realm."""
    async with http.get(f"{at.portal}/login", headers=_seen_as(at), allow_redirects=False) as answer:
        to = answer.headers.get("Location", "")
        if not to.startswith(f"{at.issuer}/"):
            return f"sign-in answers {answer.status} and leads to {to or 'nowhere'}, not to {at.issuer}"
        return "" if parse_qs(urlsplit(to).query).get("code_challenge_method") == ["S256"] else "sign-in without PKCE"


async def nothing_is_found_where_nothing_is(http: aiohttp.ClientSession, at: argparse.Namespace) -> str:
    """A page of its own for an address that is none."""
    return await _status(http, f"{at.portal}/there-is-nothing-here", 404, _seen_as(at))


QUESTIONS: Final[Sequence[Question]] = (
    portal_is_ready,
    gateway_is_ready,
    home_is_shown_in_both_languages,
    fieldlabs_come_from_the_gateway,
    graphql_answers,
    a_forged_token_is_refused,
    sign_in_leads_to_the_issuer,
    nothing_is_found_where_nothing_is,
)


def _seen_as(at: argparse.Namespace) -> dict[str, str]:
    public = urlsplit(at.public_url)
    return {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}


async def _status(http: aiohttp.ClientSession, url: str, expected: int, headers: dict[str, str] | None = None) -> str:
    async with http.get(url, headers=headers) as answer:
        return "" if answer.status == expected else f"{url} answers {answer.status} instead of {expected}"


async def ask(at: argparse.Namespace) -> int:
    """Ask every question; return how many were not answered well."""
    failed = 0
    timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        for question in QUESTIONS:
            try:
                wrong = await question(http, at)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                wrong = f"{type(error).__name__}: {error}"
            failed += bool(wrong)
            sys.stdout.write(f"{'wrong' if wrong else 'ok   '} {question.__name__.replace('_', ' ')}  {wrong}\n")
    sys.stdout.write(f"{len(QUESTIONS) - failed} passed, {failed} failed\n")
    return failed


def main(argv: Sequence[str]) -> int:
    """Run the suite; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m schakel_portal.smoke", description=__doc__)
    parser.add_argument("--portal", required=True, help="address of the portal as reached from here")
    parser.add_argument("--gateway", required=True, help="address of the gateway as reached from here")
    parser.add_argument("--public-url", required=True, help="address that browsers see")
    parser.add_argument("--issuer", required=True, help="address of the realm")
    return 1 if asyncio.run(ask(parser.parse_args(argv))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
