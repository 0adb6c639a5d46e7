"""What the registry holds about people and companies, for who has a right to see it."""

from typing import Final

from schakel_common.held import Held

HELD: Final = Held(
    companies="SELECT company_id FROM member WHERE sub = :sub AND status = 'active'",
    parts={
        "companies": "SELECT * FROM company WHERE id = ANY(:companies) OR merged_into = ANY(:companies) ORDER BY id",
        "establishments": "SELECT * FROM establishment WHERE company_id = ANY(:companies) ORDER BY id",
        "members": """
            SELECT * FROM member
            WHERE CASE WHEN :sub IS NULL THEN company_id = ANY(:companies) ELSE sub = :sub END ORDER BY company_id, sub
        """,
        "accountsToDelete": "SELECT * FROM account_to_delete WHERE sub = :sub",
    },
)
