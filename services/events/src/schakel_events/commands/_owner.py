"""Who owns what is planned and told: the leaf of an owner, and the fieldlabs that this service has heard of."""

from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common import replica
from schakel_common.problems import FieldError, Problem
from schakel_contracts.topics import FIELDLABS
from schakel_events.model import leaf_of, unknown_keys


async def owning_leaf(session: AsyncSession, scope: str) -> str:
    """Return the leaf at which what a scope owns counts; of a fieldlab its hub, from this service's own copy.

    Raises:
        Problem: ``not-yet-known`` when this service has not heard of the fieldlab; ``forbidden`` when the scope can
            own nothing here.
    """
    kind, _, slug = scope.partition(":")
    hub: str | None = None
    if kind == "fieldlab":
        known = await replica.find(session, FIELDLABS, slug=slug)
        if not known:
            raise Problem("not-yet-known", retry_after_seconds=1)
        hub = known[0].hub
    leaf = leaf_of(scope, hub)
    if leaf is None:
        raise Problem("forbidden")
    return leaf


async def unknown_fieldlabs(session: AsyncSession, field: str, slugs: Sequence[str]) -> list[FieldError | None]:
    """Return an error per slug that is no fieldlab of which this service has heard."""
    known = {slug for slug in slugs if await replica.find(session, FIELDLABS, slug=slug)}
    return unknown_keys(field, slugs, known, "fieldlab-unknown")
