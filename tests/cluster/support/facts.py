"""Are all facts there, each once? Read past every rule of ours, from the owners' databases and the view's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from running import RunningStack, wait_until
from steady_load import Written

from schakel_local.cluster.cluster import Cluster

OWNERS: Final = {
    "companies": ("registry", "SELECT id, name FROM company WHERE name = ANY($1::text[])"),
    "cases": ("events", "SELECT id, title_nl FROM story WHERE title_nl = ANY($1::text[])"),
    "challenges": ("matching", "SELECT id, text FROM challenge WHERE text = ANY($1::text[])"),
}
"""Kind of fact to its owner and to the rows that carry some marks."""
PROOF: Final = "the view is what the journals say"
VISIBLE_SECONDS_MAX: Final = 60.0
JOURNAL: Final = "SELECT aggregate_id FROM journal WHERE aggregate_id = ANY($1::uuid[])"
HISTORY: Final = "SELECT id FROM view_1.history WHERE id = ANY($1::uuid[])"
"""Each write made its aggregate's first version, and nothing changes it later: one line each."""


@dataclass(frozen=True)
class Facts:
    """How many accepted writes are not there, or more than once: in the owner's rows, its journal, or the view."""

    written: int
    lost: int
    doubled: int


def count_facts(stack: RunningStack, written: Sequence[Written]) -> Facts:
    """Look for each accepted write, when the view has had time to see the last one."""
    lost = doubled = 0
    for kind, (service, sql) in OWNERS.items():
        mine = [each for each in written if each.kind == kind]
        ids, marks = [UUID(each.id) for each in mine], [each.mark for each in mine]
        _await_view(stack, kind, ids)
        found = [
            Counter(row[1] for row in stack.rows(service, sql, marks)),
            Counter(str(row[0]) for row in stack.rows(service, JOURNAL, ids)),
            Counter(str(row[0]) for row in stack.rows("gateway", HISTORY, ids)),
            Counter(_of_view(stack, kind, ids)),
        ]
        for each in mine:
            counts = (found[0][each.mark], *(place[each.id] for place in found[1:]))
            lost += min(counts) == 0
            doubled += max(counts) > 1
    return Facts(len(written), lost, doubled)


def verify(cluster: Cluster, namespace: str) -> str:
    """Run the platform's own proof in a pod, as an operator does; return what it said last.

    Raises:
        ClusterError: the view differs from the journals; the text says how.
    """
    command = ("python3", "-m", "schakel_gateway", "verify")
    said = cluster.kubectl("-n", namespace, "exec", "deployment/schakel-gateway", "--", *command, seconds=120)
    return said.strip().splitlines()[-1]


def _await_view(stack: RunningStack, kind: str, ids: Sequence[UUID]) -> None:
    def all_there() -> bool:
        return len(set(_of_view(stack, kind, ids))) == len(set(ids))

    try:
        wait_until(all_there, what=f"{kind} in the view", timeout_seconds=VISIBLE_SECONDS_MAX)
    except AssertionError:
        return  # counted as lost by who asked


def _of_view(stack: RunningStack, kind: str, ids: Sequence[UUID]) -> list[str]:
    sql = f"SELECT id FROM view_1.{kind} WHERE id = ANY($1::uuid[])"
    return [str(row[0]) for row in stack.rows("gateway", sql, ids)]
