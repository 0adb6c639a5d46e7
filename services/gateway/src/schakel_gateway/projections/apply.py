"""Taking a batch in: one read of what it touches, a fold, and one statement in which everything moves together.

Nothing is locked while the fold is made. The statement does nothing unless offsets and position are still those that
were read, so a batch that somebody overtook is read again, and a projector that lost its place finds out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from schakel_common.barriers import barrier
from schakel_contracts.companies import CompanyState
from schakel_contracts.referrals import ReferralState
from schakel_gateway.ledger.steps import Version
from schakel_gateway.ledger.store import (
    GROUPED_KINDS,
    Difference,
    Stored,
    StoredLine,
    Subject,
    additive_of,
    difference,
    groups_of,
    read_stored,
)
from schakel_gateway.projections.incoming import Dead, Incoming
from schakel_gateway.projections.write import Change, Halt, Move, Written, write

if TYPE_CHECKING:
    from asyncpg import Connection

FIRST_EPOCH: Final = 1


class ZombieError(Exception):
    """Another projector has moved the offsets on: this one must let go."""


class Batch(msgspec.Struct, frozen=True):
    """What is taken in at once.

    Attributes:
        moves: the partitions that were read.
        events: in the order of each partition.
        dead: what was no event.
        complete_until: service to the instant of its newest heartbeat that these offsets satisfy.
        cluster_id: of the broker that the records came from.
    """

    moves: Sequence[Move]
    events: Sequence[Incoming]
    dead: Sequence[Dead] = ()
    complete_until: Mapping[str, datetime] = {}
    cluster_id: str = ""


class Applied(msgspec.Struct, frozen=True):
    """What a batch did: the position after it, and how many versions were new and how many wait for an earlier one."""

    position: int
    new: int
    halted: int


async def apply(connection: "Connection[Any]", schema: str, batch: Batch) -> Applied:
    """Take a batch in, or nothing of it.

    Args:
        connection: the projector's own; it has no transaction open.
        schema: the view to fill.
        batch: what was read since the stored offsets. What it repeats changes nothing.

    Raises:
        ZombieError: the stored offsets are not where this batch begins.
    """
    await barrier("projector.before_apply")
    while True:
        stored = await _stored(connection, schema, batch.events)
        accepted, halts = _without_gaps(stored, batch.events)
        change = _change(batch, stored, accepted, halts)
        await barrier("projector.before_write")
        written = await write(connection, schema, change)
        if written is Written.OVERTAKEN:
            continue  # a repair or a rebuild was there in between
        if written is Written.ELSEWHERE:
            raise ZombieError(f"not all of {len(batch.moves)} offsets are where this batch begins")
        await barrier("projector.after_commit")
        return Applied(change.position, len(change.fresh), sum(halt.events for halt in halts.values()))


async def _stored(connection: "Connection[Any]", schema: str, events: Sequence[Incoming]) -> Stored:
    touched = {(event.kind, event.id) for event in events}
    companies: set[UUID] = set()
    for event in events:
        if isinstance(event.state, ReferralState):
            companies.add(event.state.company_id)
        elif isinstance(event.state, CompanyState):
            companies.add(event.id)
            if event.state.merged_into is not None:
                companies.add(event.state.merged_into)
    referrals = [each for each in touched if each[0] == "referral"]
    return await read_stored(connection, schema, touched, grouped=referrals, companies=companies)


def _without_gaps(stored: Stored, events: Sequence[Incoming]) -> tuple[list[Incoming], dict[Subject, Halt]]:
    """Leave out what comes after a missing version; return what is new among the rest, and what waits."""
    highest: dict[Subject, dict[int, int]] = {}
    known: dict[Subject, set[tuple[int, int]]] = {}
    fresh: list[Incoming] = []
    halts: dict[Subject, Halt] = {}
    for event in events:
        subject = Subject(event.kind, event.id)
        if subject not in known:
            known[subject] = set(stored.ranks.get(subject, ()))
            highest[subject] = {}
            for epoch, version in known[subject]:
                highest[subject][epoch] = max(version, highest[subject].get(epoch, 0))
        rank = (event.epoch, event.version)
        if not follows(highest[subject], *rank):
            halts[subject] = halts.get(subject, Halt(rank, 0)).joined_by(rank)
        elif rank not in known[subject]:
            known[subject].add(rank)
            highest[subject][event.epoch] = max(event.version, highest[subject].get(event.epoch, 0))
            fresh.append(event)
    return fresh, halts


def follows(highest: Mapping[int, int], epoch: int, version: int) -> bool:
    """Whether a version may be taken in, given the highest known version of each epoch of its aggregate.

    Within an epoch there is no gap. A first epoch begins at 1; a later one is a restatement and begins anywhere, as
    does one that continues the numbers of the epoch before it.
    """
    if epoch in highest:
        return version <= highest[epoch] + 1
    return version == 1 or epoch > FIRST_EPOCH


def _change(batch: Batch, stored: Stored, fresh: Sequence[Incoming], halts: Mapping[Subject, Halt]) -> Change:
    newest: dict[Subject, tuple[int, int]] = {}
    current: dict[Subject, Incoming] = {}
    for event in fresh:
        subject, rank = Subject(event.kind, event.id), (event.epoch, event.version)
        before = newest.get(subject) or max(stored.ranks.get(subject, ()), default=(0, 0))
        newest[subject] = max(before, rank)
        if rank > before:
            current[subject] = event
    is_change = bool(fresh or halts or batch.dead)
    return Change(
        read_at=stored.position,
        position=stored.position + 1 if is_change else stored.position,
        moves=batch.moves,
        fresh=fresh,
        current=current,
        lines=_lines(stored, fresh),
        halts=halts,
        goes_on={subject: rank for subject, rank in newest.items() if subject not in halts},
        dead=batch.dead,
        cluster_id=batch.cluster_id,
        complete_until=batch.complete_until,
    )


def _lines(stored: Stored, fresh: Sequence[Incoming]) -> Difference:
    """Fold what was stored and what is new of everything that is touched, and compare with the lines that are there."""
    if not fresh:
        return Difference([], [])
    versions: dict[Subject, list[Version]] = defaultdict(list, stored.versions)
    for event in fresh:
        versions[Subject(event.kind, event.id)].append(
            Version(
                kind=event.kind,
                id=event.id,
                epoch=event.epoch,
                version=event.version,
                effective_at=event.effective_at,
                recorded_at=event.recorded_at,
                state=event.state,
            )
        )
    touched = {(event.kind, event.id) for event in fresh}
    wanted: dict[Subject, list[StoredLine]] = additive_of(touched, versions)
    if any(kind in GROUPED_KINDS for kind, _ in touched):
        wanted.update(groups_of(versions))
    return difference(wanted, stored.lines)
