from alembic import op

revision = "$revision"
down_revision = "$head"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE half_way (id int PRIMARY KEY)")
    op.execute("SELECT 1 / 0")
