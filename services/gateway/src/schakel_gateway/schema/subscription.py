"""The one subscription: what happens to my introductions."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from schakel_gateway.following import follow
from schakel_gateway.operation import Operation
from schakel_gateway.schema.types.matching import Referral


@strawberry.type
class Subscription:
    """Sent over WebSocket (graphql-transport-ws) only; it ends with the access token."""

    @strawberry.subscription(
        graphql_type=Referral,
        description="Each introduction of your companies that has a newer version, from now on or from a position on.",
    )
    async def my_referrals(
        self,
        info: strawberry.Info[Operation, None],
        after: Annotated[
            int | None, strawberry.argument(description="`extensions.snapshot.position` of an earlier answer.")
        ] = None,
    ) -> AsyncGenerator[object, None]:
        async for referral in follow(info.context, after):
            yield referral
