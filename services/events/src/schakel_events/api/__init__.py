"""HTTP in and out: what is sent becomes a command or a query, and nothing is decided here."""

from typing import Final

from schakel_events.api import activities, cases

ROUTERS: Final = (activities.router, cases.router)
