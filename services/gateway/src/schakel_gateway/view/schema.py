"""Making a generation of the view: its tables, its functions, and who may read them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schakel_gateway.permissions import READER, policies

if TYPE_CHECKING:
    from asyncpg import Connection

SCHEMA: Final = "view_1"
"""The live schema of this code. A changed projection is a new number, filled beside the live one."""

_SQL: Final = Path(__file__).parent.parent / "migrations" / "sql"

_ENSURE_READER: Final = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
        BEGIN
            CREATE ROLE {READER} NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role {READER} is missing and % may not create it', current_user
                    USING HINT = 'As an administrator: CREATE ROLE {READER} NOLOGIN; GRANT {READER} TO '
                        || quote_ident(current_user) || ' WITH INHERIT FALSE, SET TRUE;';
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{READER}', 'SET') THEN
        EXECUTE format('GRANT {READER} TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
END
$$
"""


def statements(schema: str, generation: str = SCHEMA) -> list[str]:
    """Return the statements that create `schema` and everything in it, to be run one by one in one transaction.

    Args:
        schema: where the view goes; `SCHEMA` for the live one.
        generation: which frozen definition to use, the stem of a file in ``migrations/sql``; what was added to it
            since, without a change of a row, follows it.

    Afterwards the transaction's search path is `schema`.
    """
    return [
        _ENSURE_READER,
        f"CREATE SCHEMA {schema}",
        f"SET LOCAL search_path TO {schema}",
        *_parts(_SQL / f"{generation}.sql"),
        *additions(generation),
        f"GRANT USAGE ON SCHEMA {schema} TO {READER}",
        f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {READER}",
        *policies(),
    ]


@asynccontextmanager
async def looking_at(connection: "Connection[Any]", schema: str) -> AsyncIterator[None]:
    """Open a transaction that looks into a schema first."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path TO {schema}")
        yield


def additions(generation: str = SCHEMA) -> list[str]:
    """Return what was added to a generation, without a change of its rows; each can be run again in its search path."""
    return [part for path in sorted(_SQL.glob(f"{generation}_*.sql")) for part in _parts(path)]


def _parts(path: Path) -> list[str]:
    return [part.strip() for part in path.read_text().split(";\n\n") if part.strip()]
