"""What a service holds about one person or one company, for who has a right to see it (GDPR, articles 15 and 20).

Each service says it as statements over its own tables; the command ``export`` runs them and prints one document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from schakel_common.database import Database
from schakel_common.processing import record_reading
from schakel_common.settings import ServiceSettings

ACTIVITY: Final = "inzageverzoeken"
COMPANIES_IN_REPLICA: Final = """
    SELECT id FROM replica WHERE kind = 'company' AND state @> jsonb_build_object(
        'members', jsonb_build_array(jsonb_build_object('sub', :sub, 'status', 'active')))
"""
"""The companies of a person, from a service's own copy of them."""


@dataclass(frozen=True)
class Held:
    """What a service holds of people.

    Attributes:
        parts: by name, a statement that selects rows. ``:companies`` are ids; ``:sub`` is the person asked about, and
            null when it is a company: then what is held of all its people counts.
        companies: selects the ids of the companies of ``:sub``.
    """

    parts: Mapping[str, str]
    companies: str = COMPANIES_IN_REPLICA


async def export(
    database: Database,
    settings: ServiceSettings,
    held: Held,
    *,
    person: str | None = None,
    company: UUID | None = None,
) -> dict[str, Any]:
    """Return all rows about a person or a company, of one moment; a line in the log of processings says so.

    Of a person's companies it holds what is the company's and what is that person's, nothing of colleagues.

    Args:
        database: the service's own.
        settings: of the process.
        held: the service's statements.
        person: the subject that Keycloak gave the person; or
        company: the id of a company.

    Returns:
        Rows by name of the part, as JSON.
    """
    async with database.reading() as session:
        companies = [company] if company else []
        if person is not None:
            statement = text(held.companies).bindparams(bindparam("sub", person, Text))
            companies = sorted((await session.execute(statement)).scalars())
        found: dict[str, Any] = {}
        for name, part in held.parts.items():
            statement = text(f"SELECT to_jsonb(part) FROM ({part}) AS part").bindparams(  # noqa: S608 - a statement of ours
                *([bindparam("sub", person, Text)] if ":sub" in part else []),
                *([bindparam("companies", companies, ARRAY(Uuid))] if ":companies" in part else []),
            )
            found[name] = list((await session.execute(statement)).scalars())
    await record_reading(database, settings, ACTIVITY, [person if person is not None else company])
    return found
