"""How often one client may ask, so that nobody takes the gateway from the others (`docs/adr/0044`).

Counted per process and in memory, with room for so many clients that forgetting one takes a flood of others.
"""

import ipaddress
import math
from typing import Final, Literal

from throttled.asyncio import MemoryStore, RateLimiterType, Throttled, rate_limiter

from schakel_common.problems import Problem
from schakel_gateway.settings import GatewaySettings

Kind = Literal["anonymous", "signed-in", "anonymous-command"]

CLIENTS_MAX: Final = 50_000
IPV6_NETWORK_BITS: Final = 64
"""One household or office has that much; a single address of it says nothing."""


class Limits:
    """The limits of one process.

    Args:
        settings: how many requests a minute each kind of client may send; 0 is no limit.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        store = MemoryStore(options={"MAX_SIZE": CLIENTS_MAX})
        per_minute: dict[Kind, int] = {
            "anonymous": settings.anonymous_per_minute,
            "signed-in": settings.signed_in_per_minute,
            "anonymous-command": settings.anonymous_commands_per_minute,
        }
        self._throttles = {
            kind: Throttled(
                using=RateLimiterType.GCRA.value, quota=rate_limiter.per_min(limit, burst=limit), store=store
            )
            for kind, limit in per_minute.items()
            if limit
        }

    async def take(self, kind: Kind, client: str) -> None:
        """Count one request of a client.

        Args:
            kind: which limit.
            client: who: a subject, or `client_of` an address.

        Raises:
            Problem: ``too-many-requests``, with the seconds until the next one may come.
        """
        throttle = self._throttles.get(kind)
        if throttle is None:
            return
        result = await throttle.limit(f"{kind}:{client}")
        if result.limited:
            raise Problem("too-many-requests", retry_after_seconds=max(1, math.ceil(result.state.retry_after)))


def client_of(address: str) -> str:
    """Return whom an address stands for: itself, or of IPv6 its network; what is no address counts as one client."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4 or parsed.ipv4_mapped:  # noqa: PLR2004 - the version of IP
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
