"""HTTP in and out: what is sent becomes a command or a query, and nothing is decided here."""

from typing import Final

from schakel_matching.api import anonymous, challenges, explanations, opportunities, private, referrals

ROUTERS: Final = (
    anonymous.router,
    challenges.router,
    explanations.router,
    referrals.router,
    private.router,
    opportunities.router,
)
