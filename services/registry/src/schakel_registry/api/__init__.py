"""HTTP in and out: what is sent becomes a command or a query, and nothing is decided here."""

from typing import Final

from schakel_registry.api import companies, fieldlabs, private

ROUTERS: Final = (companies.router, fieldlabs.router, private.router)
