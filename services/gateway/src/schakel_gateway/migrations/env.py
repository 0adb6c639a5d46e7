from sqlalchemy import MetaData

from schakel_common.migrations import run_migrations

run_migrations(MetaData())  # the view's tables are plain SQL: nothing is mapped
