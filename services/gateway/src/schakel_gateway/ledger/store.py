"""The lines of the ledger as the fold of the history: what is stored, what should be, and the difference."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from schakel_contracts.companies import CompanyState
from schakel_contracts.referrals import ReferralState
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


StoredLine = tuple[Any, ...]
"""A row of `line`, in the order of `LINE_COLUMNS`."""

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
_SUBJECT_KIND: Final = LINE_COLUMNS.index("subject_kind")
_SUBJECT: Final = LINE_COLUMNS.index("subject")


class Stored(NamedTuple):
    """What the view holds of some aggregates and of the groups around them, in one snapshot.

    Attributes:
        position: of the view.
        ranks: epoch and version of each version, by aggregate.
        versions: of the kinds that are counted.
        lines: those that follow from these aggregates and groups, each with its place in the table.
    """

    position: int
    ranks: dict[Subject, set[tuple[int, int]]]
    versions: dict[Subject, list[Version]]
    lines: list[tuple[StoredLine, str]]


_COUNTED: Final = sorted({kind for kind, indicators in ADDITIVE_OF_KIND.items() if indicators} | GROUPED_KINDS)

_STORED: Final = """
    WITH RECURSIVE touched AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::uuid[]) AS t (kind, id)),
    around (company) AS (
        (SELECT * FROM unnest($3::uuid[]) UNION
         SELECT h.company_id FROM unnest($4::text[], $5::uuid[]) AS g (kind, id)
         JOIN {schema}.history AS h USING (kind, id) WHERE h.company_id IS NOT NULL)
        UNION
        SELECT n.company FROM around AS a CROSS JOIN LATERAL (
            SELECT h.merged_into FROM {schema}.history AS h
            WHERE h.kind = 'company' AND h.id = a.company AND h.merged_into IS NOT NULL
            UNION ALL
            SELECT h.id FROM {schema}.history AS h WHERE h.kind = 'company' AND h.merged_into = a.company
            UNION ALL
            SELECT theirs.company_id FROM {schema}.history AS mine
            JOIN {schema}.history AS theirs ON theirs.kind = 'referral' AND theirs.id = mine.id
            WHERE mine.kind = 'referral' AND mine.company_id = a.company AND theirs.company_id <> a.company
        ) AS n (company)
    ), subject AS MATERIALIZED (SELECT kind, id FROM touched UNION ALL SELECT 'group', company FROM around)
    SELECT 'position' AS part, NULL AS kind, NULL::uuid AS id, NULL::int AS epoch, position AS number,
        NULL::timestamptz AS effective_at, NULL::timestamptz AS recorded_at, NULL AS text,
        NULL AS indicator, NULL AS split, NULL AS leaf, NULL AS fieldlab
    FROM {schema}.view_position
    UNION ALL
    SELECT 'version', h.kind, h.id, h.epoch, h.version, h.effective_at, h.recorded_at,
        CASE WHEN h.kind = ANY($6) THEN h.state::text END, NULL, NULL, NULL, NULL
    FROM touched AS t JOIN {schema}.history AS h USING (kind, id)
    UNION ALL
    SELECT 'version', h.kind, h.id, h.epoch, h.version, h.effective_at, h.recorded_at, h.state::text,
        NULL, NULL, NULL, NULL
    FROM around AS a JOIN {schema}.history AS h ON h.company_id = a.company AND h.kind IN ('company', 'referral')
    WHERE NOT EXISTS (SELECT FROM touched AS t WHERE t.kind = h.kind AND t.id = h.id)
    UNION ALL
    SELECT 'line', l.subject_kind, l.subject, NULL, l.amount, l.effective_at, l.recorded_at, l.ctid::text,
        l.indicator, l.split, l.leaf, l.fieldlab
    FROM subject AS s JOIN {schema}.line AS l ON l.subject_kind = s.kind AND l.subject = s.id
"""


async def read_stored(
    connection: "Connection[Any]",
    schema: str,
    touched: Collection[tuple[str, UUID]],
    *,
    grouped: Collection[tuple[str, UUID]] = (),
    companies: Collection[UUID] = (),
) -> Stored:
    """Read in one statement what the lines of these aggregates follow from, and the lines themselves.

    Args:
        connection: of the gateway's own role.
        schema: of the view.
        touched: kind and id of each aggregate that is asked for.
        grouped: the companies and referrals whose groups are asked for: everything that ever merged or shared a
            referral, however far away.
        companies: more companies whose groups are asked for.
    """
    rows = await connection.fetch(
        _STORED.format(schema=schema),
        [kind for kind, _ in touched],
        [each for _, each in touched],
        list(companies),
        [kind for kind, _ in grouped],
        [each for _, each in grouped],
        _COUNTED,
    )
    stored_now = Stored(0, defaultdict(set), defaultdict(list), [])
    position = 0
    for row in rows:
        part = row["part"]
        if part == "version":
            subject = Subject(row["kind"], row["id"])
            stored_now.ranks[subject].add((row["epoch"], row["number"]))
            if row["text"] is not None:
                stored_now.versions[subject].append(version_of(row, row["number"], row["text"]))
        elif part == "line":
            stored_now.lines.append((_line_of(row), row["text"]))
        else:
            position = row["number"]
    return stored_now._replace(position=position)


def additive_of(
    touched: Iterable[tuple[str, UUID]], versions: Mapping[Subject, Sequence[Version]]
) -> dict[Subject, list[StoredLine]]:
    """Return what the additive lines of these aggregates should be, by a fold of all their versions."""
    subjects = (Subject(*each) for each in touched)
    return {each: stored(each, additive_lines(versions[each])) for each in subjects if each in versions}


def groups_of(
    versions: Mapping[Subject, Sequence[Version]], companies: Iterable[UUID] = ()
) -> dict[Subject, list[StoredLine]]:
    """Return what the lines of groups should be.

    A group that swallowed another one is named by its smallest company; the names of the swallowed get no lines.

    Args:
        versions: all those of each group, and of anything else, which is left alone.
        companies: further ones that have no version yet.
    """
    known = set(companies)
    shared: list[tuple[UUID, UUID]] = []
    merges: list[tuple[UUID, UUID]] = []
    members = [each for subject, found in versions.items() if subject.kind in GROUPED_KINDS for each in found]
    for each in members:
        if isinstance(each.state, ReferralState):
            shared.append((each.state.company_id, each.id))
        elif isinstance(each.state, CompanyState):
            known.add(each.id)
            if each.state.merged_into is not None:
                merges.append((each.id, each.state.merged_into))
    groups = group(known, shared, merges)
    of_group: dict[UUID, list[Version]] = defaultdict(list)
    for each in members:
        of_group[groups[each.state.company_id if isinstance(each.state, ReferralState) else each.id]].append(each)
    wanted: dict[Subject, list[StoredLine]] = {Subject(GROUP, company): [] for company in groups}
    for name, found in of_group.items():
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


class Difference(NamedTuple):
    """What the table lacks, and where it holds what does not follow from the history."""

    missing: list[StoredLine]
    wrong: list[tuple[StoredLine, str]]


def difference(wanted: Mapping[Subject, Sequence[StoredLine]], lines: Iterable[tuple[StoredLine, str]]) -> Difference:
    """Compare the lines of these subjects with what they should be.

    Args:
        wanted: every subject that is asked about, also where it should have no line.
        lines: what is stored of these subjects, and of others, which is left alone.
    """
    missing = Counter(line for found in wanted.values() for line in found)
    wrong: list[tuple[StoredLine, str]] = []
    for line, place in lines:
        if missing[line]:
            missing[line] -= 1
        elif subject_of(line) in wanted:
            wrong.append((line, place))
    return Difference(list(missing.elements()), wrong)


def subject_of(line: StoredLine) -> Subject:
    """Return whose versions a line follows from."""
    return Subject(line[_SUBJECT_KIND], line[_SUBJECT])


async def store(connection: "Connection[Any]", found: Difference) -> None:
    """Write the difference only: what was right stays where it is."""
    if found.wrong:
        await connection.execute("DELETE FROM line WHERE ctid = ANY($1::text[]::tid[])", [x for _, x in found.wrong])
    if found.missing:
        await connection.copy_records_to_table("line", records=found.missing, columns=LINE_COLUMNS)


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


def version_of(row: "Record", version: int, state: str) -> Version:
    """Return a row of `history` as a version; its state was checked when it came in."""
    kind: str = row["kind"]
    return Version(
        kind=kind,
        id=row["id"],
        epoch=row["epoch"],
        version=version,
        effective_at=row["effective_at"],
        recorded_at=row["recorded_at"],
        state=DECODERS[kind].decode(state),
    )


def _line_of(row: "Record") -> StoredLine:
    return (
        row["indicator"],
        row["split"],
        row["leaf"],
        row["fieldlab"],
        row["kind"],
        row["id"],
        row["effective_at"],
        row["recorded_at"],
        row["number"],
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
