"""The table of mutations: each one is a command of a service, sent on with the user's own token.

A new command is a new line here and an input type; forwarding, problems and tokens follow from the table.
"""

from dataclasses import dataclass
from typing import Final

from schakel_contracts.topics import Service
from schakel_gateway.schema.inputs import companies, events, fieldlabs, matching
from schakel_gateway.schema.types import changes


@dataclass(frozen=True)
class Command:
    """One mutation.

    Attributes:
        service: that owns the rule and the fact.
        name: of the GraphQL field, from ``<Name>Input`` to ``<Name>Payload``.
        request: method and path of the REST command; a name in braces is a field of the input and leaves the body.
        thing: name of the payload's field; its type is in `THINGS`.
        secret_field: name of the input's field that travels as the header ``Draft-Secret``, if there is one.
    """

    service: Service
    name: str
    request: str
    thing: str
    secret_field: str | None = None

    @property
    def input(self) -> type:
        """The declared input type, ``<Name>Input``."""
        return _INPUTS[f"{self.name[0].upper()}{self.name[1:]}Input"]

    @property
    def payload_name(self) -> str:
        """Name of the GraphQL type that the mutation answers with."""
        return f"{self.name[0].upper()}{self.name[1:]}Payload"


_INPUTS: Final[dict[str, type]] = {
    name: declared
    for module in (companies, fieldlabs, matching, events)
    for name, declared in vars(module).items()
    if name.endswith("Input")
}

THINGS: Final[dict[str, type]] = {
    "draft": changes.NewDraft,
    "correctedDraft": changes.CorrectedDraft,
    "callBack": changes.Accepted,
    "joinRequest": changes.Accepted,
    "company": changes.CompanyChange,
    "challenge": changes.ChallengeChange,
    "referral": changes.ReferralChange,
    "activity": changes.ActivityChange,
    "registration": changes.RegistrationChange,
    "case": changes.CaseChange,
    "fieldlab": changes.FieldlabChange,
}
"""What a payload says about the thing it changed."""

COMMANDS: Final[tuple[Command, ...]] = (
    Command("registry", "registerCompany", "POST /v1/companies", "company"),
    Command("registry", "askToJoinCompany", "POST /v1/company-join-requests", "joinRequest"),
    Command("registry", "acceptMember", "POST /v1/companies/{companyId}/members/{sub}/acceptance", "company"),
    Command("registry", "removeMember", "POST /v1/companies/{companyId}/members/{sub}/removal", "company"),
    Command("registry", "changeCompany", "PATCH /v1/companies/{companyId}", "company"),
    Command("registry", "addEstablishment", "POST /v1/companies/{companyId}/establishments", "company"),
    Command("registry", "verifyCompany", "POST /v1/companies/{companyId}/verification", "company"),
    Command("registry", "moveCompany", "POST /v1/companies/{companyId}/move", "company"),
    Command("registry", "mergeCompany", "POST /v1/companies/{companyId}/merge", "company"),
    Command("registry", "eraseCompany", "POST /v1/companies/{companyId}/erasure", "company"),
    Command("registry", "registerFieldlab", "POST /v1/fieldlabs", "fieldlab"),
    Command("registry", "changeFieldlab", "PATCH /v1/fieldlabs/{slug}", "fieldlab"),
    Command("registry", "confirmFieldlab", "POST /v1/fieldlabs/{slug}/confirmation", "fieldlab"),
    Command("registry", "recogniseFieldlab", "POST /v1/fieldlabs/{slug}/recognition", "fieldlab"),
    Command("registry", "withdrawRecognition", "POST /v1/fieldlabs/{slug}/recognition-withdrawal", "fieldlab"),
    Command("registry", "activateFieldlab", "POST /v1/fieldlabs/{slug}/activation", "fieldlab"),
    Command("registry", "pauseFieldlab", "POST /v1/fieldlabs/{slug}/pause", "fieldlab"),
    Command("registry", "endFieldlab", "POST /v1/fieldlabs/{slug}/ending", "fieldlab"),
    Command("matching", "createDraft", "POST /v1/drafts", "draft"),
    Command("matching", "correctDraft", "POST /v1/drafts/{draftId}/corrections", "correctedDraft", "draftSecret"),
    Command("matching", "correctChallenge", "POST /v1/challenges/{challengeId}/corrections", "challenge"),
    Command("matching", "requestCallBack", "POST /v1/call-backs", "callBack"),
    Command("matching", "finishCallBack", "POST /v1/call-backs/{callBackId}/done", "callBack"),
    Command("matching", "submitChallenge", "POST /v1/challenges", "challenge"),
    Command("matching", "withdrawChallenge", "POST /v1/challenges/{challengeId}/withdrawal", "challenge"),
    Command("matching", "shareChallenge", "POST /v1/challenges/{challengeId}/consent", "challenge"),
    Command("matching", "judgeFieldlab", "POST /v1/challenges/{challengeId}/judgements", "challenge"),
    Command("matching", "requestReferral", "POST /v1/referrals", "referral"),
    Command("matching", "acceptReferral", "POST /v1/referrals/{referralId}/acceptance", "referral"),
    Command("matching", "declineReferral", "POST /v1/referrals/{referralId}/decline", "referral"),
    Command("matching", "askQuestion", "POST /v1/referrals/{referralId}/question", "referral"),
    Command("matching", "answerQuestion", "POST /v1/referrals/{referralId}/answer", "referral"),
    Command("matching", "withdrawReferral", "POST /v1/referrals/{referralId}/withdrawal", "referral"),
    Command("matching", "recordOutcome", "POST /v1/referrals/{referralId}/outcome", "referral"),
    Command("events", "planActivity", "POST /v1/activities", "activity"),
    Command("events", "changeActivity", "PATCH /v1/activities/{activityId}", "activity"),
    Command("events", "cancelActivity", "POST /v1/activities/{activityId}/cancellation", "activity"),
    Command("events", "registerForActivity", "POST /v1/activities/{activityId}/registrations", "registration"),
    Command("events", "cancelRegistration", "POST /v1/registrations/{registrationId}/cancellation", "registration"),
    Command("events", "publishCase", "POST /v1/cases", "case"),
    Command("events", "changeCase", "PATCH /v1/cases/{caseId}", "case"),
    Command("events", "withdrawCase", "POST /v1/cases/{caseId}/withdrawal", "case"),
)
