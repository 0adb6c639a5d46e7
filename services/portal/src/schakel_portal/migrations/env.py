from schakel_common.migrations import run_migrations
from schakel_portal.tables import Base

run_migrations(Base.metadata)
