from typing import Final

from alembic import op

from schakel_common.plumbing import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES: Final = """
CREATE TABLE challenge (
    id uuid NOT NULL,
    version int NOT NULL,
    company_id uuid NOT NULL,
    status text NOT NULL,
    home_hub varchar NOT NULL,
    routed_hub varchar NOT NULL,
    submitted_at timestamptz NOT NULL,
    language text NOT NULL,
    text varchar,
    postcode4 varchar,
    province varchar,
    municipality_code varchar,
    sbi_division varchar,
    slate jsonb,
    CONSTRAINT pk_challenge PRIMARY KEY (id),
    CONSTRAINT ck_challenge_language_is_known CHECK (language IN ('nl', 'en')),
    CONSTRAINT ck_challenge_status_is_known CHECK (status IN ('open', 'withdrawn', 'closed', 'erased')),
    CONSTRAINT ck_challenge_erased_is_empty
        CHECK (status <> 'erased' OR (slate IS NULL
            AND coalesce(text, postcode4, municipality_code, sbi_division) IS NULL))
);
CREATE INDEX ix_challenge_company_id ON challenge (company_id);
CREATE INDEX ix_challenge_status ON challenge (status);
CREATE TABLE draft (
    id uuid NOT NULL,
    secret_sha256 varchar NOT NULL,
    text varchar NOT NULL,
    language text NOT NULL,
    postcode4 varchar,
    sbi_division varchar,
    created_at timestamptz NOT NULL,
    challenge_id uuid,
    CONSTRAINT pk_draft PRIMARY KEY (id),
    CONSTRAINT ck_draft_language_is_known CHECK (language IN ('nl', 'en')),
    CONSTRAINT fk_draft_challenge_id_challenge FOREIGN KEY (challenge_id) REFERENCES challenge (id)
);
CREATE INDEX ix_draft_challenge_id ON draft (challenge_id);
CREATE INDEX ix_draft_created_at ON draft (created_at);
CREATE TABLE referral (
    id uuid NOT NULL,
    version int NOT NULL,
    challenge_id uuid NOT NULL,
    company_id uuid NOT NULL,
    fieldlab_id uuid NOT NULL,
    fieldlab varchar NOT NULL,
    fieldlab_hub varchar NOT NULL,
    home_hub varchar NOT NULL,
    routed_hub varchar NOT NULL,
    province varchar,
    status text NOT NULL,
    requested_at timestamptz NOT NULL,
    waiting_on text,
    due_on date,
    answered_at timestamptz,
    decline_reason text,
    outcome text,
    outcome_on date,
    CONSTRAINT pk_referral PRIMARY KEY (id),
    CONSTRAINT ck_referral_status_is_known
        CHECK (status IN ('requested', 'question', 'accepted', 'declined', 'withdrawn', 'completed', 'erased')),
    CONSTRAINT ck_referral_waiting_on_is_known CHECK (waiting_on IN ('fieldlab', 'company', 'hub')),
    CONSTRAINT ck_referral_decline_reason_is_known
        CHECK (decline_reason IN ('no_capacity', 'not_our_field', 'too_early', 'duplicate', 'other')),
    CONSTRAINT ck_referral_outcome_is_known CHECK (outcome IN ('visited', 'tested', 'trained', 'invested', 'nothing')),
    CONSTRAINT fk_referral_challenge_id_challenge FOREIGN KEY (challenge_id) REFERENCES challenge (id)
);
CREATE INDEX ix_referral_company_id ON referral (company_id);
CREATE INDEX ix_referral_fieldlab_id ON referral (fieldlab_id);
CREATE UNIQUE INDEX uq_referral_challenge_id_fieldlab_id ON referral (challenge_id, fieldlab_id)
    WHERE status NOT IN ('withdrawn', 'erased');
CREATE TABLE call_back (
    id uuid NOT NULL,
    draft_id uuid,
    name varchar NOT NULL,
    phone varchar NOT NULL,
    "when" varchar NOT NULL,
    postcode4 varchar,
    hub varchar NOT NULL,
    created_at timestamptz NOT NULL,
    done_at timestamptz,
    CONSTRAINT pk_call_back PRIMARY KEY (id),
    CONSTRAINT fk_call_back_draft_id_draft FOREIGN KEY (draft_id) REFERENCES draft (id) ON DELETE SET NULL
);
CREATE INDEX ix_call_back_created_at ON call_back (created_at);
CREATE INDEX ix_call_back_draft_id ON call_back (draft_id);
CREATE INDEX ix_call_back_hub ON call_back (hub);
CREATE TABLE message (
    id SERIAL NOT NULL,
    referral_id uuid NOT NULL,
    at timestamptz NOT NULL,
    by text NOT NULL,
    text varchar NOT NULL,
    CONSTRAINT pk_message PRIMARY KEY (id),
    CONSTRAINT ck_message_by_is_known CHECK (by IN ('fieldlab', 'company', 'hub')),
    CONSTRAINT fk_message_referral_id_referral FOREIGN KEY (referral_id) REFERENCES referral (id)
);
CREATE INDEX ix_message_referral_id ON message (referral_id)
"""


def upgrade() -> None:
    create_plumbing(op)
    for statement in TABLES.split(";\n"):
        op.execute(statement)
