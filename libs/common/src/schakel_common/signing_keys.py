"""The realm's public keys: cached, fetched at most every ten seconds by one at a time, kept while Keycloak is down."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeGuard

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from schakel_common.problems import Problem

FETCH_EVERY_SECONDS: Final = 10.0
"""A flood of tokens with invented key ids causes one fetch in this time."""
FRESH_SECONDS: Final = 230.0
"""After this the keys are fetched again beside the requests: a withdrawn key is refused within five minutes, with the
minute that a checked token is remembered."""
RSA_BITS_MIN: Final = 2048

FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]

_logger = logging.getLogger(__name__)


class SigningKeys:
    """The keys of one issuer.

    Args:
        fetch: gets the JWKS document (RFC 7517); any error of I/O or form leaves the known keys as they are.
        monotonic: seconds that never run back.
    """

    def __init__(self, fetch: FetchKeys, monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, RSAKey | ECKey] = {}
        self._tried_at = -math.inf
        self._fetched_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> RSAKey | ECKey | None:
        """Return the key with this id, None when the issuer has none such.

        Raises:
            Problem: ``unavailable`` when no key is known at all because the issuer does not answer.
        """
        key = self._keys.get(kid)
        if key is None:
            await self._refreshed()
            key = self._keys.get(kid)
        elif self._monotonic() - self._fetched_at > FRESH_SECONDS:
            self._refresh()
        if key is None and not self._keys:
            raise Problem("unavailable", "sign-in cannot be checked just now", retry_after_seconds=5)
        return key

    async def _refreshed(self) -> None:
        task = self._refresh()
        if task is not None:
            await asyncio.shield(task)

    def _refresh(self) -> asyncio.Task[None] | None:
        if self._fetching is None and self._monotonic() - self._tried_at >= FETCH_EVERY_SECONDS:
            self._tried_at = self._monotonic()
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            keys = signing_keys_of(await self._fetch())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError, KeyError, JoseError) as error:
            _logger.warning("the keys of the issuer could not be fetched: %s", type(error).__name__)
        else:
            self._keys = keys
            self._fetched_at = self._monotonic()
        finally:
            self._fetching = None


def signing_keys_of(document: Mapping[str, Any]) -> dict[str, RSAKey | ECKey]:
    """Return the keys of a JWKS document that may sign tokens here: RSA from 2,048 bits, and EC P-256."""
    signing = [key for key in document["keys"] if key.get("kty") in {"RSA", "EC"} and key.get("use", "sig") == "sig"]
    if not signing:
        raise ValueError("the key set has no signing key")
    return {key.kid: key for key in KeySet.import_key_set({"keys": signing}).keys if _is_strong(key) and key.kid}


def _is_strong(key: object) -> TypeGuard[RSAKey | ECKey]:
    if isinstance(key, RSAKey):
        return key.public_key.key_size >= RSA_BITS_MIN
    return isinstance(key, ECKey) and key.curve_name == "P-256"
