"""Which route is which processing of personal data (`docs/privacy/register.md`); None is none."""

from collections.abc import Mapping
from typing import Final

_DRAFTS: Final = "hulpvragen-zonder-account"
_CALLS: Final = "terugbelverzoeken"
_CHALLENGES: Final = "hulpvragen"
_REFERRALS: Final = "kennismakingen"

PROCESSINGS: Final[Mapping[str, str | None]] = {
    "POST /v1/drafts": _DRAFTS,
    "GET /v1/drafts/{draft_id}": _DRAFTS,
    "POST /v1/drafts/{draft_id}/corrections": _DRAFTS,
    "POST /v1/call-backs": _CALLS,
    "GET /v1/call-backs": _CALLS,
    "POST /v1/call-backs/{call_back_id}/done": _CALLS,
    "POST /v1/challenges": _CHALLENGES,
    "GET /v1/challenges/{challenge_id}": _CHALLENGES,
    "POST /v1/challenges/{challenge_id}/corrections": _CHALLENGES,
    "POST /v1/challenges/{challenge_id}/withdrawal": _CHALLENGES,
    "POST /v1/challenges/{challenge_id}/judgements": _CHALLENGES,
    "POST /v1/challenges/{challenge_id}/consent": _CHALLENGES,
    "GET /v1/opportunities": _CHALLENGES,
    "GET /v1/bundles": _CHALLENGES,
    "POST /v1/private/challenges": _CHALLENGES,
    "GET /v1/drafts/{draft_id}/explanations/{fieldlab}": _DRAFTS,
    "GET /v1/challenges/{challenge_id}/explanations/{fieldlab}": _CHALLENGES,
    "GET /v1/fieldlabs/{fieldlab}/coaching": None,
    "POST /v1/referrals": _REFERRALS,
    "GET /v1/referrals/{referral_id}": _REFERRALS,
    "POST /v1/referrals/{referral_id}/acceptance": _REFERRALS,
    "POST /v1/referrals/{referral_id}/decline": _REFERRALS,
    "POST /v1/referrals/{referral_id}/question": _REFERRALS,
    "POST /v1/referrals/{referral_id}/answer": _REFERRALS,
    "POST /v1/referrals/{referral_id}/withdrawal": _REFERRALS,
    "POST /v1/referrals/{referral_id}/outcome": _REFERRALS,
    "POST /v1/private/referrals": _REFERRALS,
}
