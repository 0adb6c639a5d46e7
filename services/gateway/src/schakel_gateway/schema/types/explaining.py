"""Why a fieldlab stands where it stands, and what it can tell of itself to be found."""

import strawberry

from schakel_gateway.schema.enums import KeptOut
from schakel_gateway.schema.types.matching import Match


@strawberry.type
class OrderChange:
    """What would change the order; computed by ranking anew."""

    fact: str = strawberry.field(description="A word of `unknown`: it would be known, or would cost nothing any more.")
    missing: bool = strawberry.field(description="Nobody told it; otherwise it costs points now.")
    gain: float = strawberry.field(description="Points at most.")
    rank: int = strawberry.field(description="The place that it alone would give; 0 for none.")


@strawberry.type
class Why:
    """One fieldlab in the whole order of a need."""

    match: Match = strawberry.field(description="Its `rank` is the place in the whole order, or 0.")
    of: int = strawberry.field(description="How many fieldlabs are in the order.")
    kept_out: KeptOut | None = strawberry.field(description="The hard rule that keeps it out.")
    campus: list[str] = strawberry.field(description="Names of those that take the places of its campus.")
    short: float = strawberry.field(description="Points that it lacks for the third place.")
    changes: list[OrderChange] = strawberry.field(description="Most points first.")
    enough: list[str] = strawberry.field(description="The fewest facts that together bring it to the first three.")


@strawberry.type
class CoachTip:
    """Something that a fieldlab does not tell of itself, or that costs it points."""

    fact: str
    missing: bool
    times: int = strawberry.field(description="Needs for which it stood just outside the first three.")
    lifted: int = strawberry.field(description="How many of those it alone would have brought to the first three.")


@strawberry.type
class Coaching:
    """How often a fieldlab was found lately: counts only."""

    since: str
    needs: int
    top: int = strawberry.field(description="Of how many it is among the first three.")
    just_outside: int = strawberry.field(description="Of how many it is one of the three after those.")
    tips: list[CoachTip]
