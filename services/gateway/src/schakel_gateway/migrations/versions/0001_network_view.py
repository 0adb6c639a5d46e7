from alembic import op

from schakel_gateway.view.schema import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in statements("view_1", "view_1"):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP SCHEMA view_1 CASCADE")
