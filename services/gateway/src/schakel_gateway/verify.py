"""Is the view what the owners' journals say?

Compares every head of every journal with the view, both ways; looks again at what may be on its way before accusing;
and checks the view against its own history (`view.proof`). A clean run is written down as the view's last proof.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from schakel_common.broker import kafka_connection
from schakel_common.telemetry import measure
from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.settings import GatewaySettings
from schakel_gateway.view.journals import NIL, PAGE, Head, Journals, journals
from schakel_gateway.view.proof import Drift, What, own_drift, repair
from schakel_gateway.view.schema import SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

IN_FLIGHT_SECONDS: Final = 10.0
REPAIR_SECONDS: Final = 60.0
LOOK_AGAIN_SECONDS: Final = 0.25
SHOWN_MAX: Final = 20

_SAID_AGAIN: Final = "have the owner send the history again"
_MADE_ANEW: Final = "make it again from the view's own history"
REPAIRS: Final[Mapping[What, str]] = {
    "missing": _SAID_AGAIN,
    "other-digest": "drop it and have the owner send the history again",
    "ahead": "leave it: its owner must run `reemit --current`",
    "unknown-to-owner": "retire it from the view",
    "damaged-history": "drop what is damaged and have the owner send the history again",
    "incomplete-history": _SAID_AGAIN,
    "row": _MADE_ANEW,
    "members": _MADE_ANEW,
    "ledger": _MADE_ANEW,
    "halted": _SAID_AGAIN,
}
"""What `verify` with `mend` does about each kind of drift."""

_LAST_ID: Final = UUID(int=2**128 - 1)


class Report(msgspec.Struct, frozen=True):
    """What a run found.

    Attributes:
        heads: how many heads of journals were compared.
        drifts: what is not as it should be, after a second look.
        lag: topic to the number of events that the view has not read yet.
        dead: reason and topic to the number of records that were no events.
    """

    heads: int
    drifts: Sequence[Drift]
    lag: dict[str, int]
    dead: dict[str, int]


async def verify(settings: GatewaySettings, *, mend: bool = False) -> Report:
    """Compare view and journals; with `mend` repair what can be repaired and compare again.

    Args:
        settings: addresses of the owners, the secret of the client ``schakel-verify``, the view, Kafka.
        mend: have missing history sent again, and make rows and ledger anew.

    Raises:
        Problem: ``unavailable`` when an owner does not answer: then nothing is proven.
    """
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        async with journals(settings) as owners:
            heads, drifts = await _compare(connection, owners)
            if drifts and mend:
                heads, drifts = await _mended(connection, owners, drifts)
        dead = await connection.fetch(
            f"SELECT reason || ' on ' || topic AS what, count(*) AS n FROM {SCHEMA}.dead GROUP BY 1"  # noqa: S608 - a constant
        )
        report = Report(
            heads=heads,
            drifts=drifts,
            lag=await _lag(settings, connection),
            dead={row["what"]: row["n"] for row in dead},
        )
        if not drifts:
            await _write_proof(connection, report)
    finally:
        await connection.close()
    measure("verify.difference.count", len(report.drifts), view=SCHEMA)
    return report


def printed(report: Report) -> str:
    """Return a report as lines for a terminal; ids are opaque."""
    lines = [f"{report.heads} heads of journals compared"]
    lines += [f"lag of {topic}: {events} events" for topic, events in sorted(report.lag.items()) if events]
    lines += [f"dead letters, {what}: {number}" for what, number in sorted(report.dead.items())]
    for (what, kind), number in sorted(Counter((each.what, each.kind) for each in report.drifts).items()):
        lines.append(f"{what}: {number} of {kind}")
    lines += [f"  {each.what} {each.kind} {each.id}" for each in list(report.drifts)[:SHOWN_MAX]]
    if any(each.what == "ahead" for each in report.drifts):
        lines.append("the view is ahead of a journal, as after a restore: have its owner run `reemit --current`")
    lines.append("the view is what the journals say" if not report.drifts else "the view is NOT what the journals say")
    return "\n".join(lines) + "\n"


async def _compare(connection: "Connection[Any]", owners: Journals) -> tuple[int, list[Drift]]:
    count = 0
    suspects: list[Drift] = []
    for kind in TOPIC_OF_KIND:
        after = NIL
        async for page in owners.pages(kind):
            last = page[-1].id if len(page) == PAGE else _LAST_ID
            suspects += _unequal(kind, page, await _heads_of_view(connection, kind, after, last))
            count += len(page)
            after = last
    drifts = await _look_again(connection, owners, suspects)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
        drifts += await own_drift(connection)
    return count, drifts


async def _heads_of_view(
    connection: "Connection[Any]", kind: str, after: UUID, last: UUID
) -> dict[UUID, tuple[int, int, str]]:
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (id) id, epoch, version, digest FROM {SCHEMA}.history
        WHERE kind = $1 AND id > $2 AND id <= $3 ORDER BY id, epoch DESC, version DESC
        """,  # noqa: S608 - a constant of this program
        kind,
        after,
        last,
    )
    return {row["id"]: (row["epoch"], row["version"], row["digest"]) for row in rows}


def _unequal(kind: str, page: Iterable[Head], view: dict[UUID, tuple[int, int, str]]) -> list[Drift]:
    found: list[Drift] = []
    left = dict(view)
    for head in page:
        had = left.pop(head.id, None)
        if had is None or had[:2] < (head.epoch, head.version):
            found.append(Drift("missing", kind, head.id))
        elif had[:2] > (head.epoch, head.version):
            found.append(Drift("ahead", kind, head.id))
        elif had[2] != head.digest:
            found.append(Drift("other-digest", kind, head.id))
    return [*found, *(Drift("unknown-to-owner", kind, each) for each in left)]


async def _look_again(connection: "Connection[Any]", owners: Journals, suspects: Sequence[Drift]) -> list[Drift]:
    """Return what is still so after a while: the rest was on its way."""
    deadline = asyncio.get_running_loop().time() + IN_FLIGHT_SECONDS
    while suspects:
        again: list[Drift] = []
        for each in suspects:
            head = await owners.head(each.kind, each.id)
            view = await _heads_of_view(connection, each.kind, UUID(int=each.id.int - 1), each.id)
            again += _unequal(each.kind, [head] if head else [], view)
        suspects = again
        if asyncio.get_running_loop().time() > deadline:
            break
        if suspects:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return list(suspects)


async def _mended(connection: "Connection[Any]", owners: Journals, drifts: Sequence[Drift]) -> tuple[int, list[Drift]]:
    """Repair from the history; what the history lacks comes from its owner, by the way that everything comes.

    Returns what a comparison finds when that has come, or when it has been waited for long enough.
    """
    other = [Drift("unknown-to-owner", each.kind, each.id) for each in drifts if each.what == "other-digest"]
    await repair(connection, [*drifts, *other])
    asked: dict[str, set[UUID]] = defaultdict(set)
    for each in drifts:
        if each.what in {"missing", "other-digest", "damaged-history", "incomplete-history", "halted"}:
            asked[each.kind].add(each.id)
    for kind, ids in asked.items():
        await owners.say_again(kind, sorted(ids))
    deadline = asyncio.get_running_loop().time() + REPAIR_SECONDS
    while True:
        heads, left = await _compare(connection, owners)
        if not left or asyncio.get_running_loop().time() > deadline:
            return heads, left
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _lag(settings: GatewaySettings, connection: "Connection[Any]") -> dict[str, int]:
    rows = await connection.fetch(f"SELECT topic, partition, next FROM {SCHEMA}.topic_offset")  # noqa: S608 - a constant
    if not rows or not settings.kafka_bootstrap:
        return {}
    following = {TopicPartition(settings.topic_prefix + row["topic"], row["partition"]): row["next"] for row in rows}
    consumer = AIOKafkaConsumer(**kafka_connection(settings))
    await consumer.start()
    try:
        consumer.assign(list(following))
        ends = await consumer.end_offsets(list(following))
    finally:
        await consumer.stop()
    lag: dict[str, int] = defaultdict(int)
    for partition, end in ends.items():
        lag[partition.topic.removeprefix(settings.topic_prefix)] += max(0, end - following[partition])
    return dict(lag)


async def _write_proof(connection: "Connection[Any]", report: Report) -> None:
    proof = orjson.dumps({"heads": report.heads, "dead": sum(report.dead.values())}).decode()
    await connection.execute(
        f"UPDATE {SCHEMA}.view_position SET proven_at = clock_timestamp(), proof = $1::text::jsonb",  # noqa: S608 - a constant
        proof,
    )
