"""The questions. Each is one statement on the network view in the operation's snapshot, or one call to an owner."""

from typing import Annotated

import strawberry
from strawberry import ID

from schakel_gateway.reads import companies, events, fieldlabs, matching, network
from schakel_gateway.schema.enums import Level
from schakel_gateway.schema.inputs.filters import ActivityFilter, CaseFilter, FieldlabFilter
from schakel_gateway.schema.roots import Answer, Info, asked, selected
from schakel_gateway.schema.scalars import Instant
from schakel_gateway.schema.types.companies import Company, Me
from schakel_gateway.schema.types.events import Activity, ActivityConnection, Case, CaseConnection
from schakel_gateway.schema.types.explaining import Coaching, Why
from schakel_gateway.schema.types.fieldlabs import Fieldlab, FieldlabConnection, Hub
from schakel_gateway.schema.types.matching import (
    Bundle,
    Challenge,
    Draft,
    HubDesk,
    Opportunity,
    Referral,
    ReferralConnection,
)
from schakel_gateway.schema.types.network import Network, PublishedFigure, Technology, WhiteSpots

Filter = strawberry.argument(name="filter")
Id = strawberry.argument(name="id")
After = Annotated[str | None, strawberry.argument(description="The `endCursor` of the page before.")]


@strawberry.type
class Query:
    """What can be asked; a field that needs a scope says so."""

    @asked(Me | None)
    def me(self, info: Info) -> Answer:
        """Who is signed in; null for anonymous."""
        return companies.me(info.context)

    @asked(FieldlabConnection)
    def fieldlabs(
        self,
        info: Info,
        where: Annotated[FieldlabFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        """By name; `first` is at most 100."""
        of_page, of_node = selected(info), selected(info, "nodes")
        return fieldlabs.page(info.context, where, first, after, of_page=of_page, of_node=of_node)

    @asked(Fieldlab | None)
    def fieldlab(self, info: Info, slug: str) -> Answer:
        """The fieldlab with this slug."""
        return fieldlabs.one(info.context, slug)

    @asked(list[Hub])
    def hubs(self, info: Info) -> Answer:
        """The regional hubs and the national programme office."""
        return fieldlabs.hubs(info.context)

    @asked(Company | None)
    def my_company(self, info: Info, company_id: Annotated[ID | None, Id] = None) -> Answer:
        """Yours with this id, or the first you are a member of."""
        return companies.mine(info.context, company_id)

    @asked(Draft | None)
    def draft(self, info: Info, draft_id: Annotated[ID, Id], secret: str) -> Answer:
        """Asked of the matching service; null when secret or id is wrong."""
        return info.context.owners.draft(info.context, draft_id, secret)

    @asked(Challenge | None)
    def challenge(self, info: Info, challenge_id: Annotated[ID, Id]) -> Answer:
        """A challenge that you may see."""
        return matching.challenge(info.context, challenge_id)

    @asked(list[Challenge])
    def my_challenges(self, info: Info) -> Answer:
        """Of your companies, newest first."""
        return matching.my_challenges(info.context)

    @asked(list[Referral])
    def my_referrals(self, info: Info) -> Answer:
        """Of your companies, newest first."""
        return matching.my_referrals(info.context)

    @asked(HubDesk)
    def hub_desk(self, info: Info, hub: str, first: int = 50, after: After = None) -> Answer:
        """All requests of the hub's companies; for that hub."""
        return matching.hub_desk(info.context, hub, first, after)

    @asked(ReferralConnection)
    def fieldlab_inbox(self, info: Info, fieldlab: str, first: int = 50, after: After = None) -> Answer:
        """The requests of a fieldlab; for that fieldlab."""
        return matching.fieldlab_inbox(info.context, fieldlab, first, after)

    @asked(Why | None)
    def why(
        self,
        info: Info,
        fieldlab: str,
        draft_id: ID | None = None,
        draft_secret: str | None = None,
        challenge_id: ID | None = None,
    ) -> Answer:
        """Why a fieldlab stands where it stands for a need: of a draft with its secret, or of a challenge.

        Asked of the matching service; null when there is no such need or published fieldlab.
        """
        draft = (draft_id, draft_secret or "") if draft_id is not None else None
        owners = info.context.owners
        return owners.why(info.context.session, fieldlab, draft=draft, challenge_id=challenge_id)

    @asked(Coaching | None)
    def fieldlab_coaching(self, info: Info, fieldlab: str) -> Answer:
        """What the needs of the last 90 days say of a fieldlab's record, as counts; for that fieldlab."""
        return info.context.owners.coaching(info.context.session, fieldlab)

    @asked(list[Opportunity])
    def fieldlab_opportunities(self, info: Info, fieldlab: str) -> Answer:
        """Shared needs that fit a fieldlab, best first, asked of the matching service; for that fieldlab."""
        return info.context.owners.opportunities(info.context.session, fieldlab=fieldlab)

    @asked(list[Opportunity])
    def hub_opportunities(self, info: Info, hub: str) -> Answer:
        """Shared needs that fit a fieldlab of a hub, best first, asked of the matching service; for that hub."""
        return info.context.owners.opportunities(info.context.session, hub=hub)

    @asked(list[Bundle])
    def hub_bundles(self, info: Info, hub: str) -> Answer:
        """Similar shared needs of a hub's companies, asked of the matching service; for that hub."""
        return info.context.owners.bundles(info.context.session, hub)

    @asked(Referral | None)
    def referral(self, info: Info, referral_id: Annotated[ID, Id]) -> Answer:
        """An introduction that you may see."""
        return matching.referral(info.context, referral_id)

    @asked(ActivityConnection)
    def activities(
        self,
        info: Info,
        where: Annotated[ActivityFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        """What comes, soonest first; then what was, latest first."""
        return events.activities(info.context, where, first, after)

    @asked(Activity | None)
    def activity(self, info: Info, slug: str) -> Answer:
        """The activity with this slug."""
        return events.activity(info.context, slug)

    @asked(CaseConnection)
    def cases(
        self,
        info: Info,
        where: Annotated[CaseFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        """Newest first."""
        return events.cases(info.context, where, first, after)

    @asked(Case | None)
    def case(self, info: Info, slug: str) -> Answer:
        """The case with this slug; one that was taken back says so."""
        return events.case(info.context, slug)

    @asked(Network)
    def network(
        self,
        info: Info,
        as_of: Annotated[
            str | None,
            strawberry.argument(description="When it was so: an instant, or a day (its end in Europe/Amsterdam)."),
        ] = None,
        known_at: Annotated[
            Instant | None,
            strawberry.argument(description="As it was known then; never later than what is complete."),
        ] = None,
        level: Level = Level.NATIONAL,
        region: Annotated[
            str | None,
            strawberry.argument(description="Slug of a hub (level HUB) or of a fieldlab (level FIELDLAB)."),
        ] = None,
    ) -> Answer:
        """The figures; they add up at every level, for any moment in the past."""
        return network.network(info.context, as_of, known_at, level, region)

    @asked(WhiteSpots)
    def white_spots(
        self,
        info: Info,
        region: Annotated[
            str | None, strawberry.argument(description="Slug of a hub; without it, the country.")
        ] = None,
    ) -> Answer:
        """Demand without supply; exact for the national team and, of its own provinces, for a hub."""
        return network.white_spots(info.context, region)

    @asked(list[PublishedFigure])
    def figures(self, info: Info, level: Level | None = None, subject: str | None = None) -> Answer:
        """Figures of letters and monitors, with their source."""
        return network.figures(info.context, level, subject)

    @asked(list[Technology])
    def technologies(self, info: Info) -> Answer:
        """The vocabulary that themes and concepts refer to."""
        return network.technologies(info.context)
