"""Events in: keep a copy, then call the command that follows from it. No rule and no SQL here."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common import replica
from schakel_common.clock import Clock
from schakel_common.consumers import Subscription
from schakel_common.event import Event
from schakel_contracts.companies import CompanyState
from schakel_contracts.topics import COMPANIES, FIELDLABS, HUBS
from schakel_matching.commands.following import erase_company, rematch_challenges
from schakel_matching.recommender import Recommender


async def rematch_challenges_on_fieldlab_described(
    session: AsyncSession, event: Event, *, clock: Clock, recommender: Recommender
) -> None:
    """Keep the fieldlab, whatever happened to it, and match the open needs again."""
    if await replica.apply(session, event):
        await rematch_challenges(session, clock, recommender)


async def erase_texts_on_company_erased(session: AsyncSession, event: Event) -> None:
    """Keep the company; when it was erased, delete its texts."""
    applied = await replica.apply(session, event)
    if applied and isinstance(event.state, CompanyState) and event.state.status == "erased":
        await erase_company(session, event.state.id, event.envelope.effective_at)


async def keep_copy_on_hub_described(session: AsyncSession, event: Event) -> None:
    """Keep the hub, so that a consistency token which names one can be waited for."""
    await replica.apply(session, event)


def subscriptions(clock: Clock, recommender: Recommender) -> tuple[Subscription, ...]:
    """Return what matching listens to."""
    rematch = partial(rematch_challenges_on_fieldlab_described, clock=clock, recommender=recommender)
    return (
        Subscription("fieldlabs", [FIELDLABS], rematch),
        Subscription("companies", [COMPANIES], erase_texts_on_company_erased),
        Subscription("hubs", [HUBS], keep_copy_on_hub_described),
    )
