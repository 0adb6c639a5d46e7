from typing import Final

from alembic import op

from schakel_common.plumbing import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES: Final = """
CREATE TABLE company (
    id uuid NOT NULL,
    version int NOT NULL,
    status text NOT NULL,
    kvk_number varchar,
    name varchar,
    size_class text NOT NULL,
    sole_trader boolean NOT NULL,
    sbi text[] NOT NULL,
    merged_into uuid,
    registered_at timestamptz NOT NULL,
    CONSTRAINT pk_company PRIMARY KEY (id),
    CONSTRAINT ck_company_status_is_known CHECK (status IN ('unverified', 'verified', 'merged', 'erased')),
    CONSTRAINT ck_company_size_class_is_known CHECK (size_class IN ('micro', 'small', 'medium', 'large', 'unknown')),
    CONSTRAINT ck_company_erased_is_empty CHECK (status <> 'erased' OR coalesce(kvk_number, name) IS NULL),
    CONSTRAINT ck_company_merged_has_target CHECK ((status = 'merged') = (merged_into IS NOT NULL)),
    CONSTRAINT uq_company_kvk_number UNIQUE (kvk_number),
    CONSTRAINT fk_company_merged_into_company FOREIGN KEY(merged_into) REFERENCES company (id)
);
CREATE INDEX ix_company_merged_into ON company (merged_into);
CREATE TABLE fieldlab (
    id uuid NOT NULL,
    version int NOT NULL,
    slug varchar NOT NULL,
    name varchar NOT NULL,
    kind varchar NOT NULL,
    hub varchar NOT NULL,
    status text NOT NULL,
    recognition text NOT NULL,
    recognised_on varchar,
    recognised_until varchar,
    recognition_basis varchar,
    published boolean NOT NULL,
    description_nl varchar NOT NULL,
    description_en varchar NOT NULL,
    province varchar,
    municipality_code varchar,
    place varchar,
    postcode4 varchar,
    latitude float,
    longitude float,
    status_as_of varchar,
    started varchar,
    ended varchar,
    succeeded_by varchar,
    type varchar,
    themes text[] NOT NULL,
    transformations text[] NOT NULL,
    services text[] NOT NULL,
    sectors text[] NOT NULL,
    partners text[] NOT NULL,
    facilities text[] NOT NULL,
    languages text[] NOT NULL,
    trl_min int,
    trl_max int,
    capacity text NOT NULL,
    website varchar,
    confirmed_on varchar,
    confirmed_by varchar,
    verification varchar NOT NULL,
    sources text[] NOT NULL,
    CONSTRAINT pk_fieldlab PRIMARY KEY (id),
    CONSTRAINT ck_fieldlab_status_is_known CHECK (status IN ('candidate', 'active', 'paused', 'ended', 'unknown')),
    CONSTRAINT ck_fieldlab_recognition_is_known CHECK (recognition IN ('recognised', 'withdrawn', 'unknown')),
    CONSTRAINT uq_fieldlab_slug UNIQUE (slug)
);
CREATE INDEX ix_fieldlab_hub ON fieldlab (hub);
CREATE TABLE figure (
    id uuid NOT NULL,
    version int NOT NULL,
    key varchar NOT NULL,
    level varchar NOT NULL,
    subject varchar NOT NULL,
    label_nl varchar NOT NULL,
    label_en varchar NOT NULL,
    value float NOT NULL,
    unit varchar NOT NULL,
    qualifier varchar NOT NULL,
    kind varchar NOT NULL,
    source varchar NOT NULL,
    as_of varchar,
    published varchar,
    verification varchar NOT NULL,
    note varchar,
    CONSTRAINT pk_figure PRIMARY KEY (id),
    CONSTRAINT uq_figure_key UNIQUE (key)
);
CREATE TABLE hub (
    id uuid NOT NULL,
    version int NOT NULL,
    slug varchar NOT NULL,
    kind varchar NOT NULL,
    name_nl varchar NOT NULL,
    name_en varchar NOT NULL,
    description_nl varchar NOT NULL,
    description_en varchar NOT NULL,
    provinces text[] NOT NULL,
    website varchar,
    edih varchar,
    host varchar,
    partners text[] NOT NULL,
    sources text[] NOT NULL,
    verification varchar NOT NULL,
    CONSTRAINT pk_hub PRIMARY KEY (id),
    CONSTRAINT uq_hub_slug UNIQUE (slug)
);
CREATE TABLE loaded (
    kind varchar NOT NULL,
    slug varchar NOT NULL,
    digest varchar NOT NULL,
    version int NOT NULL,
    CONSTRAINT pk_loaded PRIMARY KEY (kind, slug)
);
CREATE TABLE establishment (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    "primary" boolean NOT NULL,
    hub varchar NOT NULL,
    province varchar NOT NULL,
    municipality_code varchar,
    place varchar NOT NULL,
    postcode varchar NOT NULL,
    house_number varchar,
    CONSTRAINT pk_establishment PRIMARY KEY (id),
    CONSTRAINT fk_establishment_company_id_company FOREIGN KEY(company_id) REFERENCES company (id)
);
CREATE INDEX establishment_of_company ON establishment (company_id);
CREATE UNIQUE INDEX one_primary_establishment ON establishment (company_id) WHERE "primary";
CREATE TABLE member (
    company_id uuid NOT NULL,
    sub varchar NOT NULL,
    status text NOT NULL,
    name varchar NOT NULL,
    phone varchar,
    asked_at timestamptz NOT NULL,
    CONSTRAINT pk_member PRIMARY KEY (company_id, sub),
    CONSTRAINT ck_member_status_is_known CHECK (status IN ('active', 'asking', 'removed')),
    CONSTRAINT fk_member_company_id_company FOREIGN KEY(company_id) REFERENCES company (id)
);
CREATE INDEX member_by_sub ON member (sub)
"""


def upgrade() -> None:
    create_plumbing(op)
    for statement in TABLES.split(";\n"):
        op.execute(statement)
