import pytest

from schakel_common.migrations import drift
from schakel_events.tables import Base

pytestmark = pytest.mark.postgres


async def test_autogenerate_finds_nothing_to_change(database_url: str) -> None:
    assert await drift(database_url, Base.metadata) == []
