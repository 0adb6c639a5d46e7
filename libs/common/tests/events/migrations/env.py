from schakel_common.migrations import run_migrations
from sqlalchemy import MetaData

run_migrations(MetaData())
