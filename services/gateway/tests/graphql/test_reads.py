"""Each root field's statement on a view with rows: the exact JSON."""

import pytest
from gateway_world import Client

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("seeded")]


async def test_fieldlabs_are_paged_by_name_and_hide_what_is_not_published(client: Client) -> None:
    query = """query Labs($after: String) {
        fieldlabs(first: 1, after: $after) { totalCount
            nodes { slug version recognition { status on } confirmed { on } }
            pageInfo { hasNextPage endCursor } } }"""
    first = await client.ask(query)
    assert first["data"]["fieldlabs"]["totalCount"] == 2
    assert first["data"]["fieldlabs"]["nodes"] == [
        {"slug": "dronelab", "version": 1, "recognition": {"status": "RECOGNISED", "on": "2016"}, "confirmed": None}
    ]
    assert first["data"]["fieldlabs"]["pageInfo"]["hasNextPage"] is True
    second = await client.ask(query, {"after": first["data"]["fieldlabs"]["pageInfo"]["endCursor"]})
    assert [node["slug"] for node in second["data"]["fieldlabs"]["nodes"]] == ["robohouse"]
    assert second["data"]["fieldlabs"]["pageInfo"]["hasNextPage"] is False
