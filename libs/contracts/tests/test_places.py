from uuid import UUID

import pytest

from schakel_contracts.ids import register_id
from schakel_contracts.places import HUB_OF_PROVINCE, HUBS, PROVINCE_OF_CBS, hub_of_province
from schakel_contracts.topics import FIELDLABS, TOPICS, dead_letter_topic, heartbeat_topic, topics_of


def test_every_province_has_one_hub_and_what_is_not_known_is_unassigned() -> None:
    assert len(HUB_OF_PROVINCE) == 12
    assert set(HUB_OF_PROVINCE.values()) == set(HUBS)
    assert set(PROVINCE_OF_CBS.values()) == set(HUB_OF_PROVINCE)
    assert hub_of_province("NL-ZE") == "zuid"
    assert hub_of_province(None) == hub_of_province("BE-VAN") == "unassigned"


def test_the_id_of_a_record_is_the_same_in_every_installation() -> None:
    assert register_id("fieldlab", "robohouse") == UUID("9eab6782-adf1-5e8f-a38e-5c2e1f730740")
    assert register_id("hub", "robohouse") != register_id("fieldlab", "robohouse")


def test_names_of_topics_are_kebab_case_and_belong_to_one_service() -> None:
    assert {topic.owner for topic in TOPICS.values()} == {"registry", "matching", "events"}
    assert sum(len(topics_of(owner)) for owner in ("registry", "matching", "events")) == len(TOPICS) == 9
    assert dead_letter_topic(FIELDLABS.name, "matching") == "registry-fieldlabs-v1-dlq-matching"
    assert heartbeat_topic("events") == "events-heartbeats-v1"


def test_a_topic_knows_only_what_happens_to_its_aggregate() -> None:
    assert FIELDLABS.type_of("recognised") == "nl.smartindustry.fieldlabs.recognised.v1"
    with pytest.raises(ValueError, match="merged does not happen to a fieldlab; known: registered, described"):
        FIELDLABS.type_of("merged")
