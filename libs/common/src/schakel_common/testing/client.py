"""Calling an application in the test's own process and event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
from fastapi import FastAPI


@asynccontextmanager
async def api_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Open the application's lifespan and return a client for it; an error that escapes the application is a 500."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
            yield client


def idempotency_key() -> dict[str, str]:
    """Return the header of a new command."""
    return {"Idempotency-Key": str(uuid4())}
