from sqlalchemy import MetaData

from schakel_common.migrations import run_migrations

run_migrations(MetaData())
