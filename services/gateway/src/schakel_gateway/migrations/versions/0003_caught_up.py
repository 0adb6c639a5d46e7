from alembic import op

from schakel_gateway.view.schema import additions

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL search_path TO view_1")
    for statement in additions("view_1"):
        connection.exec_driver_sql(statement)
    # A view that has reached a heartbeat of every service answers already: an upgrade must not take it away.
    connection.exec_driver_sql("UPDATE view_position SET caught_up_at = now() WHERE watermark() IS NOT NULL")
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE view_1.view_position DROP COLUMN caught_up_at")
