"""An adviser's judgement of a slate, and the company's consent to show its need: neither changes a score."""

from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed, check_version
from schakel_common.problems import FieldError, Problem
from schakel_matching.commands._announce import announce_challenge, changed, refuse
from schakel_matching.model import JUDGEMENTS_MAX, Standing, judged, judging_error
from schakel_matching.permissions import Doing, demand
from schakel_matching.queries import challenge_roles, fieldlab_of, newest_judgement
from schakel_matching.tables import ChallengeRow, JudgementRow, JudgingStep, slate_of


class JudgeFieldlab(ApiModel):
    """What an adviser says of a fieldlab, and why; the company reads the reason."""

    fieldlab: Annotated[str, Field(min_length=1, max_length=80)]
    action: JudgingStep
    reason: Annotated[str, Field(min_length=10, max_length=500)]


class Share(ApiModel):
    """Whether fieldlabs and hubs that a need may suit see it, without a name."""

    shared: bool


async def judge_fieldlab(
    session: AsyncSession,
    principal: Principal,
    challenge_id: UUID,
    command: JudgeFieldlab,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """Add, pin or drop a fieldlab beside the slate, or take such a judgement back. No score and no rank moves.

    Raises:
        Problem: ``not-found`` for the need; ``forbidden``; ``stale-version``; ``conflict`` when it is not open;
            ``already-answered`` when the same was said before; ``fieldlab-ended`` for one that is added or pinned;
            ``invalid-input`` at ``fieldlab`` with the codes ``fieldlab-unknown``, ``in-slate``, ``not-in-slate``,
            ``not-judged``, ``too-many``.
    """
    row = await _open_challenge(session, principal, challenge_id, "judge_slate", if_version)
    slate = slate_of(row)
    match = next((each for each in slate.matches if each.slug == command.fieldlab), None) if slate else None
    standing = Standing(in_slate=match is not None, judged=_standing(row, command.fieldlab))
    await _check(session, row, command, standing)
    row.judgements = judged(row.judgements, command.fieldlab, command.action, _speaks_for(principal, row))
    now = clock.now()
    reference = await announce_challenge(session, row, "judged", now)
    session.add(
        JudgementRow(
            challenge_id=row.id,
            challenge_version=row.version,
            fieldlab=command.fieldlab,
            action=command.action,
            reason=command.reason,
            hub=_speaks_for(principal, row),
            at=now,
            model=slate.model if slate else "",
            rank=match.rank if match else None,
            score=match.score if match else None,
        )
    )
    return changed(row, [reference])


async def share_challenge(
    session: AsyncSession,
    principal: Principal,
    challenge_id: UUID,
    command: Share,
    clock: Clock,
    *,
    if_version: int | None = None,
) -> Changed:
    """Give or withdraw the consent to show a need; what stands already is no change.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``conflict`` when it is not open.
    """
    row = await _open_challenge(session, principal, challenge_id, "share_challenge", if_version)
    if row.shared == command.shared:
        return changed(row, [])
    row.shared = command.shared
    return changed(row, [await announce_challenge(session, row, "consent-changed", clock.now())])


async def _open_challenge(
    session: AsyncSession, principal: Principal, challenge_id: UUID, doing: Doing, if_version: int | None
) -> ChallengeRow:
    row = await session.get(ChallengeRow, challenge_id, with_for_update=True)
    if row is None:
        raise Problem("not-found")
    demand(doing, await challenge_roles(session, principal, row))
    if if_version is not None:
        check_version(if_version, row.version)
    if row.status != "open":
        raise Problem("conflict", f"This need is {row.status}.")
    return row


async def _check(session: AsyncSession, row: ChallengeRow, command: JudgeFieldlab, standing: Standing) -> None:
    fieldlab = await fieldlab_of(session, command.fieldlab)
    if fieldlab is None or not fieldlab.published:
        refuse([FieldError("fieldlab", "There is no fieldlab with this slug.", "fieldlab-unknown")])
    elif fieldlab.status == "ended" and command.action in {"add", "pin"}:
        raise Problem("fieldlab-ended", extra={"successor": fieldlab.succeeded_by})
    newest = await newest_judgement(session, row.id, command.fieldlab)
    if newest is not None and (newest.action, newest.reason) == (command.action, command.reason):
        raise Problem("already-answered", "This was said of this fieldlab before.")
    error = judging_error(command.action, standing)
    if error is not None:
        refuse([error])
    if standing.judged is None and len(row.judgements) >= JUDGEMENTS_MAX:
        message = f"Take one back first: there are {JUDGEMENTS_MAX} already."
        refuse([FieldError("fieldlab", message, "too-many")])


def _standing(row: ChallengeRow, fieldlab: str) -> str | None:
    return next((each["action"] for each in row.judgements if each["fieldlab"] == fieldlab), None)


def _speaks_for(principal: Principal, row: ChallengeRow) -> str:
    """Return as which hub the adviser speaks; of both, the company's own."""
    return row.home_hub if principal.has(f"hub:{row.home_hub}") else row.routed_hub
