"""Who may ask and send what: one table for the roots of the schema, one for private fields, one for every type.

Default is deny: a root field without a line here stops the process at start, and a test walks the schema. Which *rows*
somebody sees is in `permissions` and enforced by the database; who may give a command is decided again by its owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from schakel_contracts.topics import Service


@dataclass(frozen=True)
class Rule:
    """Who may use a root field.

    Attributes:
        who: ``public``, ``signed in``, or ``scope``.
        scopes: any of these is enough; ``hub:*`` is any hub's, a name in braces is the value of that argument.
        reason: why a public field may be public, or what narrows a signed-in one.
    """

    who: Literal["public", "signed in", "scope"]
    scopes: tuple[str, ...] = ()
    reason: str = ""


def public(reason: str) -> Rule:
    """Anybody, for this reason."""
    return Rule("public", reason=reason)


def signed_in(reason: str) -> Rule:
    """Anybody with a token; what narrows it further is said."""
    return Rule("signed in", reason=reason)


def scope(*scopes: str) -> Rule:
    """Who has one of these scopes."""
    return Rule("scope", scopes)


_REGISTER: Final = public("the register is open data; unpublished rows are hidden by row-level security")
_ROWS: Final = signed_in("row-level security shows only rows that concern the caller")
_OWNER: Final = signed_in("the owning service checks membership of the company")
_FIELDLAB: Final = scope("fieldlab:{slug}", "hub:*", "national")
_EDITOR: Final = scope("fieldlab:*", "hub:*", "national")

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "Query.me": public("tells the caller only about itself; null without a token"),
        "Query.fieldlabs": _REGISTER,
        "Query.fieldlab": _REGISTER,
        "Query.hubs": _REGISTER,
        "Query.activities": _REGISTER,
        "Query.activity": _REGISTER,
        "Query.cases": _REGISTER,
        "Query.case": _REGISTER,
        "Query.figures": _REGISTER,
        "Query.technologies": _REGISTER,
        "Query.network": public("the public gets suppressed figures at month ends"),
        "Query.whiteSpots": public("others than the national team and the hub get suppressed cells at month ends"),
        "Query.draft": public("needs the draft's secret"),
        "Query.myCompany": _ROWS,
        "Query.challenge": _ROWS,
        "Query.myChallenges": _ROWS,
        "Query.myReferrals": _ROWS,
        "Query.referral": _ROWS,
        "Query.hubDesk": scope("hub:{hub}"),
        "Query.fieldlabInbox": scope("fieldlab:{fieldlab}"),
        "Query.why": public("needs the draft's secret, or a challenge whose slate the owner lets the caller read"),
        "Query.fieldlabCoaching": scope("fieldlab:{fieldlab}"),
        "Query.fieldlabOpportunities": scope("fieldlab:{fieldlab}"),
        "Query.hubOpportunities": scope("hub:{hub}"),
        "Query.hubBundles": scope("hub:{hub}"),
        "Mutation.createDraft": public("a need can be typed without an account; kept 30 days under a secret"),
        "Mutation.correctDraft": public("needs the draft's secret"),
        "Mutation.requestCallBack": public("a call can be asked for without an account"),
        "Mutation.finishCallBack": scope("hub:*"),
        "Mutation.registerCompany": signed_in("anyone may register a company; it stays unverified"),
        "Mutation.askToJoinCompany": signed_in("the answer is the same for every number"),
        "Mutation.acceptMember": signed_in("the registry checks: an active member, or its hub"),
        "Mutation.removeMember": signed_in("the registry checks: an active member, or its hub"),
        "Mutation.changeCompany": _OWNER,
        "Mutation.addEstablishment": _OWNER,
        "Mutation.verifyCompany": scope("hub:*"),
        "Mutation.moveCompany": _OWNER,
        "Mutation.mergeCompany": scope("hub:*", "national"),
        "Mutation.eraseCompany": signed_in("the registry checks: a member, or its hub"),
        "Mutation.submitChallenge": _OWNER,
        "Mutation.correctChallenge": _OWNER,
        "Mutation.withdrawChallenge": _OWNER,
        "Mutation.shareChallenge": _OWNER,
        "Mutation.judgeFieldlab": scope("hub:*"),
        "Mutation.requestReferral": _OWNER,
        "Mutation.acceptReferral": scope("fieldlab:*"),
        "Mutation.declineReferral": scope("fieldlab:*"),
        "Mutation.askQuestion": scope("fieldlab:*"),
        "Mutation.answerQuestion": _OWNER,
        "Mutation.withdrawReferral": _OWNER,
        "Mutation.recordOutcome": signed_in("matching checks: the fieldlab, a member, or the hub"),
        "Mutation.planActivity": scope("{organiser}"),
        "Mutation.changeActivity": _EDITOR,
        "Mutation.cancelActivity": _EDITOR,
        "Mutation.registerForActivity": signed_in("anyone may come"),
        "Mutation.cancelRegistration": signed_in("events checks: oneself, or the organiser"),
        "Mutation.publishCase": scope("{owner}"),
        "Mutation.changeCase": _EDITOR,
        "Mutation.withdrawCase": _EDITOR,
        "Mutation.registerFieldlab": scope("national"),
        "Mutation.recogniseFieldlab": scope("national"),
        "Mutation.withdrawRecognition": scope("national"),
        "Mutation.changeFieldlab": _FIELDLAB,
        "Mutation.confirmFieldlab": _FIELDLAB,
        "Mutation.activateFieldlab": _FIELDLAB,
        "Mutation.pauseFieldlab": _FIELDLAB,
        "Mutation.endFieldlab": _FIELDLAB,
        "Subscription.myReferrals": signed_in("only introductions of companies that the caller is a member of"),
    }
)
"""Every root field of the schema."""


@dataclass(frozen=True)
class Owned:
    """Fields that stay with their owner, which decides per object and caller.

    Attributes:
        service: whose they are.
        path: where a batch of ids is asked.
        state: the field that says how it went.
        fields: names in the schema.
    """

    service: Service
    path: str
    state: str
    fields: tuple[str, ...]


OWNED: Final[Mapping[str, Owned]] = MappingProxyType(
    {
        "Company": Owned(
            "registry", "/v1/private/companies", "privateState", ("name", "kvkNumber", "place", "contacts")
        ),
        "Challenge": Owned(
            "matching",
            "/v1/private/challenges",
            "privateState",
            ("text", "matches", "judgements", "needs", "endings", "told"),
        ),
        "Referral": Owned("matching", "/v1/private/referrals", "privateState", ("messages",)),
        "Registration": Owned("events", "/v1/private/registrations", "privateState", ("contact",)),
        "HubDesk": Owned("matching", "/v1/call-backs", "callBacksState", ("callBacks",)),
    }
)
"""Types with private fields."""

Visibility = Literal["public", "rows", "private", "reply"]

TYPES: Final[Mapping[str, Visibility]] = MappingProxyType(
    {
        "PageInfo": "public",
        "FieldError": "reply",
        "Problem": "reply",
        "HubCount": "public",
        "FieldlabCount": "public",
        "Indicator": "public",
        "Network": "public",
        "PublishedFigure": "public",
        "WhiteSpots": "public",
        "WhiteSpot": "public",
        "Technology": "public",
        "Recognition": "public",
        "Confirmation": "public",
        "Fieldlab": "public",
        "FieldlabConnection": "public",
        "Hub": "public",
        "Activity": "public",
        "ActivityConnection": "public",
        "Effect": "public",
        "Case": "public",
        "CaseConnection": "public",
        "RankedFieldlab": "rows",
        "ChallengeNews": "rows",
        "FieldlabNews": "rows",
        "Establishment": "rows",
        "Member": "rows",
        "Company": "rows",
        "Me": "rows",
        "Referral": "rows",
        "ReferralConnection": "rows",
        "Challenge": "rows",
        "HubDesk": "rows",
        "DeskCounts": "rows",
        "Registration": "rows",
        "Contact": "private",
        "RegistrationContact": "private",
        "Message": "private",
        "CallBack": "private",
        "Match": "private",
        "MatchPart": "private",
        "Judgement": "private",
        "Bundle": "private",
        "BundledNeed": "private",
        "Opportunity": "private",
        "OpportunityFit": "private",
        "Ended": "private",
        "Draft": "private",
        "FoundNeed": "private",
        "ServingFieldlab": "private",
        "Ending": "private",
        "Told": "private",
        "ToldTechnologies": "private",
        "Why": "private",
        "OrderChange": "private",
        "Coaching": "private",
        "CoachTip": "private",
        "NewDraft": "reply",
        "CorrectedDraft": "reply",
        "Accepted": "reply",
        "CompanyChange": "reply",
        "ChallengeChange": "reply",
        "ReferralChange": "reply",
        "ActivityChange": "reply",
        "RegistrationChange": "reply",
        "CaseChange": "reply",
        "FieldlabChange": "reply",
    }
)
"""Every object type: public data; rows that the database shows per caller; private data that only an owner's reply (a
field of `OWNED`, or the draft by its secret) can hold; the reply to a mutation of the caller."""
