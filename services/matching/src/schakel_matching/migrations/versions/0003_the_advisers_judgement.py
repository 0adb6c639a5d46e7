from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    "ALTER TABLE challenge ADD COLUMN shared boolean NOT NULL DEFAULT false",
    "ALTER TABLE challenge ADD COLUMN judgements jsonb NOT NULL DEFAULT '[]'",
    """CREATE TABLE judgement (
        id SERIAL NOT NULL,
        challenge_id uuid NOT NULL,
        challenge_version int NOT NULL,
        fieldlab varchar NOT NULL,
        action text NOT NULL,
        reason varchar,
        hub varchar NOT NULL,
        at timestamptz NOT NULL,
        model varchar NOT NULL,
        rank int,
        score float,
        CONSTRAINT pk_judgement PRIMARY KEY (id),
        CONSTRAINT ck_judgement_action_is_known CHECK (action IN ('add', 'pin', 'drop', 'take_back')),
        CONSTRAINT fk_judgement_challenge_id_challenge FOREIGN KEY (challenge_id) REFERENCES challenge (id)
    )""",
    "CREATE INDEX ix_judgement_challenge_id ON judgement (challenge_id)",
    """CREATE TABLE slate_place (
        challenge_id uuid NOT NULL,
        challenge_version int NOT NULL,
        fieldlab varchar NOT NULL,
        rank int NOT NULL,
        score float NOT NULL,
        parts jsonb NOT NULL,
        model varchar NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_slate_place PRIMARY KEY (challenge_id, challenge_version, fieldlab),
        CONSTRAINT fk_slate_place_challenge_id_challenge FOREIGN KEY (challenge_id) REFERENCES challenge (id)
    )""",
    """CREATE TABLE slate_outcome (
        referral_id uuid NOT NULL,
        referral_version int NOT NULL,
        challenge_id uuid NOT NULL,
        fieldlab varchar NOT NULL,
        happening varchar NOT NULL,
        decline_reason varchar,
        outcome varchar,
        outcome_on date,
        at timestamptz NOT NULL,
        CONSTRAINT pk_slate_outcome PRIMARY KEY (referral_id, referral_version),
        CONSTRAINT fk_slate_outcome_referral_id_referral FOREIGN KEY (referral_id) REFERENCES referral (id),
        CONSTRAINT fk_slate_outcome_challenge_id_challenge FOREIGN KEY (challenge_id) REFERENCES challenge (id)
    )""",
    "CREATE INDEX ix_slate_outcome_challenge_id ON slate_outcome (challenge_id)",
    # What was shown and said stays as it was; of a judgement only the words can go, when the company is erased.
    """CREATE FUNCTION keep_as_it_was() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'judgement' THEN
            IF to_jsonb(NEW) = to_jsonb(OLD) || '{"reason": null}' THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END
    $$""",
    *(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_as_it_was()"
        for table in ("judgement", "slate_place", "slate_outcome")
    ),
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
