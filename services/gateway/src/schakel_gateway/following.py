"""The subscription: newer versions of the caller's introductions, until its token ends."""

import base64
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

import orjson

from schakel_common.problems import Problem
from schakel_gateway.positions import happened
from schakel_gateway.reads.matching import newer_referrals, position_now

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation

IDLE_SECONDS: Final = 5.0
"""A notification is a hint: without one the view, and the token, are looked at again this often."""


async def follow(operation: "Operation", after: int | None) -> AsyncGenerator[Any, None]:
    """Yield each introduction of the caller's companies that has a newer version, in a snapshot of its own.

    Args:
        operation: the subscription.
        after: the position of an earlier answer; None means from now on. Nothing between the two is missed, though of
            several versions at once only the newest is sent.

    It ends without an error when the token ends, and with ``token-refused`` when the token is no good any more.
    """
    principal = operation.principal
    if principal is None:
        raise Problem("not-signed-in")
    ends_at = expiry_of(principal.token)
    position = await operation.in_snapshot(position_now) if after is None else after
    while (left := ends_at - time.time()) > 0:
        await operation.gateway.verifier.verify(principal.token)
        moved = operation.gateway.positions.moved()
        newest, referrals = await operation.in_snapshot(newer_referrals(position))
        for referral in referrals:
            yield referral
        position = newest
        if not referrals:
            await happened(moved, min(left, IDLE_SECONDS))


def expiry_of(token: str) -> float:
    """Return when a verified token ends, in seconds since 1970."""
    payload = token.split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return float(claims["exp"])
