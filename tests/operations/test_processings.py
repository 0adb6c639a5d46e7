"""Every route says whether it is a processing of personal data, and each processing is in the register."""

from collections.abc import Mapping, Sequence

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from schakel_events.api import ROUTERS as EVENTS
from schakel_events.api.processings import PROCESSINGS as OF_EVENTS
from schakel_local.places import CHECKOUT
from schakel_matching.api import ROUTERS as MATCHING
from schakel_matching.api.processings import PROCESSINGS as OF_MATCHING
from schakel_registry.api import ROUTERS as REGISTRY
from schakel_registry.api.processings import PROCESSINGS as OF_REGISTRY

SERVICES = [(REGISTRY, OF_REGISTRY), (MATCHING, OF_MATCHING), (EVENTS, OF_EVENTS)]


@pytest.mark.parametrize(("routers", "processings"), SERVICES)
def test_every_route_is_in_the_table_and_nothing_else(
    routers: Sequence[APIRouter], processings: Mapping[str, str | None]
) -> None:
    routes = {
        f"{method} {route.path}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }

    assert routes == set(processings)


@pytest.mark.parametrize(("routers", "processings"), SERVICES)
def test_every_processing_is_described_in_the_register(
    routers: Sequence[APIRouter], processings: Mapping[str, str | None]
) -> None:
    assert routers
    register = (CHECKOUT / "docs" / "privacy" / "register.md").read_text()
    for activity in {each for each in processings.values() if each is not None}:
        assert f"\n## {activity}\n" in register, activity
