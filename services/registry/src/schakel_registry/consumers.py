"""What the registry keeps of others: the referrals, because a fieldlab that was asked may know who asks."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common import replica
from schakel_common.consumers import Event, Subscription
from schakel_contracts.topics import REFERRALS


async def keep_copy_on_referral_changed(session: AsyncSession, event: Event) -> None:
    """Keep the last state of a referral."""
    await replica.apply(session, event)


SUBSCRIPTIONS: Final = (Subscription("referrals", [REFERRALS], keep_copy_on_referral_changed),)
