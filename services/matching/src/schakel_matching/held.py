"""What matching holds about people and companies, for who has a right to see it.

Drafts and call-backs without an account belong to nobody who can be named; they are deleted after 30 days.
"""

from typing import Final

from schakel_common.held import Held

HELD: Final = Held(
    parts={
        "challenges": "SELECT * FROM challenge WHERE company_id = ANY(:companies) ORDER BY submitted_at, id",
        "drafts": """
            SELECT id, text, language, postcode4, sbi_division, told, created_at FROM draft
            WHERE challenge_id IN (SELECT id FROM challenge WHERE company_id = ANY(:companies)) ORDER BY created_at, id
        """,
        "judgements": """
            SELECT * FROM judgement
            WHERE challenge_id IN (SELECT id FROM challenge WHERE company_id = ANY(:companies)) ORDER BY id
        """,
        "referrals": "SELECT * FROM referral WHERE company_id = ANY(:companies) ORDER BY requested_at, id",
        "messages": """
            SELECT * FROM message
            WHERE referral_id IN (SELECT id FROM referral WHERE company_id = ANY(:companies)) ORDER BY id
        """,
    }
)
