from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS: Final = """
ALTER TABLE draft ADD COLUMN told jsonb;
ALTER TABLE challenge ADD COLUMN told jsonb;
ALTER TABLE challenge DROP CONSTRAINT ck_challenge_erased_is_empty;
ALTER TABLE challenge ADD CONSTRAINT ck_challenge_erased_is_empty
    CHECK (status <> 'erased' OR (slate IS NULL AND told IS NULL
        AND coalesce(text, postcode4, municipality_code, sbi_division) IS NULL))
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        op.execute(statement)
