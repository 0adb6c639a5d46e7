from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE fieldlab ADD COLUMN company_sizes text[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE fieldlab ALTER COLUMN company_sizes DROP DEFAULT")


def downgrade() -> None:
    op.execute("ALTER TABLE fieldlab DROP COLUMN company_sizes")
