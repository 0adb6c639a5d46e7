from typing import Final

from alembic import op

from schakel_common.plumbing import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES: Final = """
CREATE TABLE activity (
    id uuid NOT NULL,
    version int NOT NULL,
    slug varchar NOT NULL,
    organiser varchar NOT NULL,
    hub varchar NOT NULL,
    status text NOT NULL,
    title_nl varchar NOT NULL,
    title_en varchar NOT NULL,
    summary_nl varchar NOT NULL,
    summary_en varchar NOT NULL,
    starts_at varchar NOT NULL,
    date_precision text NOT NULL,
    ends_at varchar,
    mode text NOT NULL,
    place varchar,
    province varchar,
    municipality_code varchar,
    organiser_name varchar,
    fieldlabs text[] NOT NULL,
    themes text[] NOT NULL,
    capacity int,
    seats_taken int NOT NULL,
    waiting int NOT NULL,
    registrations int NOT NULL,
    attendance int,
    website varchar,
    sources text[] NOT NULL,
    CONSTRAINT pk_activity PRIMARY KEY (id),
    CONSTRAINT ck_activity_status_is_known CHECK (status IN ('planned', 'held', 'cancelled')),
    CONSTRAINT ck_activity_counts_are_not_negative CHECK (seats_taken >= 0 AND waiting >= 0),
    CONSTRAINT ck_activity_seats_within_capacity CHECK (capacity IS NULL OR seats_taken <= capacity),
    CONSTRAINT uq_activity_slug UNIQUE (slug)
);
CREATE INDEX ix_activity_organiser ON activity (organiser);
CREATE TABLE loaded (
    kind varchar NOT NULL,
    slug varchar NOT NULL,
    digest varchar NOT NULL,
    version int NOT NULL,
    CONSTRAINT pk_loaded PRIMARY KEY (kind, slug)
);
CREATE TABLE story (
    id uuid NOT NULL,
    version int NOT NULL,
    slug varchar NOT NULL,
    owner varchar NOT NULL,
    hub varchar NOT NULL,
    status text NOT NULL,
    title_nl varchar NOT NULL,
    title_en varchar NOT NULL,
    summary_nl varchar NOT NULL,
    summary_en varchar NOT NULL,
    date varchar,
    fieldlab varchar,
    place varchar,
    province varchar,
    municipality_code varchar,
    themes text[] NOT NULL,
    transformations text[] NOT NULL,
    sectors text[] NOT NULL,
    company_names text[] NOT NULL,
    company_size varchar,
    effect_nl varchar,
    effect_en varchar,
    effect_measured boolean,
    sources text[] NOT NULL,
    verification varchar NOT NULL,
    CONSTRAINT pk_story PRIMARY KEY (id),
    CONSTRAINT ck_story_status_is_known CHECK (status IN ('published', 'withdrawn')),
    CONSTRAINT uq_story_slug UNIQUE (slug)
);
CREATE INDEX ix_story_owner ON story (owner);
CREATE TABLE registration (
    id uuid NOT NULL,
    version int NOT NULL,
    number int NOT NULL,
    activity_id uuid NOT NULL,
    activity_hub varchar NOT NULL,
    sub varchar,
    company_id uuid,
    home_hub varchar NOT NULL,
    status text NOT NULL,
    registered_at timestamptz NOT NULL,
    name varchar,
    email varchar,
    CONSTRAINT pk_registration PRIMARY KEY (id),
    CONSTRAINT ck_registration_status_is_known
        CHECK (status IN ('registered', 'waiting', 'cancelled', 'attended', 'erased')),
    CONSTRAINT uq_registration_activity_id_number UNIQUE (activity_id, number),
    CONSTRAINT ck_registration_erased_is_empty CHECK (status <> 'erased' OR coalesce(sub, name, email) IS NULL),
    CONSTRAINT fk_registration_activity_id_activity FOREIGN KEY(activity_id) REFERENCES activity (id)
);
CREATE UNIQUE INDEX one_per_person ON registration (activity_id, sub)
    WHERE status IN ('registered', 'waiting', 'attended');
CREATE INDEX registration_of_company ON registration (company_id)
"""


def upgrade() -> None:
    create_plumbing(op)
    for statement in TABLES.split(";\n"):
        op.execute(statement)
