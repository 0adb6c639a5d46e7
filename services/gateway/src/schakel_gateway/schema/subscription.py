"""The one subscription: what happens to my introductions."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from schakel_gateway.following import follow
from schakel_gateway.operation import Operation
from schakel_gateway.schema.types.matching import Referral


async def my_referrals(
    info: strawberry.Info[Operation, None],
    after: Annotated[
        int | None, strawberry.argument(description="`extensions.snapshot.position` of an earlier answer.")
    ] = None,
) -> AsyncGenerator[object, None]:
    """Each introduction of your companies with a newer version, from now on or from a position on."""
    async for referral in follow(info.context, after):
        yield referral


_my_referrals: StrawberryField = strawberry.subscription(  # type: ignore[assignment] # typed as what it yields
    resolver=my_referrals, graphql_type=Referral, description=my_referrals.__doc__
)
Subscription = create_type(
    "Subscription",
    [_my_referrals],
    description="Sent over WebSocket (graphql-transport-ws) only; it ends with the access token.",
)
