"""Inputs about needs and introductions."""

from typing import Final

import strawberry

from schakel_gateway.schema.enums import DeclineReason, JudgingStep, Language, Outcome, SizeClass
from schakel_gateway.schema.inputs.companies import IF_VERSION

NEEDS: Final = "Pieces of the text, word for word, each one need; without them the text is cut by itself."


@strawberry.input
class CreateDraftInput:
    """A need in one's own words; no account needed."""

    text: str
    language: Language
    postcode: str | None = strawberry.UNSET
    sbi: str | None = strawberry.UNSET


@strawberry.input
class TechnologiesInput:
    """Keys of `technologies`: which are asked, and which are not, whatever was read."""

    right: list[str] = strawberry.field(default_factory=list)
    wrong: list[str] = strawberry.field(default_factory=list)


@strawberry.input
class CorrectDraftInput:
    """Say which needs and technologies are right; it replaces what was told before, and the draft is matched anew."""

    draft_id: strawberry.ID
    draft_secret: str
    needs: list[str] | None = strawberry.field(default=strawberry.UNSET, description=NEEDS)
    technologies: TechnologiesInput | None = strawberry.UNSET
    service_wanted: str | None = strawberry.UNSET
    trl: int | None = strawberry.UNSET
    size_class: SizeClass | None = strawberry.UNSET


@strawberry.input
class CorrectChallengeInput:
    """Say which needs and technologies are right; it replaces what was told before, and the need is matched anew."""

    challenge_id: strawberry.ID
    needs: list[str] | None = strawberry.field(default=strawberry.UNSET, description=NEEDS)
    technologies: TechnologiesInput | None = strawberry.UNSET
    service_wanted: str | None = strawberry.UNSET
    trl: int | None = strawberry.UNSET
    size_class: SizeClass | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RequestCallBackInput:
    """Ask the hub to call."""

    name: str
    phone: str
    when: str
    draft_id: strawberry.ID | None = strawberry.UNSET
    draft_secret: str | None = strawberry.UNSET
    postcode: str | None = strawberry.UNSET


@strawberry.input
class FinishCallBackInput:
    """The call was made."""

    call_back_id: strawberry.ID


@strawberry.input
class SubmitChallengeInput:
    """Make a need the company's: claim a draft with its secret, or give the text and its language."""

    company_id: strawberry.ID
    draft_id: strawberry.ID | None = strawberry.UNSET
    draft_secret: str | None = strawberry.UNSET
    text: str | None = strawberry.UNSET
    language: Language | None = strawberry.UNSET
    establishment_id: strawberry.ID | None = strawberry.UNSET
    shared: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Fieldlabs and hubs that it may suit see the need, without the company's name; no by default.",
    )


@strawberry.input
class WithdrawChallengeInput:
    """The need is no more."""

    challenge_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class ShareChallengeInput:
    """Give or withdraw the consent to show a need, without a name, to fieldlabs and hubs that it may suit."""

    challenge_id: strawberry.ID
    shared: bool
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class JudgeFieldlabInput:
    """Add, pin or drop a fieldlab beside a need's slate, with the reason; for an adviser of the company's hub."""

    challenge_id: strawberry.ID
    fieldlab: str = strawberry.field(description="Slug.")
    action: JudgingStep
    reason: str = strawberry.field(description="10 to 500 characters; the company reads it.")
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RequestReferralInput:
    """Ask for an introduction to a fieldlab."""

    challenge_id: strawberry.ID
    fieldlab: str = strawberry.field(description="Slug.")
    message: str | None = strawberry.UNSET


@strawberry.input
class AcceptReferralInput:
    """Yes, let us talk."""

    referral_id: strawberry.ID
    message: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class DeclineReferralInput:
    """No, with the reason; the hub looks for another."""

    referral_id: strawberry.ID
    reason: DeclineReason
    message: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class AskQuestionInput:
    """Ask the company something before answering."""

    referral_id: strawberry.ID
    message: str
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class AnswerQuestionInput:
    """Answer the fieldlab's question."""

    referral_id: strawberry.ID
    message: str
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class WithdrawReferralInput:
    """The introduction is not wanted any more."""

    referral_id: strawberry.ID
    message: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RecordOutcomeInput:
    """What came of it, on the day it happened."""

    referral_id: strawberry.ID
    outcome: Outcome
    on: str
    message: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)
