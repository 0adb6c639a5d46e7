from alembic import op

revision = "$revision"
down_revision = "$head"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE next_version (id int PRIMARY KEY)")
    op.execute("INSERT INTO next_version VALUES (1)")
