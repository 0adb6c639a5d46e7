from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE account_to_delete (sub varchar NOT NULL, asked_at timestamptz NOT NULL)")
    op.execute("ALTER TABLE account_to_delete ADD CONSTRAINT pk_account_to_delete PRIMARY KEY (sub)")


def downgrade() -> None:
    op.execute("DROP TABLE account_to_delete")
