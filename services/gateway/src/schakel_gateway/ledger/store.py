"""Keeping the lines of the ledger equal to the fold of the history, subject by subject."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from schakel_gateway.indicators import ADDITIVE_OF_KIND, INDICATORS, Cell
from schakel_gateway.ledger.fold import Line, additive_lines
from schakel_gateway.ledger.steps import DECODERS, Version
from schakel_gateway.ledger.unique import unique_lines

if TYPE_CHECKING:
    from asyncpg import Connection, Record

GROUP: Final = "group"
"""The `subject_kind` of lines of unique indicators; their `subject` is the smallest company id of the group."""

GROUPED_KINDS: Final = frozenset({"company", "referral"})


class Subject(NamedTuple):
    """Whose versions a line follows from."""

    kind: str
    id: UUID


_OF_AGGREGATES: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state FROM history
    WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_OF_COMPANIES: Final = """
    SELECT kind, id, epoch, version, effective_at, recorded_at, state::text AS state, company_id FROM history
    WHERE company_id = ANY($1) AND kind IN ('company', 'referral')
"""
_NEIGHBOURS: Final = """
    SELECT id AS one, merged_into AS other FROM history
    WHERE kind = 'company' AND merged_into IS NOT NULL AND (id = ANY($1) OR merged_into = ANY($1))
    UNION
    SELECT DISTINCT mine.company_id, theirs.company_id
    FROM history AS mine JOIN history AS theirs ON theirs.kind = 'referral' AND theirs.id = mine.id
    WHERE mine.kind = 'referral' AND mine.company_id = ANY($1) AND theirs.company_id <> mine.company_id
"""
_LINES: Final = """
    SELECT ctid::text AS place, indicator, split, leaf, fieldlab, subject_kind, subject, effective_at, recorded_at,
        amount
    FROM line WHERE (subject_kind, subject) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
LINE_COLUMNS: Final = (
    "indicator",
    "split",
    "leaf",
    "fieldlab",
    "subject_kind",
    "subject",
    "effective_at",
    "recorded_at",
    "amount",
)
_INSERT: Final = """
    INSERT INTO line (indicator, split, leaf, fieldlab, subject_kind, subject, effective_at, recorded_at, amount)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
                         $8::timestamptz[], $9::int[])
"""

StoredLine = tuple[Any, ...]
"""A row of `line`, in the order of `LINE_COLUMNS`."""


async def refold(connection: "Connection[Any]", touched: Collection[tuple[str, UUID]]) -> int:
    """Bring the lines of everything that follows from these aggregates in line with the history.

    Args:
        connection: in the transaction that added to the history, with the view's schema as search path.
        touched: kind and id of each aggregate that has new versions.

    Returns:
        How many lines were added or taken away.
    """
    wanted = await additive_of(connection, touched)
    grouped = [each for each in touched if each[0] in GROUPED_KINDS]
    if grouped:
        wanted.update(await groups_of(connection, grouped))
    return await store(connection, wanted)


async def additive_of(
    connection: "Connection[Any]", touched: Collection[tuple[str, UUID]]
) -> dict[Subject, list[StoredLine]]:
    """Return what the lines of these aggregates should be, by a fold of their whole history."""
    counted = [each for each in touched if ADDITIVE_OF_KIND.get(each[0])]
    if not counted:
        return {}
    rows = await connection.fetch(_OF_AGGREGATES, [kind for kind, _ in counted], [each for _, each in counted])
    versions: dict[Subject, list[Version]] = defaultdict(list)
    for row in rows:
        versions[Subject(row["kind"], row["id"])].append(version_of(row))
    return {subject: stored(subject, additive_lines(found)) for subject, found in versions.items()}


async def groups_of(
    connection: "Connection[Any]", touched: Iterable[tuple[str, UUID]]
) -> dict[Subject, list[StoredLine]]:
    """Return what the lines of the groups around these companies and referrals should be.

    A group that swallowed another one is named by its smallest company; the names of the swallowed get no lines.
    """
    companies, edges = await _companies_around(connection, touched)
    rows = await connection.fetch(_OF_COMPANIES, list(companies))
    groups = group(companies, ((row["company_id"], row["id"]) for row in rows if row["kind"] == "referral"), edges)
    versions: dict[UUID, list[Version]] = defaultdict(list)
    for row in rows:
        versions[groups[row["company_id"]]].append(version_of(row))
    wanted: dict[Subject, list[StoredLine]] = {Subject(GROUP, company): [] for company in companies}
    for name, found in versions.items():
        wanted[Subject(GROUP, name)] = stored(Subject(GROUP, name), unique_lines(found))
    return wanted


def group(
    companies: Iterable[UUID], shared: Iterable[tuple[UUID, UUID]], merges: Iterable[tuple[UUID, UUID]]
) -> dict[UUID, UUID]:
    """Return for each company the smallest id of its group.

    Args:
        companies: all of them.
        shared: company and referral, of each version of each referral.
        merges: pairs of companies of which one ever merged into the other, or that ever shared a referral.
    """
    parent: dict[UUID, UUID] = {company: company for company in companies}

    def root(company: UUID) -> UUID:
        while parent.setdefault(company, company) != company:
            parent[company] = parent[parent[company]]
            company = parent[company]
        return company

    def join(one: UUID, other: UUID) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    of_referral: dict[UUID, UUID] = {}
    for company, referral in shared:
        join(company, of_referral.setdefault(referral, company))
    for one, other in merges:
        join(one, other)
    return {company: root(company) for company in list(parent)}


async def _companies_around(
    connection: "Connection[Any]", touched: Iterable[tuple[str, UUID]]
) -> tuple[set[UUID], set[tuple[UUID, UUID]]]:
    """Return the companies of the groups around these aggregates, and the pairs that make them groups."""
    kinds, ids = zip(*touched, strict=True)
    rows = await connection.fetch(
        "SELECT DISTINCT company_id FROM history WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))",
        list(kinds),
        list(ids),
    )
    known: set[UUID] = set()
    pairs: set[tuple[UUID, UUID]] = set()
    fresh = {row["company_id"] for row in rows}
    while fresh:
        known |= fresh
        edges = await connection.fetch(_NEIGHBOURS, list(fresh))
        pairs |= {(edge["one"], edge["other"]) for edge in edges}
        fresh = {company for pair in pairs for company in pair} - known
    return known, pairs


class Difference(NamedTuple):
    """What the table lacks, and where it holds what does not follow from the history."""

    missing: list[StoredLine]
    wrong: list[str]


async def difference(connection: "Connection[Any]", wanted: Mapping[Subject, Sequence[StoredLine]]) -> Difference:
    """Compare the lines of these subjects with what they should be."""
    rows = await connection.fetch(_LINES, [each.kind for each in wanted], [each.id for each in wanted])
    missing = Counter(line for lines in wanted.values() for line in lines)
    wrong: list[str] = []
    for row in rows:
        line = tuple(row[column] for column in LINE_COLUMNS)
        if missing[line]:
            missing[line] -= 1
        else:
            wrong.append(row["place"])
    return Difference(list(missing.elements()), wrong)


async def store(connection: "Connection[Any]", wanted: Mapping[Subject, Sequence[StoredLine]]) -> int:
    """Write the difference only: what was right stays where it is. Return how many lines that were."""
    if not wanted:
        return 0
    found = await difference(connection, wanted)
    if found.wrong:
        await connection.execute("DELETE FROM line WHERE ctid = ANY($1::text[]::tid[])", found.wrong)
    if found.missing:
        await connection.execute(_INSERT, *(list(column) for column in zip(*found.missing, strict=True)))
    return len(found.wrong) + len(found.missing)


def stored(subject: Subject, lines: Iterable[Line]) -> list[StoredLine]:
    """Return lines as rows of the table."""
    return [
        (
            line.indicator,
            line.cell.split,
            line.cell.leaf,
            line.cell.fieldlab,
            subject.kind,
            subject.id,
            line.effective_at,
            line.recorded_at,
            line.amount,
        )
        for line in lines
    ]


def version_of(row: "Record") -> Version:
    """Return a row of `history` as a version; its state was checked when it came in."""
    return Version(
        kind=row["kind"],
        id=row["id"],
        epoch=row["epoch"],
        version=row["version"],
        effective_at=row["effective_at"],
        recorded_at=row["recorded_at"],
        state=DECODERS[row["kind"]].decode(row["state"]),
    )


def cell_of(row: Mapping[str, Any]) -> Cell:
    """Return the cell of a row of `line`."""
    return Cell(row["split"], row["leaf"], row["fieldlab"])


async def write_definitions(connection: "Connection[Any]") -> None:
    """Put the definitions of this code beside the numbers; a key that is no longer counted goes, with its lines."""
    await connection.execute("DELETE FROM line WHERE indicator <> ALL($1)", list(INDICATORS))
    await connection.execute("DELETE FROM indicator WHERE key <> ALL($1)", list(INDICATORS))
    await connection.executemany(
        """
        INSERT INTO indicator (key, kind, measure, version, about_companies, by_fieldlab, definition_nl, definition_en,
                               place)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, measure = excluded.measure, version = excluded.version,
            about_companies = excluded.about_companies, by_fieldlab = excluded.by_fieldlab,
            definition_nl = excluded.definition_nl, definition_en = excluded.definition_en, place = excluded.place
        """,
        [
            (
                each.key,
                each.kind,
                each.measure,
                each.version,
                each.about_companies,
                each.by_fieldlab,
                each.definition_nl,
                each.definition_en,
                place,
            )
            for place, each in enumerate(INDICATORS.values())
        ],
    )
