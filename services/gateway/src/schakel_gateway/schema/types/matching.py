"""Needs, who can help with them and why, and introductions."""

import strawberry

from schakel_gateway.schema.enums import (
    ChallengeStatus,
    DeclineReason,
    Judging,
    Language,
    Outcome,
    Party,
    PrivateState,
    ReferralStatus,
    SizeClass,
)
from schakel_gateway.schema.scalars import Instant
from schakel_gateway.schema.types.companies import Company
from schakel_gateway.schema.types.fieldlabs import Fieldlab
from schakel_gateway.schema.types.needs import ChallengeNews, Ending, FoundNeed, MatchPart, Told
from schakel_gateway.schema.types.shared import PageInfo, private, private_state


@strawberry.type
class Ended:
    """Why a fieldlab that would have fitted is no choice any more."""

    on: str | None
    successor: str | None


@strawberry.type
class Match:
    """A fieldlab that may help, with reasons that add up."""

    slug: str
    name: str
    rank: int
    score: float
    parts: list[MatchPart]
    unknown: list[str] = strawberry.field(description="What is not known of it; neutral in the score.")
    ended: Ended | None
    needs: list[str] = strawberry.field(description="Ids of the needs that it serves, best first.")
    outside_region: bool = strawberry.field(description="Shown by the rule of one clearly better one from elsewhere.")


@strawberry.type
class Draft:
    """A need typed without an account; kept 30 days, readable with its secret only."""

    id: strawberry.ID
    text: str
    language: Language
    postcode: str | None
    sbi: str | None
    concepts: list[str]
    no_fit: bool = strawberry.field(description="Nothing fits well enough; the hub can be asked to call.")
    matches: list[Match]
    needs: list[FoundNeed]
    endings: list[Ending]
    hub: str | None = strawberry.field(description="Slug of the hub of the postcode, or `national`.")
    told: Told | None


@strawberry.type
class RankedFieldlab:
    """A place in the slate that the company was shown."""

    fieldlab: str
    rank: int
    score: float


@strawberry.type
class Message:
    """What one wrote to the other about an introduction."""

    at: Instant
    by: Party
    text: str


@strawberry.type
class Referral:
    """An introduction of a company to a fieldlab, followed to its outcome."""

    id: strawberry.ID
    version: int = strawberry.field(description="Pass it as `ifVersion` when answering.")
    status: ReferralStatus
    challenge_id: strawberry.ID
    company_id: strawberry.ID
    fieldlab_slug: str
    fieldlab_hub: str
    home_hub: str
    routed_hub: str
    province: str | None
    requested_at: Instant
    waiting_on: Party | None
    due_on: str | None
    answered_at: Instant | None
    decline_reason: DeclineReason | None
    outcome: Outcome | None
    outcome_on: str | None
    fieldlab: Fieldlab | None
    company: Company | None
    challenge: "Challenge | None"
    private_state: PrivateState = private_state()
    messages: list[Message] | None = private()


@strawberry.type
class ReferralConnection:
    """One page of introductions, newest first."""

    nodes: list[Referral]
    total_count: int
    page_info: PageInfo


@strawberry.type
class Judgement:
    """What an adviser of the company's hub says of a fieldlab, beside the slate: no score and no rank moves by it."""

    fieldlab: str
    action: Judging
    reason: str | None
    hub: str
    at: Instant


@strawberry.type
class Challenge:
    """A company's need; its words and the reasons of the matches stay with the matching service."""

    id: strawberry.ID
    version: int
    status: ChallengeStatus
    company_id: strawberry.ID
    home_hub: str
    routed_hub: str
    submitted_on: str
    language: Language
    province: str | None
    municipality_code: str | None
    sbi_division: str | None
    concepts: list[str]
    model: str
    slate: list[RankedFieldlab] = strawberry.field(description="Best first.")
    news: ChallengeNews | None = strawberry.field(description="The last change of the slate by itself that matters.")
    shared: bool = strawberry.field(
        description="The company agreed that fieldlabs and hubs that it may suit see the need, without its name."
    )
    company: Company | None
    referrals: list[Referral] = strawberry.field(description="Those that you may see.")
    private_state: PrivateState = private_state()
    text: str | None = private()
    matches: list[Match] | None = private()
    needs: list[FoundNeed] | None = private()
    endings: list[Ending] | None = private()
    told: Told | None = private()
    judgements: list[Judgement] | None = private()


@strawberry.type
class OpportunityFit:
    """A fieldlab that a need fits: as it stands in the slate that the company sees, or below it."""

    fieldlab: str
    name: str
    rank: int | None = strawberry.field(description="Null: an adviser added it beside the slate.")
    score: float | None
    parts: list[MatchPart]
    judgement: Judging | None = strawberry.field(description="What the company's adviser says of it.")
    shown: bool = strawberry.field(
        default=True,
        description="In the company's slate; otherwise `rank` is the place in the whole order.",
    )


@strawberry.type
class Opportunity:
    """An open need that its company agreed to show, without a name, to those whom it fits."""

    challenge_id: strawberry.ID
    submitted_on: str
    hub: str = strawberry.field(description="The desk to ask for the company.")
    language: Language
    text: str = strawberry.field(description="What identifies somebody in it is hidden.")
    concepts: list[str]
    sbi_division: str | None
    size_class: SizeClass
    municipality_code: str | None
    postcode: str | None = strawberry.field(description="Four digits; null of a very small firm.")
    fits: list[OpportunityFit] = strawberry.field(description="Best first.")


@strawberry.type
class BundledNeed:
    """A need in a bundle; what identifies somebody in its text is hidden."""

    challenge_id: strawberry.ID
    text: str


@strawberry.type
class Bundle:
    """Similar needs of at least three companies of a hub that agreed to it: one session could serve them."""

    concepts: list[str] = strawberry.field(description="Technologies that all of them share.")
    words: list[str] = strawberry.field(description="The companies' own words for these, the most used first.")
    companies: int
    needs: list[BundledNeed]


@strawberry.type
class CallBack:
    """Somebody who asked to be called."""

    id: strawberry.ID
    name: str
    phone: str
    when: str
    postcode: str | None
    asked_at: Instant | None
    text: str | None = strawberry.field(description="The need that was typed, where there is one.")


@strawberry.type
class DeskCounts:
    """How much lies on the desk."""

    open: int
    waiting_on_fieldlab: int
    waiting_on_company: int
    waiting_on_hub: int
    overdue: int
    completed: int
    companies_to_verify: int


@strawberry.type
class HubDesk:
    """One desk for all requests of a hub's companies, also those served elsewhere."""

    hub: str
    requests: ReferralConnection
    challenges: list[Challenge] = strawberry.field(description="Open needs of the hub's companies, newest first.")
    companies_to_verify: list[Company]
    counts: DeskCounts
    call_backs_state: PrivateState = private_state()
    call_backs: list[CallBack] | None = strawberry.field(
        description="Read from the matching service after the snapshot closed; null unless `callBacksState` is OK."
    )
