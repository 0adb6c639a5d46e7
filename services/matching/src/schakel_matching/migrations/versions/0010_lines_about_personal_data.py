from alembic import op

from schakel_common.processing import create_processing_lines

revision = "0010"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_processing_lines(op)


def downgrade() -> None:
    op.execute("DROP TABLE processing_line")
