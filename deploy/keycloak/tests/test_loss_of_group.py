"""Who loses a group loses its access within five minutes: with the next token, and no token lives longer."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schakel_common.auth import LEEWAY_SECONDS, REMEMBERED_SECONDS, TokenVerifier
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings

pytestmark = pytest.mark.keycloak

CLIENT = "schakel-tests"
FIVE_MINUTES = 300


class Time:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


async def tokens(http: httpx.AsyncClient, issuer: str, **form: str) -> dict[str, Any]:
    reply = await http.post(f"{issuer}/protocol/openid-connect/token", data={"client_id": CLIENT, **form})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_a_group_that_is_taken_away_ends_access_within_five_minutes(
    own_realm: Any, http: httpx.AsyncClient
) -> None:
    clock = Time()
    settings = ServiceSettings(database_url="", issuer=own_realm.issuer, allowed_clients=[CLIENT])
    verifier = TokenVerifier(settings, now=clock)
    who = {"grant_type": "password", "username": "hub@demo.example", "password": "schakel-demo"}
    first = await tokens(http, own_realm.issuer, **who)
    before = await verifier.verify(first["access_token"])
    (scope,) = [each for each in before.scopes if each.startswith("hub:")]
    user = own_realm.admin.get_user_id("hub@demo.example")
    (group,) = [each["id"] for each in own_realm.admin.get_user_groups(user) if each["path"].startswith("/hub/")]

    own_realm.admin.group_user_remove(user, group)
    try:
        again = await tokens(http, own_realm.issuer, grant_type="refresh_token", refresh_token=first["refresh_token"])
        after = await verifier.verify(again["access_token"])

        assert not after.has(scope), "the next token does not name the group"
        assert first["expires_in"] == 240
        assert first["expires_in"] + LEEWAY_SECONDS < FIVE_MINUTES
        assert REMEMBERED_SECONDS < FIVE_MINUTES
        clock.now += first["expires_in"] + LEEWAY_SECONDS + 1
        with pytest.raises(Problem) as refused:
            await verifier.verify(first["access_token"])
        assert refused.value.slug == "token-refused", "and the old token is over, also where it was checked before"
    finally:
        own_realm.admin.group_user_add(user, group)
