from alembic import op

from schakel_common.plumbing import create_plumbing

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_plumbing(op)
    op.execute("CREATE TABLE aggregate (id uuid PRIMARY KEY, version int NOT NULL)")
    op.execute(
        "CREATE TABLE effect (seq bigserial PRIMARY KEY, id uuid, epoch int, version int, UNIQUE (id, epoch, version))"
    )
