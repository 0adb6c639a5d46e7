"""Somebody wants to be called: the desk of the hub of the postcode does it. Anonymous, without events."""

from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import FieldError, Problem
from schakel_contracts.places import NATIONAL, UNASSIGNED
from schakel_matching.commands._announce import refuse
from schakel_matching.commands.drafts import postcode_errors
from schakel_matching.engine.places import place_of
from schakel_matching.queries import draft_of
from schakel_matching.reference_data import ReferenceData
from schakel_matching.tables import CallBackRow

Phone = Annotated[str, Field(max_length=40, pattern=r"^\+?[0-9][0-9 ()-]{5,}$")]


class RequestCallBack(ApiModel):
    """Whom to call and when; with the draft, so that the caller knows what it is about."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    phone: Phone
    when: Annotated[str, Field(min_length=1, max_length=200)]
    draft_id: UUID | None = None
    draft_secret: str | None = Field(default=None, max_length=200)
    postcode: str | None = Field(default=None, max_length=20)


def desk_scope(hub: str) -> str:
    """Return the scope of the desk that calls: the hub's, or the programme office's where no hub is known."""
    return NATIONAL if hub == NATIONAL else f"hub:{hub}"


async def request_call_back(
    session: AsyncSession, command: RequestCallBack, clock: Clock, reference: ReferenceData
) -> Changed:
    """Put somebody on the list of the hub of the postcode; without one on that of the programme office.

    Raises:
        Problem: ``invalid-input`` with the codes ``postcode-unknown`` and ``required``; ``not-found`` for a draft that
            is not there or a wrong secret.
    """
    refuse(postcode_errors(command.postcode, reference))
    if command.draft_id is not None and not command.draft_secret:
        refuse([FieldError("draftSecret", "Send the draft's secret with its id.", "required")])
    draft = (
        await draft_of(session, command.draft_id, command.draft_secret or "") if command.draft_id is not None else None
    )
    place = place_of(reference.places, command.postcode or (draft.postcode4 if draft else None))
    hub = place.hub if place else UNASSIGNED
    row = CallBackRow(
        id=uuid4(),
        draft_id=draft.id if draft else None,
        name=command.name,
        phone=command.phone,
        when=command.when,
        postcode4=place.postcode4 if place else None,
        hub=NATIONAL if hub == UNASSIGNED else hub,
        created_at=clock.now(),
    )
    session.add(row)
    return Changed(body={"accepted": True}, status=202, concerns=[row.id])


async def finish_call_back(session: AsyncSession, principal: Principal, call_back_id: UUID, clock: Clock) -> Changed:
    """Take somebody off the list: the call was made.

    Raises:
        Problem: ``not-found``, the same for one of another desk; ``already-answered``.
    """
    row = await session.get(CallBackRow, call_back_id, with_for_update=True)
    if row is None or not principal.has(desk_scope(row.hub)):
        raise Problem("not-found")
    if row.done_at is not None:
        raise Problem("already-answered")
    row.done_at = clock.now()
    session.add(row)
    return Changed(body={"accepted": True}, concerns=[row.id])
