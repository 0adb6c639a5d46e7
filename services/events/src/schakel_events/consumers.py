"""What events keeps of others: companies (where a registration counts) and fieldlabs (where what they own counts)."""

from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_common.clock import Clock
from schakel_common.consumers import Event, Subscription
from schakel_contracts.companies import CompanyState
from schakel_contracts.topics import COMPANIES, FIELDLABS
from schakel_events.commands.registrations import erase_registrations


def subscriptions(clock: Clock) -> Sequence[Subscription]:
    """Return what this service listens to."""

    async def erase_registrations_on_company_erased(session: AsyncSession, event: Event) -> None:
        """Keep the last state of a company, and erase its registrations with it."""
        state = event.state
        if await replica.apply(session, event) and isinstance(state, CompanyState) and state.status == "erased":
            await erase_registrations(session, state.id, clock)

    async def keep_copy_on_fieldlab_changed(session: AsyncSession, event: Event) -> None:
        """Keep the last state of a fieldlab."""
        await replica.apply(session, event)

    return (
        Subscription("companies", [COMPANIES], erase_registrations_on_company_erased),
        Subscription("fieldlabs", [FIELDLABS], keep_copy_on_fieldlab_changed),
    )
