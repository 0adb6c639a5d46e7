from alembic import op

from schakel_gateway.permissions import READER
from schakel_gateway.view.schema import additions

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL search_path TO view_1")
    for statement in additions("view_1"):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("REVOKE EXECUTE ON FUNCTION white_spots(text) FROM PUBLIC")
    connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION white_spots(text) TO {READER}")
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP FUNCTION view_1.white_spots(text)")
