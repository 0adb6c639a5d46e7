"""Helpers of tests; production code never imports them."""

from schakel_common.testing.client import api_client, idempotency_key
from schakel_common.testing.databases import service_database
from schakel_common.testing.tokens import TokenIssuer

__all__ = ["TokenIssuer", "api_client", "idempotency_key", "service_database"]
