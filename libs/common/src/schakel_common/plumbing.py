"""The tables that every service has beside its own: journal, outbox, restatements, epoch, replica, idempotency.

They are made by each service's first migration in its own database, and stay out of its metadata. What must hold even
when a program is wrong is kept by the database: the journal refuses change, a version that is double or leaves a
gap is refused, and `append_event` is the only writer of journal and outbox.
"""

from typing import Final, Protocol

PLUMBING_TABLES: Final = frozenset(
    {"journal", "outbox", "restatement", "epoch", "replica", "idempotency", "processing_line"}
)
"""Names that autogenerate must overlook."""

AGGREGATE_LOCK: Final = 7105
"""Class of the advisory locks that writers share and re-emission takes alone, per first byte of the aggregate's id."""


class Operations(Protocol):
    """What is needed of alembic's ``op``."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""


_TABLES: Final = """
CREATE TABLE epoch (
    epoch int PRIMARY KEY,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL
);
INSERT INTO epoch (epoch, reason) VALUES (1, 'beginning');

CREATE TABLE journal (
    seq bigserial PRIMARY KEY,
    topic text NOT NULL,
    kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    epoch int NOT NULL REFERENCES epoch,
    version int NOT NULL CHECK (version >= 1),
    event_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    type text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    value bytea NOT NULL CHECK (length(value) <= 65536),
    sha256 text NOT NULL,
    traceparent text,
    UNIQUE (kind, aggregate_id, version)
);

CREATE TABLE outbox (
    seq bigserial PRIMARY KEY,
    journal_seq bigint NOT NULL REFERENCES journal,
    epoch int NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE restatement (
    epoch int NOT NULL REFERENCES epoch,
    kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    version int NOT NULL,
    PRIMARY KEY (kind, aggregate_id, epoch),
    FOREIGN KEY (kind, aggregate_id, version) REFERENCES journal (kind, aggregate_id, version)
);

CREATE TABLE replica (
    kind text NOT NULL,
    id uuid NOT NULL,
    epoch int NOT NULL,
    version int NOT NULL,
    state jsonb NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX ix_replica_state ON replica USING gin (state jsonb_path_ops);

CREATE TABLE idempotency (
    owner text NOT NULL,
    key text NOT NULL,
    request_digest text NOT NULL,
    status int,
    headers jsonb,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX ix_idempotency_created_at ON idempotency (created_at)
"""

_REFUSE_CHANGE: Final = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

_APPEND_EVENT: Final = f"""
CREATE FUNCTION append_event(
    p_topic text, p_kind text, p_id uuid, p_version int, p_type text, p_effective_at timestamptz,
    p_value bytea, p_sha256 text, p_traceparent text
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    last_version int;
    last_recorded_at timestamptz;
    current_epoch int;
    line bigint;
BEGIN
    -- Re-emission holds this lock exclusively, one bucket of aggregates at a time; writers never wait for each other.
    PERFORM pg_advisory_xact_lock_shared({AGGREGATE_LOCK}, get_byte(uuid_send(p_id), 0));
    -- The relay's watermark looks at transactions that have an id: get one before looking at the clock.
    PERFORM pg_current_xact_id();
    SELECT version, recorded_at INTO last_version, last_recorded_at
        FROM journal WHERE kind = p_kind AND aggregate_id = p_id ORDER BY version DESC LIMIT 1;
    IF p_version > coalesce(last_version, 0) + 1 THEN
        RAISE EXCEPTION 'version % of % % leaves a gap after %', p_version, p_kind, p_id, coalesce(last_version, 0)
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT max(epoch) INTO current_epoch FROM epoch;
    INSERT INTO journal (topic, kind, aggregate_id, epoch, version, type, effective_at, recorded_at, value, sha256,
                         traceparent)
        VALUES (p_topic, p_kind, p_id, current_epoch, p_version, p_type, p_effective_at,
                greatest(clock_timestamp(), last_recorded_at + interval '1 microsecond'), p_value, p_sha256,
                p_traceparent)
        RETURNING seq INTO line;
    INSERT INTO outbox (journal_seq, epoch, traceparent) VALUES (line, current_epoch, p_traceparent);
    PERFORM pg_notify('outbox', '');
    RETURN current_epoch;
END $$
"""  # noqa: S608 - made of a constant only


def create_plumbing(op: Operations) -> None:
    """Create the plumbing tables; the first thing that a service's first migration does.

    Args:
        op: alembic's operations.
    """
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    op.execute(_REFUSE_CHANGE)
    for table in ("journal", "restatement", "epoch"):
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(_APPEND_EVENT)
