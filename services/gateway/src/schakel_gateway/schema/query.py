"""The questions. Each field is one statement on the network view (or one call to an owner) in the operation's snapshot."""

from collections.abc import Awaitable
from typing import Annotated

import strawberry
from strawberry import ID

from schakel_gateway.operation import Operation
from schakel_gateway.reads import companies, events, fieldlabs, matching, network
from schakel_gateway.schema.enums import Level
from schakel_gateway.schema.inputs.filters import ActivityFilter, CaseFilter, FieldlabFilter
from schakel_gateway.schema.scalars import Instant
from schakel_gateway.schema.types.companies import Company, Me
from schakel_gateway.schema.types.events import Activity, ActivityConnection, Case, CaseConnection
from schakel_gateway.schema.types.fieldlabs import Fieldlab, FieldlabConnection, Hub
from schakel_gateway.schema.types.matching import Challenge, Draft, HubDesk, Referral, ReferralConnection
from schakel_gateway.schema.types.network import Network, PublishedFigure, Technology

Info = strawberry.Info[Operation, None]
Answer = Awaitable[object]
"""An object of camelCase keys (or a list of them, or None) that the default resolver picks from."""

Filter = strawberry.argument(name="filter")
Id = strawberry.argument(name="id")
After = Annotated[str | None, strawberry.argument(description="The `endCursor` of the page before.")]


@strawberry.type
class Query:
    """What can be asked; who may ask it is in `access.RULES`."""

    @strawberry.field(graphql_type=Me | None, description="Who is signed in; null for anonymous.")
    def me(self, info: Info) -> Answer:
        return companies.me(info.context)

    @strawberry.field(graphql_type=FieldlabConnection, description="By name; `first` is at most 100.")
    def fieldlabs(
        self,
        info: Info,
        where: Annotated[FieldlabFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        return fieldlabs.page(info.context, where, first, after)

    @strawberry.field(graphql_type=Fieldlab | None)
    def fieldlab(self, info: Info, slug: str) -> Answer:
        return fieldlabs.one(info.context, slug)

    @strawberry.field(graphql_type=list[Hub], description="The regional hubs and the national programme office.")
    def hubs(self, info: Info) -> Answer:
        return fieldlabs.hubs(info.context)

    @strawberry.field(graphql_type=Company | None, description="Yours with this id, or the first you are a member of.")
    def my_company(self, info: Info, company_id: Annotated[ID | None, Id] = None) -> Answer:
        return companies.mine(info.context, company_id)

    @strawberry.field(graphql_type=Draft | None, description="Asked of the matching service; null when secret or id is wrong.")
    def draft(self, info: Info, draft_id: Annotated[ID, Id], secret: str) -> Answer:
        return info.context.owners.draft(info.context, draft_id, secret)

    @strawberry.field(graphql_type=Challenge | None)
    def challenge(self, info: Info, challenge_id: Annotated[ID, Id]) -> Answer:
        return matching.challenge(info.context, challenge_id)

    @strawberry.field(graphql_type=list[Challenge], description="Of your companies, newest first.")
    def my_challenges(self, info: Info) -> Answer:
        return matching.my_challenges(info.context)

    @strawberry.field(graphql_type=list[Referral], description="Of your companies, newest first.")
    def my_referrals(self, info: Info) -> Answer:
        return matching.my_referrals(info.context)

    @strawberry.field(graphql_type=HubDesk, description="All requests of the hub's companies; for that hub.")
    def hub_desk(self, info: Info, hub: str, first: int = 50, after: After = None) -> Answer:
        return matching.hub_desk(info.context, hub, first, after)

    @strawberry.field(graphql_type=ReferralConnection, description="The requests of a fieldlab; for that fieldlab.")
    def fieldlab_inbox(self, info: Info, fieldlab: str, first: int = 50, after: After = None) -> Answer:
        return matching.fieldlab_inbox(info.context, fieldlab, first, after)

    @strawberry.field(graphql_type=Referral | None)
    def referral(self, info: Info, referral_id: Annotated[ID, Id]) -> Answer:
        return matching.referral(info.context, referral_id)

    @strawberry.field(graphql_type=ActivityConnection, description="What comes, soonest first; then what was, latest first.")
    def activities(
        self,
        info: Info,
        where: Annotated[ActivityFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        return events.activities(info.context, where, first, after)

    @strawberry.field(graphql_type=Activity | None)
    def activity(self, info: Info, slug: str) -> Answer:
        return events.activity(info.context, slug)

    @strawberry.field(graphql_type=CaseConnection, description="Newest first.")
    def cases(
        self,
        info: Info,
        where: Annotated[CaseFilter | None, Filter] = None,
        first: int = 20,
        after: After = None,
    ) -> Answer:
        return events.cases(info.context, where, first, after)

    @strawberry.field(graphql_type=Case | None)
    def case(self, info: Info, slug: str) -> Answer:
        return events.case(info.context, slug)

    @strawberry.field(graphql_type=Network, description="The figures; they add up at every level, for any moment in the past.")
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
        return network.network(info.context, as_of, known_at, level, region)

    @strawberry.field(graphql_type=list[PublishedFigure], description="Figures of letters and monitors, with their source.")
    def figures(self, info: Info, level: Level | None = None, subject: str | None = None) -> Answer:
        return network.figures(info.context, level, subject)

    @strawberry.field(graphql_type=list[Technology], description="The vocabulary that themes and concepts refer to.")
    def technologies(self, info: Info) -> Answer:
        return network.technologies(info.context)
