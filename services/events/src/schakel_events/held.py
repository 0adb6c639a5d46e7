"""What events holds about people and companies, for who has a right to see it."""

from typing import Final

from schakel_common.held import Held

HELD: Final = Held(
    parts={
        "registrations": """
            SELECT r.*, a.slug AS activity FROM registration AS r JOIN activity AS a ON a.id = r.activity_id
            WHERE CASE WHEN :sub IS NULL THEN r.company_id = ANY(:companies) ELSE r.sub = :sub END
            ORDER BY r.registered_at, r.id
        """,
    }
)
