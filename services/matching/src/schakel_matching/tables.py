"""The tables of matching, and the one way from their rows to the public state of each aggregate.

Texts, names and phone numbers are in `DraftRow`, `CallBackRow`, `ChallengeRow` (text, slate, told), `MessageRow` and
`JudgementRow` (reason), and nowhere else.
"""

from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, DateTime, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from schakel_common.database import service_registry
from schakel_contracts.challenges import ChallengeNews, ChallengeState, Judgement, RankedFieldlab
from schakel_contracts.envelope import instant_text
from schakel_contracts.referrals import DeclineReason, Outcome, ReferralState, ReferralStatus
from schakel_matching.engine.slate import Slate, Told
from schakel_matching.model import AMSTERDAM, Turn

Language = Literal["nl", "en"]
ChallengeStatus = Literal["open", "withdrawn", "closed", "erased"]
JudgingStep = Literal["add", "pin", "drop", "take_back"]
INSTANT: Final = DateTime(timezone=True)
ASKED_ONCE_WHERE: Final = "status NOT IN ('withdrawn', 'erased')"
"""Which introductions count for asking a fieldlab once about a need."""

_NO: Final = text("false")
_EMPTY_LIST: Final = text("'[]'")


def _one_of(column: str, literal: object) -> CheckConstraint:
    """Let a column hold only the values of a Literal."""
    values = ", ".join(f"'{value}'" for value in get_args(literal))
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_is_known")


class Base(SQLModel, registry=service_registry("matching")):
    """The tables of this service, apart from those of any other in the same process."""

    __abstract__ = True


class DraftRow(Base, table=True):
    """An anonymous need, readable with its secret only; deleted after 30 days."""

    __tablename__ = "draft"
    __table_args__ = (_one_of("language", Language),)

    id: UUID = Field(primary_key=True)
    secret_sha256: str
    text: str
    language: Language = Field(sa_type=Text)
    postcode4: str | None = None
    sbi_division: str | None = None
    told: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    created_at: datetime = Field(sa_type=INSTANT, index=True)
    challenge_id: UUID | None = Field(default=None, foreign_key="challenge.id", index=True)


class CallBackRow(Base, table=True):
    """Somebody who wants to be called; deleted after 30 days."""

    __tablename__ = "call_back"

    id: UUID = Field(primary_key=True)
    draft_id: UUID | None = Field(default=None, foreign_key="draft.id", ondelete="SET NULL", index=True)
    name: str
    phone: str
    when: str
    postcode4: str | None = None
    hub: str = Field(index=True)
    created_at: datetime = Field(sa_type=INSTANT, index=True)
    done_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ChallengeRow(Base, table=True):
    """A company's need with the slate it was shown; ``text``, ``slate`` and ``told`` go with the company."""

    __tablename__ = "challenge"
    __table_args__ = (
        _one_of("language", Language),
        _one_of("status", ChallengeStatus),
        CheckConstraint(
            "status <> 'erased' OR (slate IS NULL AND told IS NULL"
            " AND coalesce(text, postcode4, municipality_code, sbi_division) IS NULL)",
            name="erased_is_empty",
        ),
    )

    id: UUID = Field(primary_key=True)
    version: int
    company_id: UUID = Field(index=True)
    status: ChallengeStatus = Field(sa_type=Text, index=True)
    home_hub: str
    routed_hub: str
    submitted_at: datetime = Field(sa_type=INSTANT)
    language: Language = Field(sa_type=Text)
    text: str | None
    postcode4: str | None = None
    province: str | None = None
    municipality_code: str | None = None
    sbi_division: str | None = None
    slate: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    told: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    news: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    shared: bool = Field(default=False, sa_column_kwargs={"server_default": _NO})
    judgements: list[dict[str, str]] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": _EMPTY_LIST}
    )


class JudgementRow(Base, table=True):
    """What an adviser said of a fieldlab; the newest of a challenge and a fieldlab holds, and none is ever changed.

    Only the reason, which is private, is deleted when the company is erased; a trigger refuses every other change.
    """

    __tablename__ = "judgement"
    __table_args__ = (_one_of("action", JudgingStep),)

    id: int | None = Field(default=None, primary_key=True)
    challenge_id: UUID = Field(foreign_key="challenge.id", index=True)
    challenge_version: int
    fieldlab: str
    action: JudgingStep = Field(sa_type=Text)
    reason: str | None
    hub: str
    at: datetime = Field(sa_type=INSTANT)
    model: str
    rank: int | None = None
    score: float | None = None


class SlatePlaceRow(Base, table=True):
    """A place in a slate as it was shown, for learning later; append-only, without a word of the company."""

    __tablename__ = "slate_place"

    challenge_id: UUID = Field(primary_key=True, foreign_key="challenge.id")
    challenge_version: int = Field(primary_key=True)
    fieldlab: str = Field(primary_key=True)
    rank: int
    score: float
    parts: dict[str, float] = Field(sa_type=JSONB)
    model: str
    at: datetime = Field(sa_type=INSTANT)


class SlateOutcomeRow(Base, table=True):
    """What became of a place in a slate, one line per step of the introduction; append-only, without messages."""

    __tablename__ = "slate_outcome"

    referral_id: UUID = Field(primary_key=True, foreign_key="referral.id")
    referral_version: int = Field(primary_key=True)
    challenge_id: UUID = Field(foreign_key="challenge.id", index=True)
    fieldlab: str
    happening: str
    decline_reason: str | None = None
    outcome: str | None = None
    outcome_on: date | None = None
    at: datetime = Field(sa_type=INSTANT)


class ReferralRow(Base, table=True):
    """An introduction; of one challenge and one fieldlab there is at most one that was not withdrawn."""

    __tablename__ = "referral"
    __table_args__ = (
        _one_of("status", ReferralStatus),
        _one_of("waiting_on", Turn),
        _one_of("decline_reason", DeclineReason),
        _one_of("outcome", Outcome),
        Index(
            "uq_referral_challenge_id_fieldlab_id",
            "challenge_id",
            "fieldlab_id",
            unique=True,
            postgresql_where=text(ASKED_ONCE_WHERE),
        ),
    )

    id: UUID = Field(primary_key=True)
    version: int
    challenge_id: UUID = Field(foreign_key="challenge.id")
    company_id: UUID = Field(index=True)
    fieldlab_id: UUID = Field(index=True)
    fieldlab: str
    fieldlab_hub: str
    home_hub: str
    routed_hub: str
    province: str | None = None
    status: ReferralStatus = Field(sa_type=Text)
    requested_at: datetime = Field(sa_type=INSTANT)
    waiting_on: Turn | None = Field(default=None, sa_type=Text)
    due_on: date | None = None
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    decline_reason: DeclineReason | None = Field(default=None, sa_type=Text)
    outcome: Outcome | None = Field(default=None, sa_type=Text)
    outcome_on: date | None = None


class MessageRow(Base, table=True):
    """What company, fieldlab or hub wrote to each other about an introduction; private."""

    __tablename__ = "message"
    __table_args__ = (_one_of("by", Turn),)

    id: int | None = Field(default=None, primary_key=True)
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    at: datetime = Field(sa_type=INSTANT)
    by: Turn = Field(sa_type=Text)
    text: str


def slate_of(row: ChallengeRow) -> Slate | None:
    """Return the slate that the company was shown; None after erasure."""
    return None if row.slate is None else msgspec.convert(row.slate, Slate)


def told_of(row: ChallengeRow | DraftRow) -> Told:
    """Return what the company told beside its text."""
    return Told() if row.told is None else msgspec.convert(row.told, Told)


def told_to_row(told: Told) -> dict[str, Any] | None:
    """Return what a company told as it is kept; None when it told nothing."""
    return None if told == Told() else msgspec.to_builtins(told)


def slate_to_row(slate: Slate) -> dict[str, Any]:
    """Return a slate as it is kept."""
    kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(slate))
    return kept


def state_of_challenge(row: ChallengeRow) -> ChallengeState:
    """Return the public state: the order of the slate without its reasons, which quote the company."""
    slate = slate_of(row)
    return ChallengeState(
        id=row.id,
        company_id=row.company_id,
        status=row.status,
        home_hub=row.home_hub,
        routed_hub=row.routed_hub,
        submitted_on=row.submitted_at.astimezone(AMSTERDAM).date().isoformat(),
        language=row.language,
        province=row.province,
        municipality_code=row.municipality_code,
        sbi_division=row.sbi_division,
        concepts=[concept.key for concept in slate.concepts] if slate else [],
        matches=[RankedFieldlab(fieldlab=m.slug, rank=m.rank, score=m.score) for m in slate.matches] if slate else [],
        model=slate.model if slate else "",
        shared=row.shared,
        judgements=[msgspec.convert(each, Judgement) for each in row.judgements],
        news=None if row.news is None else msgspec.convert(row.news, ChallengeNews),
    )


def state_of_referral(row: ReferralRow) -> ReferralState:
    """Return the public state, with its own attribution."""
    return ReferralState(
        id=row.id,
        challenge_id=row.challenge_id,
        company_id=row.company_id,
        fieldlab_id=row.fieldlab_id,
        fieldlab=row.fieldlab,
        fieldlab_hub=row.fieldlab_hub,
        home_hub=row.home_hub,
        routed_hub=row.routed_hub,
        status=row.status,
        requested_at=instant_text(row.requested_at),
        province=row.province,
        waiting_on=row.waiting_on,
        due_on=row.due_on.isoformat() if row.due_on else None,
        answered_at=instant_text(row.answered_at) if row.answered_at else None,
        decline_reason=row.decline_reason,
        outcome=row.outcome,
        outcome_on=row.outcome_on.isoformat() if row.outcome_on else None,
    )
