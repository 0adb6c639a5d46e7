from schakel_common.migrations import run_migrations
from schakel_events.tables import Base

run_migrations(Base.metadata)
