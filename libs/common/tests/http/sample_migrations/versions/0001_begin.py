from alembic import op

from schakel_common.plumbing import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing(op)
    op.execute("CREATE TABLE thing (id uuid PRIMARY KEY, name text NOT NULL)")
