"""Tables and migrations say the same."""

import pytest
from matching_world import World

from schakel_common.migrations import drift
from schakel_matching.tables import Base


@pytest.mark.postgres
async def test_autogenerate_finds_nothing_to_change(world: World) -> None:
    assert await drift(world.database.url, Base.metadata) == []
