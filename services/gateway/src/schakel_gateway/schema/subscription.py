"""The one subscription: what happens to my introductions."""

from collections.abc import AsyncGenerator

import strawberry

from schakel_gateway.operation import Operation
from schakel_gateway.schema.types.matching import Referral


@strawberry.type
class Subscription:
    """Sent over WebSocket (graphql-transport-ws) only; it ends with the access token."""

    @strawberry.subscription(
        graphql_type=Referral,
        description="First each introduction that you may see, then every newer version of one.",
    )
    async def my_referrals(self, info: strawberry.Info[Operation, None]) -> AsyncGenerator[object, None]:
        async for referral in info.context.follow():
            yield referral
