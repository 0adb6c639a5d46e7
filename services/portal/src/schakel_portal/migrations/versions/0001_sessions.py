"""What is remembered of a browser."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "browser_session",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("tokens", sa.LargeBinary),
        sa.Column("sid", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    for column in ("sid", "subject", "expires_at"):
        op.create_index(f"ix_browser_session_{column}", "browser_session", [column])


def downgrade() -> None:
    op.drop_table("browser_session")
