"""An introduction of a company to a fieldlab, followed to its outcome. Users read "kennismaking", never "referral"."""

from typing import Literal
from uuid import UUID

import msgspec

ReferralStatus = Literal["requested", "question", "accepted", "declined", "withdrawn", "completed", "erased"]
DeclineReason = Literal["no_capacity", "not_our_field", "too_early", "duplicate", "other"]
Outcome = Literal["visited", "tested", "trained", "invested", "nothing"]


class ReferralState(msgspec.Struct, frozen=True):
    """The whole public state of an introduction; it carries its own attribution, so nothing is joined to count it.

    Attributes:
        fieldlab: slug of the fieldlab that is asked: it serves.
        fieldlab_hub: hub of that fieldlab, or ``national``.
        home_hub: where the company counts.
        routed_hub: hub of the establishment: it introduces.
        waiting_on: whose turn it is, or None when nobody's.
        due_on: day (YYYY-MM-DD) by which the one waited on should answer.
        requested_at: instants are RFC 3339 in UTC.
        outcome_on: the day the outcome happened in the world (YYYY-MM-DD).
    """

    id: UUID
    challenge_id: UUID
    company_id: UUID
    fieldlab_id: UUID
    fieldlab: str
    fieldlab_hub: str
    home_hub: str
    routed_hub: str
    status: ReferralStatus
    requested_at: str
    province: str | None = None
    waiting_on: Literal["fieldlab", "company", "hub"] | None = None
    due_on: str | None = None
    answered_at: str | None = None
    decline_reason: DeclineReason | None = None
    outcome: Outcome | None = None
    outcome_on: str | None = None
